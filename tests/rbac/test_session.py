"""Sessions and CSRF tokens: whose cookie is good, until when, and what it takes to change something with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac import carrier, passwords
from chalicelib.rbac import csrf as csrf_
from chalicelib.rbac.cookies import cookie, set_cookie
from chalicelib.rbac.csrf import Csrf
from chalicelib.rbac.session import COOKIE, MAX_S, Sessions
from tests.fakes.configuration import configurations
from tests.fakes.principals import FakePrincipals, basic

NOW = 1_800_000_000
SETTINGS = Settings(public_url="https://registry.example.com")
KEYS = [("new", b"n" * 32), ("old", b"o" * 32)]


class FakeEndedSessions:
    def __init__(self) -> None:
        self.until: dict[tuple[str, str], int] = {}

    def add(self, user: str, session_id: str, *, until: int) -> None:
        self.until[user, session_id] = until

    def has(self, user: str, session_id: str) -> bool:
        return (user, session_id) in self.until


class World:
    def __init__(self, **options: object) -> None:
        self.store = FakePrincipals().add("ann").add("admin", is_admin=True)
        self.keys = list(KEYS)
        self.csrf = Csrf(SETTINGS, lambda: self.keys)
        self.ended = FakeEndedSessions()
        self.sessions = Sessions(
            SETTINGS, self.store, self.ended, configurations(**options), self.csrf, lambda: self.keys
        )

    def begin(self, name: str = "ann", now: int = NOW) -> str:
        return value_of(self.sessions.begin(self.store.users[name], now=now))

    def name(self, sid: str, now: int = NOW, method: str = "GET", **headers: str) -> str | None:
        caller = self.sessions.authenticate(request(f"{COOKIE}={sid}", method, **headers), now)
        return caller.name if caller else None


@pytest.fixture
def world() -> World:
    return World()


def request(cookies: str = "", method: str = "GET", **headers: str) -> Request:
    sent = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Request(method, "/api/v2.0/users/current", headers={**sent, **({"cookie": [cookies]} if cookies else {})})


def value_of(line: str) -> str:
    return line.partition(";")[0].partition("=")[2]


def refused(world: World, sid: str, now: int = NOW, **more: str) -> str:
    with pytest.raises(RegistryError) as caught:
        world.name(sid, now, **more)
    return caught.value.code


def test_session_is_its_users_until_it_times_out(world: World) -> None:
    sid = world.begin()
    assert world.name(sid) == world.name(sid, NOW + 3599) == "ann"
    assert world.name(sid, NOW + 3600) is None
    assert World(session_timeout=5).name(World(session_timeout=5).begin(), NOW + 300) is None


def test_administrators_session_is_one(world: World) -> None:
    caller = world.sessions.authenticate(request(f"{COOKIE}={world.begin('admin')}"), NOW)
    assert caller is not None
    assert (caller.is_admin, caller.access) == (True, None)


def test_session_ends_with_its_user_their_password_and_their_name(world: World) -> None:
    sid, ann = world.begin(), world.store.users["ann"]
    for changed in (
        replace(ann, is_enabled=False),
        replace(ann, password_hash=passwords.hash_password("other")),
        replace(ann, user_id=99),
    ):
        world.store.users["ann"] = changed
        assert refused(world, sid) == "UNAUTHORIZED"
    del world.store.users["ann"]
    assert refused(world, sid) == "UNAUTHORIZED"
    world.store.users["ann"] = ann
    assert world.name(sid) == "ann"


def test_session_goes_on_while_it_is_used_and_not_beyond_a_day(world: World) -> None:
    sid, now = world.begin(), NOW
    assert world.sessions.renewed(request(f"{COOKIE}={sid}"), now=NOW + 899) is None
    for _ in range(200):
        now += 1800
        renewed = world.sessions.renewed(request(f"{COOKIE}={sid}"), now=now)
        if renewed is None:
            break
        sid = value_of(renewed)
        assert world.name(sid, now) == "ann"
    assert NOW + MAX_S - 1800 <= now <= NOW + MAX_S
    assert world.name(sid, NOW + MAX_S) is None


def test_session_outlives_the_change_of_a_key_and_not_its_end(world: World) -> None:
    sid = world.begin()
    world.keys = [("newest", b"z" * 32), KEYS[0]]
    assert world.name(sid) == "ann"
    world.keys = world.keys[:1]
    assert world.name(sid) is None


@given(st.text(max_size=300) | st.binary(max_size=100).map(lambda data: data.hex()))
def test_cookie_that_is_none_of_ours_is_no_session(text: str) -> None:
    world = World()
    assert world.sessions.authenticate(request(f"{COOKIE}={text}"), NOW) is None


def test_changed_cookie_is_no_session(world: World) -> None:
    sid = world.begin()
    for index in range(0, len(sid), 7):
        other = "A" if sid[index] != "A" else "B"
        assert world.name(sid[:index] + other + sid[index + 1 :]) is None


def test_cookie_says_nothing_to_who_reads_it(world: World) -> None:
    line = world.sessions.begin(world.store.users["ann"], now=NOW)
    assert "ann" not in value_of(line)
    assert line.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert "Secure" not in set_cookie(Settings(), "sid", "x")
    assert world.sessions.end(None) == "sid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"


def test_cookie_of_another_version_is_no_session(world: World) -> None:
    older = carrier.seal({"user_id": 1, "name": "ann"}, "session", KEYS[0][1], expires_at=NOW + 60)
    assert world.name(older) is None


def test_session_that_was_logged_out_of_is_over_wherever_its_cookie_was_copied_to(world: World) -> None:
    sid, other = world.begin(), world.begin()
    renewed = world.sessions.renewed(request(f"{COOKIE}={sid}"), now=NOW + 3000)
    assert renewed is not None
    world.sessions.end(world.sessions.carried(request(f"{COOKIE}={sid}"), now=NOW))
    for copy in (sid, value_of(renewed)):
        with pytest.raises(RegistryError, match="the session has ended"):
            world.name(copy, now=NOW + 3000)
    assert world.name(other) == "ann"
    assert list(world.ended.until.values()) == [NOW + MAX_S]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_change_needs_the_token_that_belongs_to_the_cookie(world: World, method: str) -> None:
    sid, first, second = world.begin(), world.csrf.headers(request()), world.csrf.headers(request())
    number, token = value_of(first["Set-Cookie"]), first[csrf_.HEADER]
    good = f"{sid}; {csrf_.COOKIE}={number}"
    assert world.name(good, method=method, x_harbor_csrf_token=token) == "ann"
    assert world.name(sid, method="GET") == world.name(sid, method="HEAD") == "ann"
    for cookies, sent in (
        (good, ""),
        (good, second[csrf_.HEADER]),
        (good, number),
        (sid, token),
        (f"{sid}; {csrf_.COOKIE}={value_of(second['Set-Cookie'])}", token),
        (f"{sid}; {csrf_.COOKIE}=", ""),
        (f"{sid}; {csrf_.COOKIE}=x", token),
        (good, "ä\ud800"),
    ):
        headers = {"x_harbor_csrf_token": sent} if sent else {}
        assert refused(world, cookies, method=method, **headers) == "FORBIDDEN"


def test_other_credentials_count_more_than_a_session_and_need_the_token_too(world: World) -> None:
    sid, authorization = world.begin(), basic("admin")["authorization"][0]
    assert world.name(sid, authorization=authorization) is None
    assert refused(world, sid, method="POST", authorization=authorization) == "FORBIDDEN"
    assert world.sessions.authenticate(request(method="POST", authorization=authorization), NOW) is None
    assert world.sessions.authenticate(request("sid=nonsense", "POST"), NOW) is None


def test_token_stays_the_same_for_a_browser_and_outlives_the_change_of_a_key(world: World) -> None:
    first = world.csrf.headers(request())
    cookies = first["Set-Cookie"].partition(";")[0]
    assert world.csrf.headers(request(cookies)) == first
    world.keys = [("newest", b"z" * 32), *KEYS]
    assert world.csrf.is_proven(request(cookies, "POST", x_harbor_csrf_token=first[csrf_.HEADER]))
    assert "SameSite=Strict" in first["Set-Cookie"]


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"origin": "https://registry.example.com"}, True),
        ({"origin": "http://10.0.0.1:5000", "host": "10.0.0.1:5000"}, True),
        ({"origin": "https://evil.example.com"}, False),
        ({"origin": "https://evil.example.com", "host": "registry.example.com"}, False),
        ({"origin": "null"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site", "origin": "https://registry.example.com"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://registry.example.com"}, True),
    ],
)
def test_login_form_of_another_site_is_refused(world: World, headers: dict[str, str], is_own: bool) -> None:
    if is_own:
        world.csrf.demand_own_page(request(method="POST", **headers))
        return
    with pytest.raises(RegistryError, match="FORBIDDEN"):
        world.csrf.demand_own_page(request(method="POST", **headers))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sid=1", "1"),
        ("a=b; sid=1; c=d", "1"),
        ("sid=1; sid=2", "1"),
        ('sid="1"', "1"),
        ("xsid=1", None),
        ("sid", None),
        ("", None),
        ("sid=1" + "x" * 20000, None),
    ],
)
def test_cookie_is_found_among_others(header: str, value: str | None) -> None:
    assert cookie(request(header), "sid") == value
