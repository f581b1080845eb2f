"""Several sources of users at the same time: who is asked, who is believed, and what groups become."""

from __future__ import annotations

import pytest

from chalicelib.rbac import identity
from chalicelib.rbac.identity import Asked, Identity, IdentityGroup, KnownGroup, SourceDown

NOW = 1_800_000_000
ANN = Identity("ldap", "uid=ann,dc=example", "ldaps://ldap.example.com", "ann")


class FakeSource:
    def __init__(self, name: str, *users: Identity, is_down: bool = False) -> None:
        self.name, self.users, self.is_down = name, {user.username: user for user in users}, is_down
        self.asked: list[str] = []

    def authenticate(self, username: str, password: str, now: int) -> Identity | None:
        self.asked.append(username)
        if self.is_down:
            raise SourceDown(self.name, "no answer in time")
        return self.users.get(username) if password == "right" else None


@pytest.mark.parametrize(
    ("owner", "order", "expected"),
    [
        (None, ["db", "ldap", "oidc"], ("ldap", "oidc")),
        (None, ["oidc", "ldap", "oidc"], ("oidc", "ldap")),
        (None, [], ()),
        ("db", ["db", "ldap"], ()),
        ("ldap", ["oidc", "ldap"], ("ldap",)),
        ("ldap", ["db", "oidc"], ()),
    ],
)
def test_which_sources_are_asked(owner: str | None, order: list[str], expected: tuple[str, ...]) -> None:
    assert identity.to_ask(owner, order) == expected


def test_the_first_source_that_says_yes_is_believed() -> None:
    first, second, third = FakeSource("a"), FakeSource("ldap", ANN), FakeSource("c", ANN)
    sources = {source.name: source for source in (first, second, third)}
    assert identity.ask(sources, None, ["a", "ldap", "gone", "c"], "ann", "right", now=NOW) == Asked(ANN)
    assert (first.asked, second.asked, third.asked) == (["ann"], ["ann"], [])


def test_nobody_says_yes() -> None:
    asked = identity.ask({"ldap": FakeSource("ldap", ANN)}, None, ["ldap"], "ann", "wrong", now=NOW)
    assert (asked, asked.is_unknown) == (Asked(None), False)


def test_a_source_that_is_down_stops_its_own_users_only() -> None:
    down, up = FakeSource("oidc", is_down=True), FakeSource("ldap", ANN)
    sources, order = {"oidc": down, "ldap": up}, ["oidc", "ldap"]
    found = identity.ask(sources, None, order, "ann", "right", now=NOW)
    assert (found.identity, [failure.source for failure in found.down], found.is_unknown) == (ANN, ["oidc"], False)
    assert identity.ask(sources, "ldap", order, "ann", "right", now=NOW) == Asked(ANN)
    assert identity.ask(sources, "oidc", order, "bob", "right", now=NOW).is_unknown
    assert identity.ask(sources, "db", order, "admin", "right", now=NOW) == Asked(None)


def test_no_source_says_who_another_ones_user_is() -> None:
    bob = Identity("oidc", "b2", "https://idp", "bob")
    assert identity.may_be(ANN, "ldap", "another place in the directory")
    assert not identity.may_be(ANN, "db", ANN.key)
    assert not identity.may_be(ANN, "oidc", ANN.key)
    assert identity.may_be(bob, "oidc", "https://idp b2")
    assert not identity.may_be(bob, "oidc", "https://idp c3")
    assert not identity.may_be(bob, "oidc", "https://other b2")
    assert not identity.may_be(bob._replace(source="db"), "db", bob.key)


KNOWN = [
    KnownGroup(4, 1, "devs", "CN=Devs, OU=Groups,DC=example"),
    KnownGroup(3, 1, "other", "cn=other,dc=example"),
    KnownGroup(2, 3, "devs"),
    KnownGroup(1, 2, "devs"),
]


def test_ldap_groups_are_found_by_dn() -> None:
    devs, new = IdentityGroup("x", "cn=devs,ou=groups,dc=example"), IdentityGroup("new", "cn=new,dc=example")
    ann = ANN._replace(groups=(devs, new, new._replace(ldap_dn="CN=New,dc=example")))
    assert identity.group_ids(ann, KNOWN) == (4,)
    assert [group.name for group in identity.new_groups(ann, KNOWN)] == ["new"]


def test_oidc_groups_are_found_by_name_exactly() -> None:
    bob = Identity("oidc", "b2", "https://idp", "bob", groups=(IdentityGroup("devs"), IdentityGroup("Devs")))
    assert identity.group_ids(bob, KNOWN) == (2,)
    assert identity.new_groups(bob, KNOWN) == (IdentityGroup("Devs"),)
    assert identity.group_ids(bob._replace(groups=None), KNOWN) == ()


NAMES = [("ann", "ann"), (" Ann Smith ", "Ann_Smith"), ("a@b.c", "a@b.c"), ("robot$x", ""), ("", "")]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_user_names(text: str, name: str) -> None:
    assert identity.user_name(text) == name


def test_texts_of_a_source_are_shown_without_what_cannot_be_seen() -> None:
    assert identity.shown("a\x00b\u202e\n ") == "ab"
    assert len(identity.shown("x" * 1000)) == 255
    assert identity.shown(7) == ""
