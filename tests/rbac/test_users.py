"""Users, grants and projects, as administrators and the users themselves change them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.errors import RegistryError
from chalicelib.rbac import passwords
from chalicelib.rbac.model import Grant, PrincipalError, User
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.users import Profile, Users
from tests.fakes.configuration import configurations
from tests.fakes.principals import PASSWORD_HASH, FakePrincipals
from tests.fakes.users import FakeUsers

NOW = 1_800_000_000
SECRET = "Secret-of-1"
BOB = Profile("bob@example.com", "Bob", "hello")


@pytest.fixture
def store() -> FakePrincipals:
    store = FakePrincipals()
    store.add_project("team")
    return store.add("ann")


@pytest.fixture
def users(store: FakePrincipals) -> Users:
    return Users(FakeUsers(store), store, configurations())


def refused(act: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(RegistryError) as caught:
        act()
    return caught.value.code, caught.value.message


def test_user_is_made_with_a_hash_an_id_and_once(users: Users, store: FakePrincipals) -> None:
    users.create("bob", SECRET, profile=BOB, is_admin=True, now=NOW)
    bob = store.users["bob"]
    assert (bob.user_id, bob.is_admin, bob.is_enabled, bob.created_at, bob.updated_at) == (2, True, True, NOW, NOW)
    assert (bob.email, bob.realname, bob.comment, bob.source) == ("bob@example.com", "Bob", "hello", "db")
    assert passwords.is_password(SECRET, bob.password_hash)
    assert refused(lambda: users.create("bob", SECRET, now=NOW))[0] == "CONFLICT"
    assert refused(lambda: users.create("rob", SECRET, profile=BOB, now=NOW))[0] == "CONFLICT"
    assert store.users["bob"] == bob


def test_first_administrator_has_id_1_whoever_came_before(users: Users) -> None:
    users.create("bob", SECRET, profile=BOB, now=NOW)
    assert users.create_first("admin", "admin-secret", now=NOW).user_id == 1
    assert users.create("cat", SECRET, now=NOW).user_id == 3
    assert [row.name for row in users.rows()] == ["ann", "bob", "cat"]


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "a:b", "#x", "x" * 129, "ä", "a\n", "robot$x", "a$b", "a,b", "~a", '"', "%", "robot+x"]
)
def test_name_must_be_one_that_can_log_in_and_is_no_robots(store: FakePrincipals, name: str) -> None:
    users = Users(FakeUsers(store), store, configurations(robot_name_prefix="robot+"))
    code, message = refused(lambda: users.create(name, SECRET, now=NOW))
    assert code == "BAD_REQUEST"
    assert message.startswith("username ")


@pytest.mark.parametrize(
    "password", ["", "Short-1", "x" * 129, "A1" + "x" * 127, "no-capital-1", "NO-SMALL-1", "No-digit-at-all", "Ümlaut-ää-1"]
)
def test_password_must_be_hard_to_guess(users: Users, store: FakePrincipals, password: str) -> None:
    for act in (
        lambda: users.create("bob", password, now=NOW),
        lambda: users.change_password(store.users["ann"], password, now=NOW),
    ):
        code, message = refused(act)
        assert code == "BAD_REQUEST"
        assert message.startswith("the password or secret must be 8-128")
        assert password == "" or password not in message


@pytest.mark.parametrize("password", ["Passw0rd", "A1" + "x" * 126, "Grüße-an-1-Freund"])
def test_good_password_is_taken(users: Users, store: FakePrincipals, password: str) -> None:
    users.change_password(store.users["ann"], password, now=NOW)
    assert passwords.is_password(password, store.users["ann"].password_hash)


@pytest.mark.parametrize(
    ("email", "realname", "comment", "message"),
    [
        ("", "Bob", "", "email can't be empty"),
        ("bob", "Bob", "", "email with illegal format"),
        ("bob@example", "Bob", "", "email with illegal format"),
        ("b ob@example.com", "Bob", "", "email with illegal format"),
        ("b" * 250 + "@example.com", "Bob", "", "email with illegal format"),
        ("bob@example.com\n", "Bob", "", "email with illegal format"),
        ("bob@example.com", "", "", "realname with illegal length"),
        ("bob@example.com", "x" * 256, "", "realname with illegal length"),
        ("bob@example.com", "B,ob", "", "realname contains illegal characters"),
        ("bob@example.com", "Bob", "x" * 31, "comment with illegal length"),
    ],
)
def test_profile_is_as_harbor_demands(
    users: Users, store: FakePrincipals, email: str, realname: str, comment: str, message: str
) -> None:
    profile, ann = Profile(email, realname, comment), store.users["ann"]
    assert refused(lambda: users.create("bob", SECRET, profile=profile, now=NOW)) == ("BAD_REQUEST", message)
    assert refused(lambda: users.change_profile(ann, profile, now=NOW)) == ("BAD_REQUEST", message)
    assert store.users == {"ann": ann}


def test_each_change_leaves_the_rest_alone(users: Users, store: FakePrincipals) -> None:
    before = store.users["ann"]
    users.change_password(before, SECRET, now=NOW)
    users.enable(store.users["ann"], is_enabled=False, now=NOW)
    users.change_profile(store.users["ann"], Profile("ann@example.com", "Ann"), now=NOW)
    users.set_admin(store.users["ann"], is_admin=True, by=None, now=NOW)
    after = store.users["ann"]
    assert passwords.is_password(SECRET, after.password_hash)
    assert (after.is_enabled, after.is_admin, after.realname) == (False, True, "Ann")
    assert (after.created_at, after.user_id, after.version) == (before.created_at, before.user_id, 4)


def test_change_made_meanwhile_by_another_is_kept(users: Users, store: FakePrincipals) -> None:
    seen = store.users["ann"]
    users.set_admin(seen, is_admin=True, by=None, now=NOW)
    users.change_profile(seen, Profile("ann@example.com", "Ann"), now=NOW)
    assert (store.users["ann"].is_admin, store.users["ann"].realname) == (True, "Ann")


def test_same_password_again_is_refused(users: Users, store: FakePrincipals) -> None:
    users.change_password(store.users["ann"], SECRET, now=NOW)
    assert refused(lambda: users.change_password(store.users["ann"], SECRET, now=NOW)) == (
        "BAD_REQUEST",
        "New password is identical to old password",
    )


def test_nobody_takes_their_own_rights_or_the_first_administrators(users: Users) -> None:
    first = users.create_first("admin", "admin-secret", now=NOW)
    bob = users.create("bob", SECRET, profile=BOB, is_admin=True, now=NOW)
    for act in (
        lambda: users.set_admin(bob, is_admin=False, by=bob, now=NOW),
        lambda: users.enable(bob, is_enabled=False, by=bob, now=NOW),
        lambda: users.remove(bob, by=bob, now=NOW),
        lambda: users.set_admin(first, is_admin=False, by=bob, now=NOW),
        lambda: users.enable(first, is_enabled=False, by=bob, now=NOW),
        lambda: users.remove(first, by=bob, now=NOW),
        lambda: users.remove(first, by=None, now=NOW),
    ):
        assert refused(act)[0] == "FORBIDDEN"
    users.set_admin(bob, is_admin=False, by=first, now=NOW)
    assert not users.get(bob.user_id).is_admin


def test_removed_user_is_gone_with_all_grants_and_the_name_is_free(users: Users, store: FakePrincipals) -> None:
    bob = users.create("bob", SECRET, profile=BOB, now=NOW)
    users.grant("team", "bob", "developer")
    users.remove(bob, by=None, now=NOW)
    assert ("bob" in store.users, store.grants) == (False, {})
    assert refused(lambda: users.get(bob.user_id)) == ("NOT_FOUND", f"user {bob.user_id} not found")
    assert refused(lambda: users.set_admin(bob, is_admin=True, by=None, now=NOW))[0] == "NOT_FOUND"
    again = users.create("bob", SECRET, profile=BOB, now=NOW)
    assert again.user_id > bob.user_id
    assert refused(lambda: users.set_admin(bob, is_admin=True, by=None, now=NOW))[0] == "NOT_FOUND"
    assert not store.users["bob"].is_admin


def test_user_of_another_source_is_changed_there(users: Users, store: FakePrincipals) -> None:
    store.users["lee"] = lee = User("lee", PASSWORD_HASH, user_id=9, source="ldap")
    store.users["oz"] = oz = User("oz", "", user_id=10, source="oidc")
    for somebody in (lee, oz):
        assert refused(lambda user=somebody: users.change_password(user, SECRET, now=NOW))[0] == "FORBIDDEN"
        assert refused(lambda user=somebody: users.change_profile(user, Profile("l@e.xx", "L"), now=NOW))[0] == "FORBIDDEN"
    assert refused(lambda: users.set_secret(lee, SECRET, now=NOW))[0] == "PRECONDITION"
    assert refused(lambda: users.set_secret(oz, "weak", now=NOW))[0] == "BAD_REQUEST"
    users.set_secret(oz, SECRET, now=NOW)
    assert passwords.is_password(SECRET, store.users["oz"].password_hash)


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


def test_project_is_made_once(store: FakePrincipals) -> None:
    projects = Projects(store, store)
    made = projects.create("new", is_public=True, by="x", now=NOW)
    assert projects.find("new") == made
    assert projects.ensure("new", is_public=False, by="x", now=NOW) == made
    with pytest.raises(PrincipalError, match="already"):
        projects.create("new", is_public=True, by="x", now=NOW)


@pytest.mark.parametrize("name", ["", "Team", "a/b", "-a", "a-", "a..b", "a" * 254, "a\n"])
def test_project_name_must_be_one(store: FakePrincipals, name: str) -> None:
    with pytest.raises(PrincipalError, match="cannot be a project's name"):
        Projects(store, store).create(name, is_public=True, by="x", now=NOW)
