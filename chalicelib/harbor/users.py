"""Users. Source: Harbor `src/server/v2.0/handler/user.go`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import Listed, listed, page_response
from chalicelib.harbor.query import Criterion, Kind, Order
from chalicelib.harbor.views import moment
from chalicelib.http import Response, json_response
from chalicelib.rbac import grants
from chalicelib.rbac.authority import Authority, forbidden, unauthorized
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.csrf import Csrf
from chalicelib.rbac.login import Login
from chalicelib.rbac.model import OIDC, Facts, User
from chalicelib.rbac.people import UserRow
from chalicelib.rbac.permissions import Permission
from chalicelib.rbac.users import Profile, Users

_PROJECT_SCOPE = re.compile(r"/project/([0-9]{1,19})(?:/.*)?", re.ASCII)


class UserResource:
    """The users of the registry, and what they may do to their own accounts."""

    def __init__(
        self, authority: Authority, users: Users, login: Login, csrf: Csrf, configurations: Configurations
    ) -> None:
        self._authority, self._users, self._login = authority, users, login
        self._csrf, self._configurations = csrf, configurations

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "listUsers": self._list,
            "createUser": self._create,
            "searchUsers": self._search,
            "getUser": self._get,
            "updateUserProfile": self._update_profile,
            "deleteUser": self._delete,
            "setUserSysAdmin": self._set_admin,
            "setUserEnabled": self._set_enabled,
            "updateUserPassword": self._update_password,
            "setCliSecret": self._set_secret,
            "getCurrentUserInfo": self._current,
            "getCurrentUserPermissions": self._permissions,
        }

    def _list(self, call: Call) -> Response:
        """Everybody but the first administrator, as in Harbor. `username` and `email` narrow it beside `q`."""
        self._authority.require_system(call.caller, "user", "list", now=call.now)
        asked = call.asked
        for name in ("username", "email"):
            wanted = call.request.parameter(name)
            if wanted:
                asked = asked.with_criteria(Criterion(name, Kind.CONTAINS, (wanted,)))
        found: Listed[UserRow] = listed(
            asked, natural=Order("username"), page=self._users.page, every=self._users.rows, fields_of=_fields
        )
        users = self._users.many([row.name for row in found.items])
        return page_response(call.request, asked, [user_view(user) for user in users], found.total)

    def _search(self, call: Call) -> Response:
        """Names that contain a text, for everybody who is logged in; the shortest are first."""
        self._authority.require_login(call.caller, now=call.now)
        asked, wanted = call.asked, str(call.query["username"]).lower()
        rows = sorted((len(row.name), row.name, row.user_id) for row in self._users.rows() if wanted in row.name.lower())
        page = rows[asked.offset : asked.offset + asked.page_size]
        return page_response(
            call.request, asked, [{"user_id": user_id, "username": name} for _, name, user_id in page], len(rows)
        )

    def _create(self, call: Call) -> Response:
        """By administrators; by anybody where self-registration is on, though only from a browser's session."""
        facts = self._authority.facts(call.caller) if call.caller.name else Facts()
        if not self._authority.may_on_system(facts, "user", "create", now=call.now):
            if not self._configurations.current(now=call.now).self_registration:
                raise forbidden() if call.caller.name else unauthorized()
            if not self._csrf.is_proven(call.request):
                raise forbidden("self-registration cannot be triggered via API")
            self._login.demand_patience(call.request.client_ip, now=call.now)
        body = call.body
        user = self._users.create(
            body.get("username", ""), body.get("password", ""), profile=_profile(body), now=call.now
        )
        return created(f"/users/{user.user_id}")

    def _get(self, call: Call) -> Response:
        facts = self._demand(call, "read")
        return json_response(200, user_view(self._asked(call, facts)))

    def _update_profile(self, call: Call) -> Response:
        facts = self._demand(call, "update")
        self._users.change_profile(self._changed(call, facts), _profile(call.body), now=call.now)
        return done()

    def _delete(self, call: Call) -> Response:
        facts = self._authority.require_system(call.caller, "user", "delete", now=call.now)
        self._users.remove(self._changed(call, facts), by=facts.user, now=call.now)
        return done()

    def _set_admin(self, call: Call) -> Response:
        facts = self._authority.require_system(call.caller, "user", "update", now=call.now)
        user, is_admin = self._changed(call, facts), call.body.get("sysadmin_flag") is True
        if is_admin and facts.user is None:
            raise forbidden("a robot makes no system administrators")
        self._users.set_admin(user, is_admin=is_admin, by=facts.user, now=call.now)
        return done()

    def _set_enabled(self, call: Call) -> Response:
        facts = self._authority.require_system(call.caller, "user", "update", now=call.now)
        user = self._changed(call, facts)
        self._users.enable(user, is_enabled=call.body["enabled"], by=facts.user, now=call.now)
        return done()

    def _update_password(self, call: Call) -> Response:
        """Whoever changes their own must know the old one; wrong ones count as failed logins."""
        facts = self._demand(call, "update")
        user = self._changed(call, facts)
        if _is_self(facts, user.user_id):
            self._confirm(call, user)
        self._users.change_password(user, call.body.get("new_password", ""), now=call.now)
        return done()

    def _confirm(self, call: Call, user: User) -> None:
        credentials = Basic(user.name, call.body.get("old_password", ""))
        try:
            self._login.facts(credentials, call.request.client_ip, (), challenge="", now=call.now)
        except RegistryError as error:
            if error.code == "UNAUTHORIZED":
                raise forbidden("Current password is incorrect") from None
            raise

    def _set_secret(self, call: Call) -> Response:
        """Harbor makes a secret when none is sent and shows it ever after. Here it is hashed, so nobody would ever know it."""
        facts = self._demand(call, "update")
        user, secret = self._changed(call, facts), call.body.get("secret", "")
        if not secret:
            raise RegistryError("BAD_REQUEST", message="send the secret: only its hash is kept, so none is made here")
        self._users.set_secret(user, secret, now=call.now)
        return done()

    def _current(self, call: Call) -> Response:
        facts = self._authority.require_login(call.caller, now=call.now)
        if facts.user is None:
            message = "get current user not available for security context: robot"
            raise RegistryError("PRECONDITION", message=message)
        return json_response(200, user_view(facts.user, is_current=True))

    def _permissions(self, call: Call) -> Response:
        """What the caller may, on the registry (`/system`) or in a project (`/project/1`); any other scope: nothing."""
        facts = self._authority.require_login(call.caller, now=call.now)
        scope, found = str(call.query.get("scope", "")), list[tuple[str, Permission]]()
        project = _PROJECT_SCOPE.fullmatch(scope)
        if scope.startswith("/system"):
            found = [(f"/system/{p.resource}", p) for p in grants.on_system(facts, now=call.now)]
        elif project:
            name = self._authority.name_of(project[1], is_name=False)
            standing = self._authority.standing(call.caller, name, now=call.now)
            permissions = standing.permissions if standing else frozenset()
            found = [(f"/project/{int(project[1])}{_below_project(p)}", p) for p in permissions]
        if call.query.get("relative"):
            found = [(_relative(where, scope), p) for where, p in found if where.startswith(scope)]
        return json_response(200, [{"resource": where, "action": p.action} for where, p in sorted(found)])

    def _demand(self, call: Call, action: str) -> Facts:
        """Let people act on themselves, and others with the permission on users. One read."""
        facts = self._authority.require_login(call.caller, now=call.now)
        if not _is_self(facts, call.path["user_id"]) and not self._authority.may_on_system(
            facts, "user", action, now=call.now
        ):
            raise forbidden()
        return facts

    def _asked(self, call: Call, facts: Facts) -> User:
        user_id = call.path["user_id"]
        return facts.user if facts.user is not None and _is_self(facts, user_id) else self._users.get(user_id)

    def _changed(self, call: Call, facts: Facts) -> User:
        """The user a request changes. A robot with the permission is no administrator, so it has no power over one: with a new
        password for them it could do everything. Raises FORBIDDEN."""
        user = self._asked(call, facts)
        if facts.robot is not None and user.is_admin:
            raise forbidden("a robot does not change system administrators")
        return user


