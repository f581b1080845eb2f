"""Authority on the management API: who sends a request, and may they do this to a project or to the registry?

Nothing is remembered between requests but passwords found right (`Login`): rights are read at every request, so that a removed
member or a disabled user has none the moment the change is stored. Source: Harbor `src/server/v2.0/handler/base.go`
(RequireProjectAccess, RequireSystemAccess).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac import authorization, grants, passwords
from chalicelib.rbac.bearer import BearerTokens
from chalicelib.rbac.login import Login
from chalicelib.rbac.model import ANONYMOUS, Caller, Facts, Project
from chalicelib.rbac.permissions import Permission, Permissions
from chalicelib.rbac.ports import PrincipalStore, ProjectNames, VerifyingKeys
from chalicelib.rbac.tokens import TokenRefused

Authenticate = Callable[[Request, int], Caller | None]
"""A further way to find out who sends a request (a session cookie, an identity provider's token): None when it does not apply."""


class Standing(NamedTuple):
    """A caller in front of a project."""

    facts: Facts
    project: Project
    permissions: Permissions

    def may(self, resource: str, action: str) -> bool:
        """Say whether the caller has a permission in the project."""
        return Permission(resource, action) in self.permissions


class Authority:
    """Authentication and permissions for the management API."""

    def __init__(
        self,
        settings: Settings,
        store: PrincipalStore,
        names: ProjectNames,
        keys: VerifyingKeys,
        login: Login,
        others: Iterable[Authenticate] = (),
    ) -> None:
        self._settings, self._store, self._names, self._login = settings, store, names, login
        self._tokens, self._others = BearerTokens(settings, keys), tuple(others)

    def authenticate(self, request: Request, *, now: int) -> Caller:
        """Find out who sends a request: by Basic or Bearer, by what `others` know, else nobody.
        Raises UNAUTHORIZED for anything presented that is not good, TOOMANYREQUESTS after failed logins."""
        for other in self._others:
            found = other(request, now)
            if found is not None:
                return found
        header = request.header("authorization")
        if header is None:
            return ANONYMOUS
        credentials = authorization.parse(header)
        if isinstance(credentials, authorization.Basic):
            principal = self._login.principal(credentials, request.client_ip, challenge="", now=now)
            generation = passwords.generation(principal.password_hash)
            return Caller(principal.name, principal.is_admin, None, {}, generation=generation)
        if credentials is None:
            raise unauthorized()
        try:
            caller = self._tokens.caller(credentials.token, now=now)
        except TokenRefused:
            raise unauthorized() from None
        if caller.access is not None:
            raise unauthorized("a token with scopes is for the registry; ask for one without a scope")
        return caller

    def facts(self, caller: Caller, projects: Iterable[str] = ()) -> Facts:
        """Read what decides about a caller in some projects. UNAUTHORIZED: who was removed meanwhile, or has another password."""
        facts = self._store.facts(caller.name, projects)
        if caller.name and facts.principal is None:
            raise unauthorized()
        if caller.generation and facts.principal is not None:
            generation = passwords.generation(facts.principal.password_hash)
            if not hmac.compare_digest(generation, caller.generation):
                self._login.forget(caller.generation)
                raise unauthorized()
        return facts

    def require_login(self, caller: Caller, *, now: int) -> Facts:
        """Demand somebody who works: UNAUTHORIZED for anonymous, disabled and expired callers. One read."""
        if not caller.name:
            raise unauthorized()
        facts = self.facts(caller)
        if facts.principal is None or not facts.principal.works_at(now):
            raise unauthorized()
        return facts

    def require_system(self, caller: Caller, resource: str, action: str, *, now: int) -> Facts:
        """Demand a permission on the registry as a whole. Raises UNAUTHORIZED, FORBIDDEN. One read."""
        facts = self.require_login(caller, now=now)
        if Permission(resource, action) not in grants.on_system(facts, now=now):
            raise forbidden()
        return facts

    def may_on_system(self, facts: Facts, resource: str, action: str, *, now: int) -> bool:
        """Ask the same without demanding it."""
        return Permission(resource, action) in grants.on_system(facts, now=now)

    def name_of(self, name_or_id: str, *, is_name: bool) -> str:
        """Turn a path's project into a name: digits are an id unless the client says that it is a name. "" when no project
        has the id. One read for an id."""
        if is_name or not (name_or_id.isascii() and name_or_id.isdigit()):
            return name_or_id
        return self._names.name_of(int(name_or_id[:19])) or ""

    def standing(self, caller: Caller, name: str, *, now: int) -> Standing | None:
        """Read a caller's permissions in a project; None when there is no such project. One or two reads."""
        facts = self.facts(caller, [name] if name else ())
        project = facts.projects.get(name)
        return None if project is None else Standing(facts, project, grants.in_project(facts, name, now=now))

    def require(
        self, caller: Caller, name_or_id: str, resource: str, action: str, *, is_name: bool = False, now: int
    ) -> Standing:
        """Demand a permission in a project. Raises UNAUTHORIZED for anonymous callers without it, FORBIDDEN for others, also when
        there is no such project; NOT_FOUND for administrators then. Two or three reads."""
        name = self.name_of(name_or_id, is_name=is_name)
        facts = self.facts(caller, [name] if name else ())
        if facts.principal is not None and not facts.principal.works_at(now):
            raise unauthorized()
        project = facts.projects.get(name)
        if project is None and facts.user is not None and facts.user.is_admin and facts.user.is_enabled:
            raise RegistryError("NOT_FOUND", message=f"project {name_or_id[:255]} not found")
        permissions = grants.in_project(facts, name, now=now)
        if project is None or Permission(resource, action) not in permissions:
            raise forbidden() if caller.name else unauthorized()
        return Standing(facts, project, permissions)


def unauthorized(message: str | None = None) -> RegistryError:
    """Make the management API's 401; it has no challenge, which would make browsers ask for a password of their own."""
    return RegistryError("UNAUTHORIZED", message=message)


def forbidden(message: str | None = None) -> RegistryError:
    """Make the 403 of somebody who is known and may not."""
    return RegistryError("FORBIDDEN", message=message)
