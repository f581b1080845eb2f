"""The decisions: what a principal may do in a project, and what of that a token gets. Pure; values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.rbac.model import CATALOG, DELETE, PUSH, Facts, Grant, Project, Robot, User
from chalicelib.rbac.permissions import NOTHING as NO_PERMISSIONS
from chalicelib.rbac.permissions import PROJECT, PUBLIC, SYSTEM, Permissions
from chalicelib.rbac.roles import ROLES, oci_actions
from chalicelib.rbac.scope import REGISTRY, Scope

NOTHING: frozenset[str] = frozenset()


class Granted(NamedTuple):
    """What a token says: actions by resource name, those asked for and refused too (empty), and the projects' ids."""

    access: Mapping[str, frozenset[str]]
    project_ids: Mapping[str, int]


def in_project(facts: Facts, name: str, *, now: int) -> Permissions:
    """Decide everything a principal (none: anonymous) may in a project.

    Who is disabled or expired may nothing, administrators everything, also in a project that is still to be made. A public
    project gives everybody `PUBLIC`. A grant of an earlier project of the same name is void, and so is a role nobody knows.
    """
    project = facts.projects.get(name)
    if facts.robot is not None:
        return _of_robot(facts.robot, project, now)
    return _of_user(facts.user, project, facts.granted(name), facts.roles)


def on_system(facts: Facts, *, now: int) -> Permissions:
    """Decide everything a principal may on the registry as a whole. Users who are not administrators: nothing."""
    if facts.robot is not None:
        if not facts.robot.works_at(now):
            return NO_PERMISSIONS
        return NO_PERMISSIONS.union(*(grant.permissions for grant in facts.robot.grants if grant.kind == "system"))
    is_admin = facts.user is not None and facts.user.is_admin and facts.user.is_enabled
    return SYSTEM if is_admin else NO_PERMISSIONS


def _of_robot(robot: Robot, project: Project | None, now: int) -> Permissions:
    if project is None or not robot.works_at(now):
        return NO_PERMISSIONS
    given = (
        grant.permissions
        for grant in robot.grants
        if grant.kind == "project" and (grant.namespace == "*" or grant.project_id == project.project_id)
    )
    return (PUBLIC if project.is_public else NO_PERMISSIONS).union(*given)


def _of_user(
    user: User | None, project: Project | None, grants: Sequence[Grant], custom: Mapping[str, Permissions]
) -> Permissions:
    if user is not None and not user.is_enabled:
        return NO_PERMISSIONS
    if user is not None and user.is_admin:
        return PROJECT
    if project is None:
        return NO_PERMISSIONS
    permissions = PUBLIC if project.is_public else NO_PERMISSIONS
    if user is None:
        return permissions
    for grant in grants:
        if grant.project_id == project.project_id:
            role = ROLES.get(grant.role)
            permissions |= role.permissions if role else custom.get(grant.role, NO_PERMISSIONS)
    return permissions


def allowed(facts: Facts, name: str, *, now: int) -> frozenset[str]:
    """Decide what a principal may do with the repositories of a project: pull, push, delete."""
    return oci_actions(in_project(facts, name, now=now))


def granted(asked: frozenset[str], rights: frozenset[str]) -> frozenset[str]:
    """Cut what was asked down to what is allowed; `*` asks for everything allowed.

    `push` brings `delete` along where it is allowed, because crane and skopeo ask for `push` when they are going to delete.
    """
    actions = rights if "*" in asked else asked & rights
    return actions | {DELETE} if PUSH in actions and DELETE in rights else actions


def judge(scopes: Sequence[Scope], facts: Facts, *, now: int) -> Granted:
    """Decide about all scopes of a token request. The catalog is open to everybody who is logged in."""
    access: dict[str, frozenset[str]] = {}
    project_ids: dict[str, int] = {}
    for scope in scopes:
        if scope.type == REGISTRY:
            is_somebody = facts.principal is not None and facts.principal.works_at(now)
            access[CATALOG] = frozenset({"*"}) if is_somebody else NOTHING
            continue
        project = facts.projects.get(scope.project)
        actions = granted(scope.actions, allowed(facts, scope.project, now=now))
        access[scope.name] = actions
        if actions and project is not None:
            project_ids[project.name] = project.project_id
    return Granted(access, project_ids)
