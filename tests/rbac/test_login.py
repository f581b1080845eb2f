"""Passwords and failed logins: what is counted, what is remembered, and what everybody else gets to see (nothing)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from chalicelib.errors import RegistryError
from chalicelib.rbac import passwords
from chalicelib.rbac.authorization import Basic, parse
from chalicelib.rbac.identity import Identity, IdentityGroup, SourceDown
from chalicelib.rbac.login import (
    EVEN_S,
    MAX_FAILURES,
    MAX_FAILURES_OF_ADDRESS,
    REMEMBER_S,
    WINDOW_S,
    Login,
    Others,
    Pace,
)
from chalicelib.rbac.model import Robot, User
from tests.fakes.people import FakeSources, onboarding
from tests.fakes.principals import PASSWORD, PASSWORD_HASH, FakePrincipals

NOW = 1_800_000_000
IP = "203.0.113.9"


@pytest.fixture
def store() -> FakePrincipals:
    return FakePrincipals().add("ann")


@pytest.fixture
def login(store: FakePrincipals) -> Login:
    return Login(store)


def attempt(login: Login, name: str = "ann", password: str = PASSWORD, ip: str = IP, now: int = NOW) -> str:
    """Log in; the code of the error, or the user's name."""
    try:
        user = login.facts(Basic(name, password), ip, (), challenge="Basic", now=now).user
    except RegistryError as error:
        return error.code
    assert user is not None
    return user.name


def fail(login: Login, times: int, name: str = "ann", ip: str = IP, now: int = NOW) -> None:
    for _ in range(times):
        assert attempt(login, name, "wrong", ip, now) == "UNAUTHORIZED"


def test_password_is_hashed_with_argon2id_and_its_own_salt() -> None:
    first, second = passwords.hash_password("x"), passwords.hash_password("x")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert passwords.is_password("x", first)
    assert not passwords.is_password("y", first)
    assert passwords.generation(first) != passwords.generation(second)


@pytest.mark.parametrize("stored", ["", "x", "$2b$12$abc", "$argon2id$v=19$m=19456,t=2,p=1$$"])
def test_stored_text_that_is_no_hash_matches_nothing(stored: str) -> None:
    assert not passwords.is_password("x", stored)
    assert not passwords.is_password("", stored)


def test_right_password_gives_the_user_in_one_read(login: Login, store: FakePrincipals) -> None:
    assert attempt(login) == "ann"
    assert store.reads == [3]
    assert store.writes == 0


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("ann", ""), ("bob", PASSWORD), ("Ann", PASSWORD), ("ann ", PASSWORD), ("off", PASSWORD)],
)
def test_every_wrong_login_looks_the_same(login: Login, store: FakePrincipals, name: str, password: str) -> None:
    store.add("off", is_enabled=False)
    with pytest.raises(RegistryError) as caught:
        login.facts(Basic(name, password), IP, (), challenge="Basic", now=NOW)
    assert (caught.value.code, caught.value.message) == ("UNAUTHORIZED", "wrong user name or password")
    assert caught.value.headers == {"WWW-Authenticate": "Basic"}


@pytest.mark.parametrize("name", ["", "a" * 256, "a/b", "ann\x00", "#", "ann#G", "-ann", "ä"])
def test_name_that_cannot_be_one_is_refused_without_a_read(login: Login, store: FakePrincipals, name: str) -> None:
    assert attempt(login, name) == "UNAUTHORIZED"
    assert store.reads == []


def test_password_that_cannot_be_one_is_refused_without_a_hash(login: Login) -> None:
    started = time.process_time()
    assert attempt(login, password="x" * 1025) == "UNAUTHORIZED"
    assert time.process_time() - started < 0.01


def test_unknown_user_takes_as_much_work_as_a_known_one(login: Login) -> None:
    def work(name: str) -> float:
        started = time.process_time()
        attempt(login, name, "wrong", ip=f"192.0.2.{len(name)}")
        return time.process_time() - started

    known, unknown = (min(work(name) for _ in range(4)) for name in ("ann", "nobody"))
    assert unknown > known / 2


def test_tenth_failure_closes_the_door_for_the_right_password_too(login: Login) -> None:
    fail(login, MAX_FAILURES)
    with pytest.raises(RegistryError) as caught:
        login.facts(Basic("ann", PASSWORD), IP, (), challenge="Basic", now=NOW + 100)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": str(WINDOW_S - 100)})


def test_closed_door_costs_one_read_and_counts_no_further(login: Login, store: FakePrincipals) -> None:
    fail(login, MAX_FAILURES)
    store.reads.clear()
    writes, started = store.writes, time.process_time()
    assert attempt(login, password="wrong") == "TOOMANYREQUESTS"
    assert time.process_time() - started < 0.01
    assert (store.reads, store.writes) == ([3], writes)


