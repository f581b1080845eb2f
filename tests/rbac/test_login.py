"""Passwords and failed logins: what is counted, what is remembered, and what everybody else gets to see (nothing)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from chalicelib.errors import RegistryError
from chalicelib.rbac import passwords
from chalicelib.rbac.authorization import Basic, parse
from chalicelib.rbac.login import MAX_FAILURES, REMEMBER_S, WINDOW_S, Login
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
    assert store.reads == [2]
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
    assert (store.reads, store.writes) == ([2], writes)


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
