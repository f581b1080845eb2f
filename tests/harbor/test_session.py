"""A browser's session: the login form, the cookie, the CSRF token, and the end of it all."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest

from chalicelib.config import Settings
from tests.client import Answer
from tests.harbor.client import HarborClient
from tests.harbor.fresh import PASSWORD, Registry

NOW = int(time.time())


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    made = Registry(settings)
    for name in ("ann", "bob", "cat"):
        made.add(name)
    return made


def log_in(
    browser: HarborClient, name: str, password: str = PASSWORD, now: int | None = None, **headers: str
) -> Answer:
    form = urlencode({"principal": name, "password": password}).encode()
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}
    return browser.post("/c/login", body=form, headers=sent, now=now)


@pytest.fixture
def browser(registry: Registry) -> HarborClient:
    return registry.anonymous.session()


def test_login_lets_a_browser_in_until_it_logs_out(browser: HarborClient) -> None:
    answer = log_in(browser, "ann")
    assert (answer.status, answer.body) == (200, b"")
    assert browser.get("/users/current").json()["username"] == "ann"
    copied = browser.cookies["sid"]
    assert browser.get("/c/log_out").status == 200
    assert "sid" not in browser.cookies
    assert browser.get("/users/current", headers={"Cookie": f"sid={copied}"}).status == 401
    assert browser.get("/users/current").status == 401


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(settings: Settings, browser: HarborClient) -> None:
    lines = log_in(browser, "ann").headers["set-cookie"]
    named = {line.partition("=")[0]: line for line in lines}
    assert named.keys() == {"sid", "_gorilla_csrf"}
    assert all("HttpOnly" in line and "Path=/;" in line for line in lines)
    assert "SameSite=Lax" in named["sid"]
    assert "SameSite=Strict" in named["_gorilla_csrf"]
    assert "Secure" not in named["sid"]
    secure = Registry(settings, public_url="https://registry.example.com")
    lines = log_in(secure.anonymous.session(), "admin", "admin-secret").headers["set-cookie"]
    assert all(line.endswith("; Secure") for line in lines)


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("ann", ""), ("a b", "x"), ("robot$x", "x")]
)
def test_wrong_login_is_401_whoever_it_is(browser: HarborClient, name: str, password: str) -> None:
    answer = log_in(browser, name, password)
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")
    assert "sid" not in browser.cookies


def test_form_that_is_none_is_refused(browser: HarborClient) -> None:
    for body, kind, status in (
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"principal": "\\ud800", "password": "x"}', "application/json", 400),
        (b'{"principal": 1, "password": null}', "application/json", 401),
        (b"x" * 70000, "application/x-www-form-urlencoded", 413),
        (b"", "", 401),
    ):
        assert browser.post("/c/login", body=body, headers={"content-type": kind}).status == status, body[:40]


def test_form_of_another_site_logs_nobody_in(browser: HarborClient) -> None:
    assert log_in(browser, "ann", origin="https://evil.example.com").status == 403
    assert log_in(browser, "ann", origin="http://127.0.0.1:5000").status == 200


def test_eleventh_wrong_login_is_429(registry: Registry) -> None:
    def attempt() -> int:
        form = urlencode({"principal": "cat", "password": "wrong"}).encode()
        return registry.anonymous.post("/c/login", body=form, client_ip="198.51.100.1").status

    assert [attempt() for _ in range(11)] == [401] * 10 + [429]


def test_change_needs_the_csrf_token_of_the_last_answers(browser: HarborClient, registry: Registry) -> None:
    log_in(browser, "bob")
    profile = {"email": "bob@example.org", "realname": "Bob"}
    user_id = browser.get("/users/current").json()["user_id"]
    assert browser.put(f"/users/{user_id}", json=profile).status == 200
    token, browser.csrf = browser.csrf, ""
    refused = browser.put(f"/users/{user_id}", json=profile)
    assert (refused.status, refused.error_code) == (403, "FORBIDDEN")
    assert refused.headers["x-harbor-csrf-token"] == token
    browser.csrf = token
    assert browser.put(f"/users/{user_id}", json=profile).status == 200
    assert registry.user("bob").put(f"/users/{user_id}", json=profile).status == 200


def test_program_that_has_only_the_session_cookie_gets_what_it_needs(browser: HarborClient, registry: Registry) -> None:
    """As terraform-provider-harbor does with a session id."""
    log_in(browser, "ann")
    program = registry.anonymous.session()
    program.cookies = {"sid": browser.cookies["sid"]}
    first = program.get("/users/current")
    assert first.headers["x-harbor-csrf-token"]
    assert "_gorilla_csrf" in program.cookies
    answer = program.post("/projects", json={"project_name": "of-a-session"})
    assert answer.status == 201
    assert program.get("/projects/absent-one").headers["x-harbor-csrf-token"]


def test_requests_without_cookies_get_none(registry: Registry) -> None:
    for user in (registry.admin, registry.anonymous):
        answer = user.get("/users/current")
        assert "set-cookie" not in answer.headers
        assert "x-harbor-csrf-token" not in answer.headers


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/systeminfo", "/projects/absent-one"])
def test_no_cache_keeps_an_answer_that_brings_cookies(browser: HarborClient, path: str) -> None:
    """What is public for everybody else: a cache in front would give one browser's session to the next."""
    log_in(browser, "ann", now=NOW)
    answer = browser.get(path, now=NOW + 1800)
    assert any(line.startswith("sid=") for line in answer.headers["set-cookie"])
    assert answer.headers["cache-control"] == "no-store"