def test_nine_failures_leave_the_door_open(login: Login) -> None:
    fail(login, MAX_FAILURES - 1)
    assert attempt(login) == "ann"


def test_right_password_does_not_forgive_failures(login: Login) -> None:
    fail(login, MAX_FAILURES - 1)
    assert attempt(login) == "ann"
    fail(login, 1)
    assert attempt(login) == "TOOMANYREQUESTS"


def test_door_opens_when_the_window_ends_though_the_old_count_is_still_there(login: Login) -> None:
    fail(login, MAX_FAILURES)
    assert attempt(login, now=NOW + WINDOW_S - 1) == "TOOMANYREQUESTS"
    fail(login, MAX_FAILURES, now=NOW + WINDOW_S)
    assert attempt(login, now=NOW + WINDOW_S + 1) == "TOOMANYREQUESTS"


def test_unknown_users_are_counted_too(login: Login) -> None:
    fail(login, MAX_FAILURES, "nobody")
    assert attempt(login, "nobody") == "TOOMANYREQUESTS"


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("::ffff:203.0.113.9", "::ffff:203.0.113.10", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "not an address", True),
    ],
)
def test_failures_count_by_user_and_origin(login: Login, first: str, second: str, is_same: bool) -> None:
    fail(login, MAX_FAILURES, ip=first)
    assert attempt(login, ip=second) == ("TOOMANYREQUESTS" if is_same else "ann")


def test_failures_of_one_user_do_not_close_the_door_for_another(login: Login, store: FakePrincipals) -> None:
    store.add("bob")
    fail(login, MAX_FAILURES)
    assert attempt(login, "bob") == "bob"


def test_remembered_password_is_not_hashed_again_but_the_user_is_read(login: Login, store: FakePrincipals) -> None:
    attempt(login)
    started = time.process_time()
    assert attempt(login, now=NOW + REMEMBER_S - 1) == "ann"
    assert time.process_time() - started < 0.01
    assert len(store.reads) == 2


def test_disabled_user_is_seen_at_once_where_the_user_is_read(login: Login, store: FakePrincipals) -> None:
    attempt(login)
    store.users["ann"] = replace(store.users["ann"], is_enabled=False)
    assert attempt(login) == "UNAUTHORIZED"
    store.users["ann"] = replace(store.users["ann"], is_enabled=True)
    assert attempt(login) == "ann"


def test_changed_password_is_seen_at_once_where_the_user_is_read(login: Login, store: FakePrincipals) -> None:
    attempt(login)
    store.users["ann"] = replace(store.users["ann"], password_hash=passwords.hash_password("new"))
    assert attempt(login) == "UNAUTHORIZED"
    assert attempt(login, password="new") == "ann"


def test_basic_on_the_registry_reads_the_user_once_a_minute(login: Login, store: FakePrincipals) -> None:
    def name(now: int) -> str:
        return login.principal(Basic("ann", PASSWORD), IP, challenge="Bearer", now=now).name

    assert [name(NOW), name(NOW + 30), name(NOW + REMEMBER_S - 1)] == ["ann"] * 3
    assert len(store.reads) == 1
    store.users["ann"] = replace(store.users["ann"], is_enabled=False)
    assert name(NOW + REMEMBER_S - 1) == "ann"
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        name(NOW + REMEMBER_S)


def test_wrong_password_is_never_remembered(login: Login) -> None:
    fail(login, 1)
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        login.principal(Basic("ann", "wrong"), IP, challenge="Bearer", now=NOW)


def test_name_and_password_cannot_be_shifted_into_each_other(login: Login, store: FakePrincipals) -> None:
    store.add("ann:x")
    attempt(login)
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        login.principal(Basic("an", "n" + PASSWORD), IP, challenge="Bearer", now=NOW)


def test_nothing_shows_a_password(login: Login, store: FakePrincipals) -> None:
    attempt(login)
    with pytest.raises(RegistryError) as caught:
        login.facts(Basic("ann", "hunter2-hunter2"), IP, (), challenge="Basic", now=NOW)
    shown = repr(vars(login)) + repr(vars(login._right)) + repr(caught.value.body()) + repr(store.users)
    shown += repr(Basic("ann", "hunter2-hunter2")) + repr(parse("Bearer hunter2-hunter2"))
    assert "hunter2" not in shown
    assert PASSWORD not in shown
    assert PASSWORD_HASH not in shown


