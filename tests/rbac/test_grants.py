"""Who may do what: the whole table of roles, and what of it goes into a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import grants
from chalicelib.rbac.model import ACTIONS, Facts, Grant, Project, User
from chalicelib.rbac.roles import ROLES
from chalicelib.rbac.scope import Scope

PRIVATE, PUBLIC = Project("team", 7, is_public=False), Project("library", 1, is_public=True)
ANN = User("ann", "hash")
ADMIN = User("admin", "hash", is_admin=True)
DISABLED = User("bob", "hash", is_enabled=False)
DISABLED_ADMIN = User("eve", "hash", is_admin=True, is_enabled=False)


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
    assert " ".join(sorted(grants.allowed(user, project, grant))) == expected


def test_grant_of_a_project_that_was_made_again_is_void() -> None:
    assert grants.allowed(ANN, PRIVATE, Grant(PRIVATE.project_id - 1, "projectAdmin")) == frozenset()


def test_anonymous_with_a_grant_is_still_anonymous() -> None:
    assert grants.allowed(None, PRIVATE, Grant(PRIVATE.project_id, "guest")) == frozenset()


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
    assert grants.judge(scopes, facts) == grants.Granted(
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
    assert grants.judge(catalog, Facts(user)).access == {"registry:catalog": frozenset()}