def test_session_ends_when_its_user_is_disabled_or_has_another_password(settings: Settings) -> None:
    registry = Registry(settings)
    user_id, browser = registry.add("dan"), registry.anonymous.session()
    log_in(browser, "dan")
    for path, sent in (
        (f"/users/{user_id}/enabled", {"enabled": False}),
        (f"/users/{user_id}/password", {"new_password": "Another-passw0rd"}),
    ):
        assert browser.get("/users/current").status == 200
        assert registry.admin.put(path, json=sent).status == 200
        assert browser.get("/users/current").status == 401
        registry.admin.put(f"/users/{user_id}/enabled", json={"enabled": True})


def test_session_ends_by_itself(settings: Settings) -> None:
    registry = Registry(settings)
    registry.configure(session_timeout=10)
    browser = registry.anonymous.session()
    registry.add("dan")
    log_in(browser, "dan", now=NOW)
    sid = browser.cookies["sid"]
    assert browser.get("/users/current", now=NOW + 300).status == 200
    assert browser.cookies["sid"] != sid
    assert browser.get("/users/current", now=NOW + 800).status == 200
    browser.cookies["sid"] = sid
    assert browser.get("/users/current", now=NOW + 800).status == 401


def test_user_exists_is_told_where_everybody_may_register(settings: Settings) -> None:
    registry = Registry(settings)
    registry.add("dan")

    def exists(user: HarborClient, target: str, value: str) -> Answer:
        return user.post("/c/userExists", body=urlencode({"target": target, "value": value}).encode())

    assert exists(registry.anonymous, "username", "dan").status == 412
    assert exists(registry.user("dan"), "username", "dan").status == 412
    assert exists(registry.admin, "username", "dan").json() is True
    registry.configure(self_registration=True)
    for target, value, found in (
        ("username", "dan", True),
        ("username", "eve", False),
        ("username", "x" * 5000, False),
        ("email", "DAN@example.com", True),
        ("email", "x" * 5000, False),
        ("else", "dan", False),
    ):
        assert exists(registry.anonymous, target, value).json() is found
    statuses = {exists(registry.anonymous, "username", f"guess{number}").status for number in range(60)}
    assert statuses == {200, 429}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/c/login", 405),
        ("POST", "/c/log_out", 405),
        ("GET", "/c/nothing", 404),
        ("GET", "/c/", 404),
        ("GET", "/c/oidc/login", 412),
        ("GET", "/c/oidc/callback?state=x&code=y", 412),
        ("POST", "/c/oidc/onboard", 400),
        ("GET", "/c/oidc/logout", 302),
        ("GET", "/c/log_out", 200),
    ],
)
def test_pages_that_lead_nowhere_say_so(registry: Registry, method: str, path: str, status: int) -> None:
    assert registry.anonymous.send(method, path).status == status


def test_login_is_answered_the_same_for_all_names_where_a_provider_is_first(settings: Settings) -> None:
    registry = Registry(settings)
    registry.add("dan")
    registry.configure(auth_mode="oidc_auth", oidc_endpoint="https://login.example.com", oidc_client_id="moorage")
    browser = registry.anonymous.session()
    answers = [log_in(browser, name, "wrong") for name in ("dan", "nobody")]
    location = {"redirect_location": "http://127.0.0.1:5000/c/oidc/login"}
    assert [(answer.status, answer.json()) for answer in answers] == [(403, location)] * 2
    assert log_in(browser, "dan").status == 200