class StillPace(Pace):
    """A clock that stands still but for the waiting, which it remembers."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    def now_s(self) -> float:
        return 7.0

    def wait_s(self, seconds: float) -> None:
        self.waited_s.append(seconds)


def test_where_a_directory_is_asked_every_failure_takes_as_long(store: FakePrincipals) -> None:
    for sources, expected in ((FakeSources({("lee", PASSWORD): LEE}), [EVEN_S]), (None, [])):
        pace = StillPace()
        login = Login(store, Others(sources, onboarding(store)) if sources else None, CountingHasher(), pace)
        for name in ("ann", "nobody", "robot$gone"):
            assert attempt(login, name, "wrong") == "UNAUTHORIZED"
            assert pace.waited_s == expected
            pace.waited_s.clear()
        assert attempt(login, "ann") == "ann"
        assert pace.waited_s == []


class CountingHasher:
    """Checks passwords for nothing, and counts."""

    def __init__(self) -> None:
        self.checked: list[str] = []

    def is_password(self, password: str, password_hash: str) -> bool:
        self.checked.append(password_hash)
        return password == PASSWORD and password_hash == PASSWORD_HASH


@pytest.mark.parametrize("name", ["ann", "nobody", "off", "lee", "nemo", "robot$ci", "robot$gone", "oz"])
def test_every_failed_login_checks_one_hash(store: FakePrincipals, name: str) -> None:
    store.add("off", is_enabled=False)
    store.users["lee"] = User("lee", "", source="ldap", user_id=7)
    store.users["oz"] = User("oz", "", source="oidc", user_id=8)
    store.robots["robot$ci"] = Robot("robot$ci", PASSWORD_HASH, is_enabled=False)
    hasher = CountingHasher()
    login = Login(store, Others(FakeSources(), onboarding(store)), hasher, StillPace())
    for password in ("wrong", ""):
        assert attempt(login, name, password) == "UNAUTHORIZED"
        assert len(hasher.checked) == 1
        hasher.checked.clear()


def test_address_that_fails_with_many_names_is_shut_out_and_no_other(login: Login, store: FakePrincipals) -> None:
    for number in range(MAX_FAILURES_OF_ADDRESS // 4):
        fail(login, 4, f"guess{number}", now=NOW + number)
    assert attempt(login) == "TOOMANYREQUESTS"
    assert attempt(login, ip="203.0.113.10") == "ann"
    assert attempt(login, now=NOW + WINDOW_S) == "ann"


def test_one_name_cannot_shut_an_address_out(login: Login) -> None:
    fail(login, MAX_FAILURES, "bob")
    for _ in range(MAX_FAILURES_OF_ADDRESS):
        assert attempt(login, "bob", "wrong") == "TOOMANYREQUESTS"
    assert attempt(login) == "ann"


def test_what_strangers_may_do_is_counted_by_address(login: Login) -> None:
    for _ in range(MAX_FAILURES_OF_ADDRESS):
        login.demand_patience(IP, now=NOW)
    with pytest.raises(RegistryError, match="TOOMANYREQUESTS"):
        login.demand_patience(IP, now=NOW)
    login.demand_patience("203.0.113.10", now=NOW)


LEE = Identity(
    "ldap", "cn=lee,dc=example", "ldap://d", "lee", "lee@example.com", "Lee", (IdentityGroup("dev", "cn=dev"),), True
)


def test_name_nobody_has_is_asked_of_ldap_which_brings_somebody_new(store: FakePrincipals) -> None:
    sources = FakeSources({("lee", PASSWORD): LEE})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert attempt(login, "lee", "wrong") == "UNAUTHORIZED"
    assert "lee" not in store.users
    assert attempt(login, "lee") == "lee"
    lee = store.users["lee"]
    assert (lee.source, lee.subject, lee.email, lee.is_admin, lee.sysadmin_flag) == (
        "ldap", "ldap://d cn=lee,dc=example", "lee@example.com", True, False,
    )  # fmt: skip
    assert lee.user_id > 1
    assert len(lee.groups) == 1


def test_password_of_ldap_is_remembered_for_a_while_and_a_disabled_user_is_not_let_in(store: FakePrincipals) -> None:
    sources = FakeSources({("lee", PASSWORD): LEE})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert [attempt(login, "lee", now=NOW + i) for i in (0, 1, REMEMBER_S)] == ["lee"] * 3
    assert sources.asked == ["lee"] * 2
    store.users["lee"] = replace(store.users["lee"], is_enabled=False)
    assert attempt(login, "lee", now=NOW + REMEMBER_S + 1) == "UNAUTHORIZED"


def test_what_ldap_says_holds_from_login_to_login(store: FakePrincipals) -> None:
    sources = FakeSources({("lee", PASSWORD): LEE})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    attempt(login, "lee")
    sources.people["lee", PASSWORD] = LEE._replace(groups=(), is_admin=False, realname="Lee B.")
    attempt(login, "lee", now=NOW + REMEMBER_S)
    lee = store.users["lee"]
    assert (lee.groups, lee.is_admin, lee.realname) == ((), False, "Lee B.")
    sources.people["lee", PASSWORD] = LEE._replace(groups=None, is_admin=None)
    store.users["lee"] = replace(lee, sysadmin_flag=True)
    attempt(login, "lee", now=NOW + 2 * REMEMBER_S)
    assert store.users["lee"].is_admin


def test_email_is_as_good_as_the_name_and_fails_after_the_same_reads(store: FakePrincipals) -> None:
    store.users["ann"] = replace(store.users["ann"], email="ann@example.com")
    login = Login(store)
    assert attempt(login, "Ann@example.com") == "ann"
    counts = []
    for name in ("ann@example.com", "nobody@example.com"):
        store.reads.clear()
        fail(login, 1, name)
        counts.append(store.reads[:])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
def test_failures_do_not_tell_whose_an_email_is(store: FakePrincipals, email: str) -> None:
    """Counted together with the name's they would: who tries the address ten times is shut out of the name, if it is the one."""
    store.users["ann"] = replace(store.users["ann"], email="ann@example.com")
    login = Login(store)
    fail(login, MAX_FAILURES - 1, email)
    fail(login, 1, email.upper())
    assert attempt(login, email) == attempt(login, email.title()) == "TOOMANYREQUESTS"
    assert attempt(login) == "ann"


