"""Users, grants and projects, as an administrator changes them."""

from __future__ import annotations

import pytest

from chalicelib.rbac import passwords
from chalicelib.rbac.model import Grant, PrincipalError
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.users import Users
from tests.fakes.principals import FakePrincipals

NOW = 1_800_000_000


@pytest.fixture
def store() -> FakePrincipals:
    store = FakePrincipals()
    store.add_project("team")
    return store.add("ann")


@pytest.fixture
def users(store: FakePrincipals) -> Users:
    return Users(store)


def test_user_is_made_with_a_hash_and_once(users: Users, store: FakePrincipals) -> None:
    users.create("bob", "secret-of-bob", is_admin=True, now=NOW)
    bob = store.users["bob"]
    assert (bob.is_admin, bob.is_enabled, bob.created_at) == (True, True, NOW)
    assert passwords.is_password("secret-of-bob", bob.password_hash)
    with pytest.raises(PrincipalError, match="already"):
        users.create("bob", "another", now=NOW)
    assert store.users["bob"] == bob


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "#x", "x" * 129, "ä", "a\n"])
def test_name_must_be_one(users: Users, name: str) -> None:
    with pytest.raises(PrincipalError, match="cannot be a user's name"):
        users.create(name, "secret", now=NOW)


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_password_must_be_one(users: Users, password: str) -> None:
    with pytest.raises(PrincipalError, match="1 to 1024 characters"):
        users.create("bob", password, now=NOW)
    with pytest.raises(PrincipalError, match="1 to 1024 characters"):
        users.set_password("ann", password)


def test_password_and_door_are_changed_and_nothing_else(users: Users, store: FakePrincipals) -> None:
    before = store.users["ann"]
    users.set_password("ann", "new")
    users.enable("ann", is_enabled=False)
    after = store.users["ann"]
    assert passwords.is_password("new", after.password_hash)
    assert (after.is_enabled, after.is_admin, after.created_at) == (False, before.is_admin, before.created_at)


def test_grant_ties_the_role_to_this_life_of_the_project(users: Users, store: FakePrincipals) -> None:
    users.grant("team", "ann", "developer")
    assert store.grants == {("ann", "team"): Grant(store.projects["team"].project_id, "developer")}
    users.revoke("team", "ann")
    assert store.grants == {}


@pytest.mark.parametrize(
    ("project", "name", "role", "message"),
    [
        ("team", "ann", "owner", "no role"),
        ("team", "nobody", "guest", "no user nobody"),
        ("missing", "ann", "guest", "no project missing"),
    ],
)
def test_grant_needs_all_three(users: Users, project: str, name: str, role: str, message: str) -> None:
    with pytest.raises(PrincipalError, match=message):
        users.grant(project, name, role)


def test_unknown_user_cannot_be_changed(users: Users) -> None:
    with pytest.raises(PrincipalError, match="no user nobody"):
        users.set_password("nobody", "x")
    with pytest.raises(PrincipalError, match="no user nobody"):
        users.enable("nobody", is_enabled=False)


def test_project_is_made_once(store: FakePrincipals) -> None:
    projects = Projects(store)
    made = projects.create("new", is_public=True, by="x", now=NOW)
    assert projects.find("new") == made
    assert projects.ensure("new", is_public=False, by="x", now=NOW) == made
    with pytest.raises(PrincipalError, match="already"):
        projects.create("new", is_public=True, by="x", now=NOW)


@pytest.mark.parametrize("name", ["", "Team", "a/b", "-a", "a-", "a..b", "a" * 254, "a\n"])
def test_project_name_must_be_one(store: FakePrincipals, name: str) -> None:
    with pytest.raises(PrincipalError, match="cannot be a project's name"):
        Projects(store).create(name, is_public=True, by="x", now=NOW)
