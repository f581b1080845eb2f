"""Users of a real OpenLDAP server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.rbac.identity import Identity, IdentityGroup, SourceDown
from chalicelib.rbac.ldap import LdapSettings
from chalicelib.upstream.ldap import LdapDirectory
from tests.upstream import directory
from tests.upstream.directory import Directory

NOW = 1_800_000_000
PEOPLE, GROUPS = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org"
DEVS, ADMINS = IdentityGroup("devs", f"cn=devs,{GROUPS}"), IdentityGroup("admins", f"cn=admins,{GROUPS}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    pytest.importorskip("ldap3")
    if directory.SLAPD is None:
        pytest.skip("slapd is not installed")
    with directory.running(tmp_path_factory.mktemp("ldap")) as made:
        yield made


@pytest.fixture
def settings(server: Directory) -> LdapSettings:
    return LdapSettings(
        server.url, PEOPLE, "uid", search_dn="cn=reader,dc=example,dc=org", search_password="reader-secret", timeout=2,
        group_base_dn=GROUPS, group_search_filter="objectClass=groupOfNames", group_admin_dn=f"CN=Admins, {GROUPS}",
    )  # fmt: skip


def log_in(settings: LdapSettings, username: str, password: str) -> Identity | None:
    return LdapDirectory(settings).authenticate(username, password, NOW)


def test_a_right_password_lets_somebody_in(settings: LdapSettings) -> None:
    assert log_in(settings, "ann", "ann-secret") == Identity(
        "ldap", f"uid=ann,{PEOPLE}", settings.url, "ann", "ann@example.org", "Ann Smith", (DEVS, ADMINS), True
    )


def test_a_password_may_be_any_text(settings: LdapSettings) -> None:
    found = log_in(settings, "bob", "b\u00f6b-secret")
    assert found is not None
    assert (found.username, found.email, found.groups, found.is_admin) == ("bob", "", (DEVS,), False)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("ann", "\x00"),
        ("ann", "x" * 1025),
        ("nobody", "ann-secret"),
        ("", "ann-secret"),
        (" ", "ann-secret"),
        ("*", "ann-secret"),
        ("an*", "ann-secret"),
        ("ann)(uid=*", "ann-secret"),
        ("ann)(|(uid=bob", "ann-secret"),
        ("\\61nn", "ann-secret"),
        ("a\x00nn", "ann-secret"),
        ("twin", "twin-secret"),
        (f"uid=ann,{PEOPLE}", "ann-secret"),
    ],
)
def test_anything_else_does_not(settings: LdapSettings, username: str, password: str) -> None:
    assert log_in(settings, username, password) is None


def test_the_name_is_the_directorys_however_it_was_typed(settings: LdapSettings) -> None:
    found = log_in(settings, "ANN", "ann-secret")
    assert found is not None
    assert found.username == "ann"


def test_a_name_with_blanks_gets_underscores(settings: LdapSettings) -> None:
    found = log_in(settings, "odd name", "odd-secret")
    assert found is not None
    assert found.username == "odd_name"


@pytest.mark.parametrize("given", ["employeeType=staff", "(employeeType=staff)", " (&(employeeType=staff)(mail=*)) "])
def test_a_filter_says_who_may(settings: LdapSettings, given: str) -> None:
    filtered = replace(settings, filter=given)
    assert log_in(filtered, "ann", "ann-secret") is not None
    assert log_in(filtered, "cy", "cy-secret") is None


def test_the_scope_says_how_deep(settings: LdapSettings) -> None:
    assert log_in(settings, "cy", "cy-secret") is not None
    assert log_in(replace(settings, scope=1), "cy", "cy-secret") is None
    assert log_in(replace(settings, scope=1), "ann", "ann-secret") is not None
    assert log_in(replace(settings, scope=0), "ann", "ann-secret") is None
    assert log_in(replace(settings, scope=0, base_dn=f"uid=ann,{PEOPLE}"), "ann", "ann-secret") is not None


def test_groups_are_those_the_filter_finds_below_their_base(settings: LdapSettings) -> None:
    def groups(**changes: object) -> list[str]:
        found = log_in(replace(settings, **changes), "ann", "ann-secret")  # type: ignore[arg-type]
        assert found is not None
        return [group.name for group in found.groups or ()]

    assert groups() == ["devs", "admins"]
    assert groups(group_base_dn="dc=example,dc=org") == ["devs", "admins", "elsewhere"]
    assert groups(group_search_filter="(description=*)") == ["devs"]
    assert groups(group_attribute_name="description") == ["The developers"]
    assert groups(group_search_filter="") == []
    assert groups(group_membership_attribute="seeAlso") == []
    assert groups(group_base_dn="ou=none,dc=example,dc=org") == []


def test_without_a_group_of_administrators_nobody_is_one(settings: LdapSettings) -> None:
    found = log_in(replace(settings, group_admin_dn=""), "ann", "ann-secret")
    assert found is not None
    assert found.is_admin is False


def test_users_are_searched(settings: LdapSettings) -> None:
    found = LdapDirectory(settings)
    assert [user.username for user in found.search_users("bob")] == ["bob"]
    assert found.search_users("bob")[0].realname == "Bob (the second)*"
    assert {user.username for user in found.search_users()} == {"ann", "bob", "cy", "twin", "odd_name"}
    assert found.search_users("n*") == []


def test_groups_are_searched(settings: LdapSettings) -> None:
    found = LdapDirectory(settings)
    assert found.search_groups("devs") == [DEVS]
    assert sorted(found.search_groups()) == [ADMINS, DEVS]
    assert found.search_groups(dn=f"CN=devs, {GROUPS}") == [DEVS]
    assert found.search_groups("*") == []
    for dn in (f"cn=gone,{GROUPS}", "cn=elsewhere,dc=example,dc=org", "rubbish", "dc=org", f"cn=a\\2c{GROUPS}"):
        assert found.search_groups(dn=dn) == []


def test_many_logins_at_once(settings: LdapSettings) -> None:
    source = LdapDirectory(replace(settings, group_attach_parallel=True))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: source.authenticate("ann", "ann-secret" if n % 2 else "wrong", NOW), range(16)))
    assert [identity is not None for identity in found] == [bool(n % 2) for n in range(16)]


def down(settings: LdapSettings) -> str:
    with pytest.raises(SourceDown) as caught:
        LdapDirectory(settings).ping()
    with pytest.raises(SourceDown):
        LdapDirectory(settings).authenticate("ann", "ann-secret", NOW)
    assert "secret" not in str(caught.value).replace("reader-secret", "SECRET") + repr(settings)
    return caught.value.reason


def test_ping(settings: LdapSettings) -> None:
    LdapDirectory(settings).ping()


def test_a_directory_that_is_down_is_reported(settings: LdapSettings) -> None:
    assert "refused" in down(replace(settings, url="ldap://127.0.0.1:1"))
    assert down(replace(settings, url="ldap://nowhere.invalid"))


def test_a_directory_that_does_not_answer_is_left_in_time(settings: LdapSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        accepting = threading.Thread(target=lambda: [silent.accept() for _ in range(2)], daemon=True)
        accepting.start()
        started = time.monotonic()
        assert down(replace(settings, url=f"ldap://127.0.0.1:{silent.getsockname()[1]}", timeout=1))
        assert time.monotonic() - started < 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"search_password": "wrong"}, "invalid credential"),
        ({"search_dn": "cn=gone,dc=example,dc=org"}, "invalid credential"),
        ({"search_dn": "rubbish"}, "may not bind"),
        ({"url": "http://127.0.0.1"}, "ldap://"),
        ({"url": "ldap://127.0.0.1:x"}, "port"),
        ({"url": "ldap://"}, "host"),
    ],
)
def test_a_setting_that_is_wrong_is_reported(settings: LdapSettings, change: dict[str, str], reason: str) -> None:
    assert reason in down(replace(settings, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"filter": "(uid=ann"}, {"filter": "(((("}, {"uid": "u)(id"}, {"filter": "(&(x=1)(uid=*)"}])
def test_a_filter_that_is_wrong_is_reported(settings: LdapSettings, change: dict[str, str]) -> None:
    with pytest.raises(SourceDown):
        log_in(replace(settings, **change), "ann", "ann-secret")  # type: ignore[arg-type]


def test_an_anonymous_search_finds_what_the_directory_shows(settings: LdapSettings) -> None:
    assert log_in(replace(settings, search_dn="", search_password=""), "ann", "ann-secret") is None


def test_tls_is_verified(server: Directory, settings: LdapSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    secure = replace(settings, url=server.tls_url)
    assert "certificate" in down(secure).lower()
    assert log_in(replace(secure, verify_cert=False), "ann", "ann-secret") is not None
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert log_in(secure, "ann", "ann-secret") is not None
    assert down(replace(secure, url=server.tls_url.replace("127.0.0.1", "localhost")))


def test_a_directory_that_shows_a_few_only_still_shows_those(
    tmp_path_factory: pytest.TempPathFactory, settings: LdapSettings
) -> None:
    with directory.running(tmp_path_factory.mktemp("small"), size_limit=2) as small:
        assert len(LdapDirectory(replace(settings, url=small.url)).search_users()) == 2