def test_who_gives_somebody_elses_name_as_an_email_keeps_nobody_out(store: FakePrincipals) -> None:
    """Nobody checks addresses, and in a directory they may be the names."""
    store.users["ann"] = replace(store.users["ann"], email="lee@example.com")
    sources = FakeSources({("lee@example.com", "of-ldap"): LEE._replace(username="lee@example.com")})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert attempt(login, "lee@example.com") == "ann"
    assert sources.asked == []
    assert attempt(login, "lee@example.com", "neither") == "UNAUTHORIZED"
    assert attempt(login, "lee@example.com", "of-ldap") == "lee@example.com"


def test_name_that_looks_like_an_email_is_a_name_first(store: FakePrincipals) -> None:
    store.users["ann"] = replace(store.users["ann"], email="bob@example.com")
    store.add("bob@example.com")
    store.users["bob@example.com"] = replace(
        store.users["bob@example.com"], password_hash=passwords.hash_password("Bobs")
    )
    login = Login(store)
    assert attempt(login, "bob@example.com") == "UNAUTHORIZED"
    assert attempt(login, "bob@example.com", "Bobs") == "bob@example.com"


@pytest.mark.parametrize("name", ["ann", "robot$ci", "oz"])
def test_ldap_is_never_asked_about_somebody_elses_user(store: FakePrincipals, name: str) -> None:
    store.robots["robot$ci"] = Robot("robot$ci", PASSWORD_HASH)
    store.users["oz"] = User("oz", PASSWORD_HASH, source="oidc", user_id=8)
    sources = FakeSources({(name, "of-ldap"): LEE._replace(username=name)})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert attempt(login, name, "of-ldap") == "UNAUTHORIZED"
    assert sources.asked == []
    assert login.principal(Basic(name, PASSWORD), IP, challenge="", now=NOW).name == name
    assert attempt(login, "robot$gone", "of-ldap") == "UNAUTHORIZED"
    assert sources.asked == []


def test_identity_with_another_name_than_typed_cannot_be_somebody_of_another_source(store: FakePrincipals) -> None:
    sources = FakeSources({("ANN", PASSWORD): LEE._replace(username="ann")})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert attempt(login, "ANN") == "UNAUTHORIZED"
    assert store.users["ann"].source == "db"


def test_name_typed_in_other_letters_is_the_one_user_of_ldap(store: FakePrincipals) -> None:
    sources = FakeSources({("lee", PASSWORD): LEE, ("LEE", PASSWORD): LEE})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    assert [attempt(login, name) for name in ("LEE", "lee", "LEE")] == ["lee"] * 3
    assert [name for name in store.users if name.lower() == "lee"] == ["lee"]


def test_directory_that_is_down_fails_its_own_users_only_and_counts_nothing(
    store: FakePrincipals, caplog: pytest.LogCaptureFixture
) -> None:
    sources = FakeSources({("lee", PASSWORD): LEE})
    login = Login(store, Others(sources, onboarding(store)), pace=StillPace())
    attempt(login, "lee")
    sources.down = SourceDown("ldap", "it does not answer")
    for _ in range(MAX_FAILURES + 1):
        assert attempt(login, "lee", now=NOW + REMEMBER_S) == "UNAUTHORIZED"
    assert attempt(login, "ann", now=NOW + REMEMBER_S) == "ann"
    sources.down = None
    assert attempt(login, "lee", now=NOW + REMEMBER_S) == "lee"
    assert store.failures == {}
    assert {vars(record)["error"] for record in caplog.records} == {"it does not answer"}