def user_view(user: User, *, is_current: bool = False) -> dict[str, Any]:
    """Render a user. The source's word on administrators is told to the user alone, as in Harbor."""
    document: dict[str, Any] = {
        "user_id": user.user_id,
        "username": user.name,
        "email": user.email,
        "realname": user.realname,
        "comment": user.comment,
        "sysadmin_flag": user.sysadmin_flag,
        "admin_role_in_auth": is_current and user.admin_role_in_auth,
        "creation_time": moment(user.created_at),
        "update_time": moment(user.updated_at),
    }
    if user.source == OIDC:
        issuer, _, subject = user.subject.partition(" ")
        document["oidc_user_meta"] = {
            "id": user.user_id,
            "user_id": user.user_id,
            "subiss": f"{subject}{issuer}",
            "creation_time": moment(user.created_at),
            "update_time": moment(user.updated_at),
        }
    return document


def _is_self(facts: Facts, user_id: int) -> bool:
    return facts.user is not None and facts.user.user_id == user_id


def _profile(body: Mapping[str, Any]) -> Profile:
    return Profile(body.get("email", ""), body.get("realname", ""), body.get("comment", ""))


def _fields(row: UserRow) -> Mapping[str, Any]:
    return {
        "user_id": row.user_id,
        "username": row.name,
        "email": row.email,
        "realname": row.realname,
        "sysadmin_flag": row.sysadmin_flag,
    }


def _below_project(permission: Permission) -> str:
    return "" if permission.resource == "project" else f"/{permission.resource}"


def _relative(where: str, scope: str) -> str:
    return where.removeprefix(scope).removeprefix("/") or "."
