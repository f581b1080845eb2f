"""Who may do what: the whole table of roles, and what of it goes into a token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import grants, permissions
from chalicelib.rbac.model import ACTIONS, Facts, Grant, Project, Robot, RobotGrant, User
from chalicelib.rbac.permissions import MATRIX, PROJECT, ROBOT_PROJECT, ROBOT_SYSTEM, Permission
from chalicelib.rbac.permissions import PUBLIC as PUBLIC_PERMISSIONS
from chalicelib.rbac.roles import ROLES
from chalicelib.rbac.scope import Scope

PRIVATE, PUBLIC = Project("team", 7, is_public=False), Project("library", 1, is_public=True)
NOW = 1_800_000_000
ANN = User("ann", "hash")
ADMIN = User("admin", "hash", sysadmin_flag=True)
DISABLED = User("bob", "hash", is_enabled=False)
DISABLED_ADMIN = User("eve", "hash", sysadmin_flag=True, is_enabled=False)


def allowed(user: User | None, project: Project | None, grant: Grant | None) -> frozenset[str]:
    name = project.name if project else "none"
    return grants.allowed(
        Facts(user, projects={name: project} if project else {}, grants={name: grant} if grant else {}), name, now=NOW
    )


@pytest.mark.parametrize(
    ("user", "project", "role", "expected"),
    [
        (None, PRIVATE, None, ""),
        (None, PUBLIC, None, "pull"),
        (None, None, None, ""),
        (ANN, None, None, ""),
        (ANN, PRIVATE, None, ""),
        (ANN, PUBLIC, None, "pull"),
        (ANN, PRIVATE, "projectAdmin", "delete pull push"),
        (ANN, PRIVATE, "maintainer", "delete pull push"),
        (ANN, PRIVATE, "developer", "pull push"),
        (ANN, PRIVATE, "guest", "pull"),
        (ANN, PRIVATE, "limitedGuest", "pull"),
        (ANN, PRIVATE, "owner", ""),
        (ANN, PUBLIC, "developer", "pull push"),
        (ADMIN, PRIVATE, None, "delete pull push"),
        (ADMIN, None, None, "delete pull push"),
        (DISABLED, PUBLIC, "projectAdmin", ""),
        (DISABLED_ADMIN, PUBLIC, None, ""),
    ],
)
def test_rights(user: User | None, project: Project | None, role: str | None, expected: str) -> None:
    grant = Grant(project.project_id, role) if role and project else None
    assert " ".join(sorted(allowed(user, project, grant))) == expected


def test_grant_of_a_project_that_was_made_again_is_void() -> None:
    assert allowed(ANN, PRIVATE, Grant(PRIVATE.project_id - 1, "projectAdmin")) == frozenset()


def test_anonymous_with_a_grant_is_still_anonymous() -> None:
    assert allowed(None, PRIVATE, Grant(PRIVATE.project_id, "guest")) == frozenset()


def test_roles_have_harbors_numbers() -> None:
    assert {name: role.role_id for name, role in ROLES.items()} == {
        "projectAdmin": 1,
        "developer": 2,
        "guest": 3,
        "maintainer": 4,
        "limitedGuest": 5,
    }


@pytest.mark.parametrize(
    ("asked", "rights", "expected"),
    [
        ("pull", "pull push", "pull"),
        ("pull push", "pull", "pull"),
        ("*", "pull", "pull"),
        ("*", "pull push delete", "delete pull push"),
        ("pull push", "pull push delete", "delete pull push"),
        ("pull push", "pull push", "pull push"),
        ("delete", "pull push", ""),
        ("pull", "pull push delete", "pull"),
        ("delete", "pull push delete", "delete"),
        ("", "pull push delete", ""),
    ],
)
def test_token_gets_what_is_asked_and_allowed_and_push_brings_delete(asked: str, rights: str, expected: str) -> None:
    found = grants.granted(frozenset(asked.split()), frozenset(rights.split()))
    assert " ".join(sorted(found)) == expected


@given(st.frozensets(st.sampled_from([*ACTIONS, "*"])), st.frozensets(st.sampled_from(sorted(ACTIONS))))
def test_token_never_exceeds_the_rights(asked: frozenset[str], rights: frozenset[str]) -> None:
    assert grants.granted(asked, rights) <= rights


def test_judge_says_what_was_refused_too_and_names_the_projects_ids() -> None:
    facts = Facts(ANN, projects={"team": PRIVATE, "library": PUBLIC}, grants={"team": Grant(7, "guest")})
    scopes = [
        Scope("repository", "team/app", frozenset({"pull", "push"})),
        Scope("repository", "library/base", frozenset({"push"})),
        Scope("repository", "missing/app", frozenset({"pull"})),
        Scope("registry", "catalog", frozenset({"*"})),
    ]
    assert grants.judge(scopes, facts, now=NOW) == grants.Granted(
        {
            "team/app": frozenset({"pull"}),
            "library/base": frozenset(),
            "missing/app": frozenset(),
            "registry:catalog": frozenset({"*"}),
        },
        {"team": 7},
    )


@pytest.mark.parametrize("user", [None, DISABLED])
def test_catalog_is_for_those_who_are_logged_in(user: User | None) -> None:
    catalog = [Scope("registry", "catalog", frozenset({"*"}))]
    assert grants.judge(catalog, Facts(user), now=NOW).access == {"registry:catalog": frozenset()}


def test_the_matrix_is_harbors() -> None:
    counts = {letter: len(permissions) for letter, permissions in MATRIX.items()}
    assert counts == {"A": 75, "M": 53, "D": 36, "G": 20, "L": 14}
    assert (
        MATRIX["L"] <= MATRIX["G"] <= MATRIX["D"]
        and MATRIX["D"] - MATRIX["M"] == frozenset()
        and MATRIX["M"] <= MATRIX["A"]
    )
    assert (len(ROBOT_PROJECT), len(ROBOT_SYSTEM)) == (70, 70)


@pytest.mark.parametrize("permission", sorted(PROJECT))
def test_every_permission_is_decided_for_every_role(permission: Permission) -> None:
    """The whole matrix through the deciding function: a role, in a private and in a public project, has what the table says."""
    for name, role in ROLES.items():
        for project in (PRIVATE, PUBLIC):
            facts = Facts(ANN, projects={project.name: project}, grants={project.name: Grant(project.project_id, name)})
            expected = permission in role.permissions or (project.is_public and permission in PUBLIC_PERMISSIONS)
            assert (permission in grants.in_project(facts, project.name, now=NOW)) is expected
    nobody = Facts(projects={"team": PRIVATE, "library": PUBLIC})
    assert permission not in grants.in_project(nobody, "team", now=NOW)
    assert (permission in grants.in_project(nobody, "library", now=NOW)) is (permission in PUBLIC_PERMISSIONS)
    admin = Facts(ADMIN, projects={"team": PRIVATE})
    assert permission in grants.in_project(admin, "team", now=NOW)


def test_groups_and_custom_roles_add_up() -> None:
    auditor = permissions.parse(["log:list", "repository:list"])
    facts = Facts(
        ANN,
        projects={"team": PRIVATE},
        grants={"team": Grant(7, "limitedGuest")},
        group_grants={"team": (Grant(7, "auditor"), Grant(6, "projectAdmin"))},
        roles={"auditor": auditor},
    )
    assert grants.in_project(facts, "team", now=NOW) == MATRIX["L"] | auditor


def test_a_robot_may_what_it_was_given_where_it_was_given_until_it_expires() -> None:
    pull, read = Permission("repository", "pull"), Permission("catalog", "read")
    given = (
        RobotGrant("project", "team", 7, frozenset({pull})),
        RobotGrant("system", "/", 0, frozenset({read})),
    )
    robot = Robot("robot$ci", "hash", grants=given, expires_at=NOW + 10)
    other = Project("team", 8, is_public=False)
    facts = Facts(robot=robot, projects={"team": PRIVATE})
    assert grants.in_project(facts, "team", now=NOW) == {pull}
    assert grants.on_system(facts, now=NOW) == {read}
    assert grants.in_project(facts._replace(projects={"team": other}), "team", now=NOW) == frozenset()
    assert grants.in_project(facts, "team", now=NOW + 10) == grants.on_system(facts, now=NOW + 10) == frozenset()
    everywhere = replace(robot, grants=(RobotGrant("project", "*", 0, frozenset({pull})),))
    assert grants.in_project(Facts(robot=everywhere, projects={"team": other}), "team", now=NOW) == {pull}


def test_the_system_is_the_administrators() -> None:
    assert grants.on_system(Facts(ADMIN), now=NOW) == permissions.SYSTEM
    for facts in (Facts(), Facts(ANN), Facts(DISABLED_ADMIN)):
        assert grants.on_system(facts, now=NOW) == frozenset()
