"""The pure half of LDAP: settings, filters, what an entry means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import ldap
from chalicelib.rbac.configuration import Configuration
from chalicelib.rbac.identity import Identity, IdentityGroup
from chalicelib.rbac.ldap import Entry, LdapMisconfigured, LdapSettings, Place

SETTINGS = LdapSettings("ldaps://ldap.example.org", "dc=example,dc=org", "uid")


def test_settings_are_those_of_the_configuration() -> None:
    options = Configuration(
        ldap_url="ldaps://ldap.example.org", ldap_base_dn="dc=example,dc=org", ldap_uid="uid", ldap_search_dn="cn=reader",
        ldap_group_search_filter="objectClass=group", ldap_group_admin_dn="cn=admins", ldap_timeout=7,
    )  # fmt: skip
    assert LdapSettings.of(options._asdict(), "secret") == LdapSettings(
        "ldaps://ldap.example.org", "dc=example,dc=org", "uid", search_dn="cn=reader", search_password="secret", timeout=7,
        group_search_filter="objectClass=group", group_admin_dn="cn=admins",
    )  # fmt: skip
    assert LdapSettings.of(Configuration()._asdict(), "") is None
    names = {name.removeprefix("ldap_") for name in Configuration._fields if name.startswith("ldap_")}
    assert names == set(LdapSettings.__slots__) - {"search_password"}


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ldap://h", Place("h", 389, False)),
        ("ldaps://h", Place("h", 636, True)),
        ("ldap://h:636", Place("h", 636, True)),
        ("ldap://h:1389/", Place("h", 1389, False)),
        ("ldaps://h:1636", Place("h", 1636, True)),
        ("h", Place("h", 389, False)),
        ("h:636", Place("h", 636, True)),
        ("ldap://[::1]:389", Place("::1", 389, False)),
    ],
)
def test_where_a_directory_is(url: str, place: Place) -> None:
    assert ldap.place(url) == place


@pytest.mark.parametrize("url", ["", "ldap://", "http://h", "ldap://h:x", "ldap://h:99999", "ldap://u:p@h", "ldap://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(LdapMisconfigured):
        ldap.place(url)


def test_filters() -> None:
    assert ldap.user_filter(SETTINGS, "ann") == "(uid=ann)"
    assert ldap.user_filter(SETTINGS, "") == "(uid=*)"
    assert ldap.user_filter(SETTINGS, "a*(b)\\\x00") == "(uid=a\\2a\\28b\\29\\5c\\00)"
    filtered = LdapSettings("h", "dc=x", "uid", "objectClass=person", group_search_filter="(a=b)", group_attribute_name="ou")
    assert ldap.user_filter(filtered, "ann") == "(&(objectClass=person)(uid=ann))"
    assert ldap.group_filter(filtered, "devs") == "(&(a=b)(ou=devs))"
    assert ldap.group_filter(SETTINGS) == "(cn=*)"


@given(st.text())
def test_a_name_never_becomes_a_part_of_the_filter(name: str) -> None:
    inner = ldap.escape(name)
    assert not set(inner) & set("*()\x00")
    undone = inner.replace("\\2a", "*").replace("\\28", "(").replace("\\29", ")").replace("\\00", "\x00")
    assert undone.replace("\\5c", "\\") == name


@pytest.mark.parametrize("uid", ["", "a)(b", "a=b", "a b", "1a", "\u00e4"])
def test_an_attribute_that_is_none_is_refused(uid: str) -> None:
    with pytest.raises(LdapMisconfigured):
        ldap.user_filter(LdapSettings("h", "dc=x", uid), "ann")


def test_an_entry_becomes_an_identity() -> None:
    entry = Entry("uid=ann,dc=x", {"uid": [" ann "], "cn": ["Ann"], "email": ["a@x.org"], "memberof": [" CN=Admins , dc=x", ""]})
    settings = LdapSettings("ldap://h", "dc=x", "UID", group_admin_dn="cn=admins,DC=x", group_membership_attribute="memberOf")
    groups = [IdentityGroup("admins", "cn=admins,dc=x")]
    assert ldap.identity(entry, settings, groups) == Identity(
        "ldap", "uid=ann,dc=x", "ldap://h", "ann", "a@x.org", "Ann", tuple(groups), True
    )
    assert ldap.memberships(entry, settings) == ["CN=Admins , dc=x"]
    assert ldap.attributes(settings) == ["uid", "cn", "mail", "email", "memberof"]


def test_a_name_that_is_an_address_is_one() -> None:
    entry = Entry("cn=a", {"mail": ["ann@x.org"], "uid": ["a"]})
    assert ldap.identity(entry, LdapSettings("h", "dc=x", "mail"), ()).email == "ann@x.org"
    entry = Entry("cn=a", {"userprincipalname": ["ann@x.org"]})
    assert ldap.identity(entry, LdapSettings("h", "dc=x", "userPrincipalName"), ()).email == "ann@x.org"


def test_an_entry_whose_name_cannot_be_a_users_has_none() -> None:
    assert ldap.identity(Entry("cn=a", {"uid": ["robot$x"]}), SETTINGS, ()).username == ""
    assert ldap.identity(Entry("cn=a", {}), SETTINGS, ()).username == ""
