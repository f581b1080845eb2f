"""The decisions: what a principal may do in a project, and what of that a token gets. Pure; values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.rbac.model import ACTIONS, CATALOG, DELETE, PULL, PUSH, Facts, Grant, Project, User
from chalicelib.rbac.roles import ROLES
from chalicelib.rbac.scope import REGISTRY, Scope

NOTHING: frozenset[str] = frozenset()


class Granted(NamedTuple):
    """What a token says: actions by resource name, those asked for and refused too (empty), and the projects' ids."""

    access: Mapping[str, frozenset[str]]
    project_ids: Mapping[str, int]


def allowed(user: User | None, project: Project | None, grant: Grant | None) -> frozenset[str]:
    """Decide what a user (None = anonymous) may do with the repositories of a project (None = there is none).

    Disabled users may nothing, administrators everything, also in a project that is still to be made. Anybody may pull from a
    public project. A grant of an earlier project of the same name is void, and so is a role this version does not know.
    """
    if user is not None and not user.is_enabled:
        return NOTHING
    if user is not None and user.is_admin:
        return ACTIONS
    if project is None:
        return NOTHING
    actions = frozenset({PULL}) if project.is_public else NOTHING
    if user is not None and grant is not None and grant.project_id == project.project_id and grant.role in ROLES:
        actions |= ROLES[grant.role].actions
    return actions


def granted(asked: frozenset[str], rights: frozenset[str]) -> frozenset[str]:
    """Cut what was asked down to what is allowed; `*` asks for everything allowed.

    `push` brings `delete` along where it is allowed, because crane and skopeo ask for `push` when they are going to delete.
    """
    actions = rights if "*" in asked else asked & rights
    return actions | {DELETE} if PUSH in actions and DELETE in rights else actions


def judge(scopes: Sequence[Scope], facts: Facts) -> Granted:
    """Decide about all scopes of a token request. The catalog is open to everybody who is logged in."""
    access: dict[str, frozenset[str]] = {}
    project_ids: dict[str, int] = {}
    for scope in scopes:
        if scope.type == REGISTRY:
            access[CATALOG] = frozenset({"*"}) if facts.user and facts.user.is_enabled else NOTHING
            continue
        project = facts.projects.get(scope.project)
        actions = granted(scope.actions, allowed(facts.user, project, facts.grants.get(scope.project)))
        access[scope.name] = actions
        if actions and project is not None:
            project_ids[project.name] = project.project_id
    return Granted(access, project_ids)
