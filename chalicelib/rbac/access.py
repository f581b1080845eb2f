"""Access to the registry: who sends a request, and may they do this?

A token with scopes and project ids decides without a read. It decides about the project it was issued for: after a project was
deleted and made again, a token of the old one leads to the old project's data, which is gone, until it ends (15 minutes by
default). Everything else is judged by the caller's rights, which may be `KEEP_S` seconds old when they allow and are always read
anew before they refuse: who was just given a role need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chalicelib.cache import Cache
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac import authorization, grants, trust
from chalicelib.rbac.bearer import BearerTokens
from chalicelib.rbac.configuration import READ_ONLY, Configurations
from chalicelib.rbac.login import Login
from chalicelib.rbac.model import ANONYMOUS, CATALOG, PULL, PUSH, Caller, Facts, Project, User
from chalicelib.rbac.ports import PrincipalStore, VerifyingKeys
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.tokens import TokenRefused

KEEP_S = 30
_SIZE = 4096
_ACTIONS_OF_CHALLENGE = {PULL: "pull", PUSH: "pull,push"}


class Rights(NamedTuple):
    """What a caller may do in a project, and the project if there is one."""

    actions: frozenset[str]
    project: Project | None


class Access:
    """Authentication and authorization for the registry's routes."""

    def __init__(
        self,
        settings: Settings,
        store: PrincipalStore,
        keys: VerifyingKeys,
        login: Login,
        configurations: Configurations,
        projects: Projects,
    ) -> None:
        self._settings, self._store, self._login, self._configurations = settings, store, login, configurations
        self._tokens, self._projects = BearerTokens(settings, keys), projects
        self._rights: Cache[tuple[str, str], Rights] = Cache(_SIZE, KEEP_S)

    def authenticate(self, request: Request, *, now: int) -> Caller:
        """Find out who sends a request; nobody in particular without an Authorization header.

        Raises UNAUTHORIZED with the challenge for anything presented that is not good, TOOMANYREQUESTS after failed logins.
        """
        header = request.header("authorization")
        if header is None:
            return ANONYMOUS
        credentials = authorization.parse(header)
        if isinstance(credentials, authorization.Basic):
            challenge = authorization.challenge(self._settings)
            principal = self._login.principal(credentials, request.client_ip, challenge=challenge, now=now)
            return Caller(principal.name, principal.is_admin, None, {})
        if credentials is None:
            raise self.challenge()
        try:
            return self._tokens.caller(credentials.token, now=now)
        except TokenRefused as refusal:
            challenge = authorization.challenge(self._settings, error=authorization.INVALID_TOKEN)
            raise authorization.unauthorized(challenge, detail={"reason": str(refusal)}) from None

    def is_credential(self, request: Request, *, now: int) -> bool:
        """Say whether a request is worth passing on: a good token, or a name and password, which `authenticate` will check."""
        credentials = authorization.parse(request.header("authorization") or "")
        if not isinstance(credentials, authorization.Bearer):
            return credentials is not None
        try:
            self._tokens.caller(credentials.token, now=now)
        except TokenRefused:
            return False
        return True

    def challenge(self, scope: str = "", error: str = "") -> RegistryError:
        """Make the 401 that asks for credentials, as `GET /v2/` answers who sent none."""
        return authorization.unauthorized(authorization.challenge(self._settings, scope=scope, error=error))

    def require(self, caller: Caller, project: str, repository: str, action: str, *, now: int) -> int:
        """Demand that a caller may pull, push or delete, and return the project's id.

        Raises UNAUTHORIZED with a challenge for who sent nothing and for tokens that were not asked for this though the caller
        has the right; DENIED for everybody else without the right, also when there is no such project; NAME_UNKNOWN for
        administrators then. An administrator's push makes a missing project where settings allow it.
        Nobody may push or delete while the registry is read-only: DENIED.
        """
        name = f"{project}/{repository}"
        if action != PULL and self._configurations.current(now=now).read_only:
            raise RegistryError("DENIED", message=READ_ONLY)
        is_in_scope = caller.access is not None and action in caller.access.get(name, ())
        if is_in_scope and project in caller.project_ids:
            return caller.project_ids[project]
        if caller.tags is not None:
            # A CI job: its rights are its token's, so either it may not, or it must ask a token for this repository too.
            raise self._refusal(caller, name, action) if name in (caller.access or ()) else self._out_of_scope(name, action)
        rights = self._read_rights(caller, project, action, now)
        if action not in rights.actions:
            raise self._refusal(caller, name, action)
        if caller.access is not None and not is_in_scope:
            raise self._out_of_scope(name, action)
        if rights.project is not None:
            return rights.project.project_id
        if action != PUSH or not self._settings.create_project_on_push:
            raise RegistryError("NAME_UNKNOWN", {"name": name})
        limit = self._configurations.current(now=now).project_limit_bytes
        made = self._projects.ensure(project, is_public=False, by=caller.name, now=now, limit_bytes=limit)
        return made.project_id

    def require_tags(self, caller: Caller, name: str, tags: Iterable[str], action: str) -> None:
        """Demand that a caller whose token is limited to some tags of a repository (full name) may write these; "" stands for
        all tags of a manifest. Raises DENIED."""
        for tag in tags:
            if not trust.may_write_tag(caller, name, tag, action):
                detail = {"name": name, "action": action, "tag": tag}
                raise RegistryError("DENIED", detail, message="the trust policy does not grant this on the tag")

    def may(self, caller: Caller, project: str, repository: str, action: str, *, now: int) -> int | None:
        """Ask the same of the caller's rights, whatever the token was asked for: the project's id, or None."""
        is_in_scope = caller.access is not None and action in caller.access.get(f"{project}/{repository}", ())
        if is_in_scope and project in caller.project_ids:
            return caller.project_ids[project]
        rights = self._read_rights(caller, project, action, now)
        return rights.project.project_id if rights.project and action in rights.actions else None

    def visible(self, caller: Caller, projects: Iterable[str], *, now: int) -> frozenset[str]:
        """Choose the projects the caller may pull from, by their rights. One batch read per 49 projects."""
        wanted = frozenset(projects)
        if caller.is_admin:
            user = self._store.facts(caller.name, ()).user
            if user is not None and user.is_admin and user.is_enabled:
                return wanted
        known = {name: self._rights.get((caller.name, name), now) for name in wanted}
        seen = {name for name, rights in known.items() if rights is not None and PULL in rights.actions}
        if seen != wanted:
            facts = self._store.facts(caller.name, wanted - seen)
            for name in wanted - seen:
                if PULL in self._judge(caller, facts, name, now).actions:
                    seen.add(name)
        return frozenset(seen)

    def require_catalog(self, caller: Caller) -> None:
        """Demand that a caller is logged in, with a token for `registry:catalog:*` if it has scopes. Raises UNAUTHORIZED."""
        if caller.name and (caller.access is None or "*" in caller.access.get(CATALOG, ())):
            return
        raise self.challenge(f"{CATALOG}:*", authorization.INSUFFICIENT_SCOPE if caller.access is not None else "")

    def _read_rights(self, caller: Caller, project: str, action: str, now: int) -> Rights:
        known = self._rights.get((caller.name, project), now)
        if known is not None and known.project is not None and action in known.actions:
            return known
        return self._judge(caller, self._store.facts(caller.name, [project]), project, now)

    def _judge(self, caller: Caller, facts: Facts, project: str, now: int) -> Rights:
        found = facts.projects.get(project)
        rights = Rights(grants.allowed(_facts(caller, facts), project, now=now), found)
        self._rights.put((caller.name, project), rights, now)
        return rights

    def _refusal(self, caller: Caller, name: str, action: str) -> RegistryError:
        """Anonymous callers with a token asked for this already, and were not given it: 401 would send them round again, and
        behind a REST API, which takes the challenge away, they could not even tell why."""
        if caller.name:
            return RegistryError("DENIED", {"name": name, "action": action})
        if caller.access is None:
            return self.challenge(_scope(name, action))
        return RegistryError("DENIED", {"name": name, "action": action}, message="access denied: log in first")

    def _out_of_scope(self, name: str, action: str) -> RegistryError:
        return self.challenge(_scope(name, action), authorization.INSUFFICIENT_SCOPE)


def _scope(name: str, action: str) -> str:
    return f"repository:{name}:{_ACTIONS_OF_CHALLENGE.get(action, action)}"


def _facts(caller: Caller, facts: Facts) -> Facts:
    """What is known of the caller; one who was removed after the token was made is disabled, not anonymous."""
    if caller.name and facts.principal is None:
        return facts._replace(user=User(caller.name, "", is_enabled=False))
    return facts
