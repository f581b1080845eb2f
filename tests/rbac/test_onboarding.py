"""From an identity to a user: who is made, who is found, and who is not let in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import RegistryError
from chalicelib.rbac.groups import Groups
from chalicelib.rbac.identity import Identity, IdentityGroup
from chalicelib.rbac.model import User
from chalicelib.rbac.onboarding import NEW_GROUPS, Onboarding
from tests.fakes.audit import FakeRecorder
from tests.fakes.people import FakeGroups, onboarding
from tests.fakes.principals import FakePrincipals

NOW = 1_800_000_000
OZ = Identity("oidc", "sub-1", "https://login.example.com", "oz", "oz@example.com", "Oz", (IdentityGroup("dev"),))
LEE = Identity("ldap", "cn=lee,dc=x", "ldap://d", "lee", groups=(IdentityGroup("ops", "cn=ops,dc=x"),))


@pytest.fixture
def store() -> FakePrincipals:
    return FakePrincipals().add("ann")


@pytest.fixture
def groups() -> FakeGroups:
    return FakeGroups()


@pytest.fixture
def people(store: FakePrincipals, groups: FakeGroups) -> Onboarding:
    return onboarding(store, groups)


@pytest.mark.parametrize("identity", [OZ, LEE])
def test_somebody_new_becomes_a_user_without_a_password(
    people: Onboarding, store: FakePrincipals, identity: Identity
) -> None:
    user = people.admit(identity, now=NOW)
    assert user is not None
    assert user == store.users[identity.username]
    assert (user.source, user.subject, user.password_hash) == (identity.source, identity.key, "")
    assert (user.user_id > 1, user.created_at, user.is_enabled, user.is_admin) == (True, NOW, True, False)
    assert user.realname == (identity.realname or identity.username)


def test_second_login_finds_the_user_and_writes_nothing(people: Onboarding) -> None:
    first, second = people.admit(OZ, now=NOW), people.admit(OZ, now=NOW + 100)
    assert first == second


def test_groups_are_made_once_and_known_by_their_source(people: Onboarding, groups: FakeGroups) -> None:
    groups.create(2, "dev", "")
    user = people.admit(OZ, now=NOW)
    assert user is not None
    assert [(group.type, group.name) for group in groups.rows()] == [(2, "dev"), (3, "dev")]
    assert user.groups == (2,)
    other = people.admit(OZ._replace(subject="sub-2", username="mo"), now=NOW)
    assert other is not None
    assert other.groups == (2,)
    assert other.email == ""


def test_login_makes_only_so_many_groups(people: Onboarding, groups: FakeGroups) -> None:
    many = OZ._replace(groups=tuple(IdentityGroup(f"g{number}") for number in range(NEW_GROUPS + 5)))
    assert len(getattr(people.admit(many, now=NOW), "groups")) == NEW_GROUPS  # noqa: B009
    assert len(getattr(people.admit(many, now=NOW), "groups")) == NEW_GROUPS + 5  # noqa: B009


def test_left_groups_are_forgotten_and_unspoken_ones_stay(people: Onboarding) -> None:
    people.admit(OZ, now=NOW)
    silent = people.admit(OZ._replace(groups=None), now=NOW)
    assert silent is not None
    assert silent.groups == (1,)
    left = people.admit(OZ._replace(groups=()), now=NOW)
    assert left is not None
    assert left.groups == ()


@pytest.mark.parametrize("identity", [OZ, LEE])
def test_name_of_another_sources_user_is_not_for_the_taking(
    people: Onboarding, store: FakePrincipals, identity: Identity
) -> None:
    store.users["admin"] = admin = User("admin", "$hash", sysadmin_flag=True, user_id=1)
    assert people.admit(identity._replace(username="admin"), now=NOW) is None
    assert people.admit(identity._replace(username="ann"), now=NOW) is None
    assert store.users["admin"] == admin
    assert store.users["ann"].source == "db"


def test_provider_knows_people_by_subject_whatever_they_call_themselves(
    people: Onboarding, store: FakePrincipals
) -> None:
    people.admit(OZ, now=NOW)
    thief = OZ._replace(subject="sub-2", username="oz")
    assert people.admit(thief, now=NOW) is None
    assert people.admit(OZ._replace(issuer="https://other.example.com"), now=NOW) is None
    renamed = people.admit(OZ._replace(username="wizard"), now=NOW)
    assert renamed is not None
    assert renamed.name == "oz"
    assert "wizard" not in store.users


def test_person_who_chose_another_name_is_found_again(people: Onboarding) -> None:
    chosen = people.onboard(OZ._replace(username=""), "wizard", now=NOW)
    assert chosen is not None
    assert people.find(OZ) == chosen
    assert people.onboard(OZ, "another", now=NOW) == chosen
    assert people.admit(OZ._replace(subject="sub-2", username=""), now=NOW) is None


def test_moved_entry_of_ldap_is_still_the_same_user(people: Onboarding) -> None:
    first = people.admit(LEE, now=NOW)
    moved = people.admit(LEE._replace(subject="cn=lee,ou=new,dc=x"), now=NOW)
    assert first is not None
    assert moved is not None
    assert (moved.user_id, moved.subject) == (first.user_id, "ldap://d cn=lee,ou=new,dc=x")


def test_address_somebody_has_already_or_that_is_none_is_left_out(people: Onboarding, store: FakePrincipals) -> None:
    store.users["ann"] = replace(store.users["ann"], email="oz@example.com")
    user = people.admit(OZ, now=NOW)
    assert user is not None
    assert user.email == ""
    odd = people.admit(LEE._replace(email="no address"), now=NOW)
    assert odd is not None
    assert odd.email == ""


def test_disabled_user_stays_disabled(people: Onboarding, store: FakePrincipals) -> None:
    people.admit(OZ, now=NOW)
    store.users["oz"] = replace(store.users["oz"], is_enabled=False)
    user = people.admit(OZ._replace(realname="New"), now=NOW)
    assert user is not None
    assert not user.is_enabled


def code_of(act: object) -> str:
    with pytest.raises(RegistryError) as caught:
        act()  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "name", "dn"),
    [(0, "x", ""), (4, "x", ""), (1, "x", ""), (3, "", ""), (3, " ", ""), (3, "x" * 256, ""), (3, "a\nb", ""),
     (1, "x", "cn=" + "x" * 1100), (1, "x", "cn=a\nb")],
)  # fmt: skip
def test_group_that_makes_no_sense_is_refused(groups: FakeGroups, kind: int, name: str, dn: str) -> None:
    assert code_of(lambda: Groups(groups).create(kind, name, dn)) == "BAD_REQUEST"
    assert groups.groups == {}


def test_group_is_made_renamed_and_removed(groups: FakeGroups) -> None:
    use = Groups(groups)
    made = use.create(1, "", " cn=dev,dc=x ")
    assert (made.name, made.ldap_dn) == ("cn=dev,dc=x", "cn=dev,dc=x")
    assert code_of(lambda: use.create(1, "x", "CN=dev, dc=x")) == "CONFLICT"
    ops = use.create(3, "ops", "cn=ignored").group_id
    use.rename(ops, "ops")
    assert code_of(lambda: use.rename(99, "x")) == "NOT_FOUND"
    assert code_of(lambda: use.rename(ops, "")) == "BAD_REQUEST"
    assert code_of(lambda: use.get(99)) == "NOT_FOUND"
    use.remove(ops)
    assert code_of(lambda: use.remove(ops)) == "NOT_FOUND"
    assert [group.ldap_dn for group in use.rows()] == ["cn=dev,dc=x"]


def test_who_and_what_was_made_is_an_event(store: FakePrincipals) -> None:
    recorder = FakeRecorder()
    people = onboarding(store, recorder=recorder)
    for _ in range(2):
        people.admit(OZ, now=NOW)
        people.admit(LEE, now=NOW)
    assert [f"{event.type} {event.resource} {event.operator}" for event in recorder.events] == [
        "create_usergroup dev oz",
        "create_user oz oz",
        "create_usergroup ops lee",
        "create_user lee lee",
    ]
    assert [event.description for event in recorder.events][1::2] == [
        "create user: oz, Onboarded via OIDC provider",
        "create user: lee, From LDAP",
    ]
