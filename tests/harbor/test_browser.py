"""A browser's session through API Gateway's part: cookies, the stage `c`, and what the log keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.running import Running, running_registry

TOKEN = "X-Harbor-CSRF-Token"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_registry(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def browser(registry: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url) as client:
        yield client


def log_in(browser: httpx.Client, registry: Running, password: str = "") -> httpx.Response:
    return browser.post("/c/login", data={"principal": registry.user, "password": password or registry.password})


def test_form_gives_a_session_that_changes_things_with_its_token(browser: httpx.Client, registry: Running) -> None:
    answer = log_in(browser, registry)
    assert (answer.status_code, answer.content) == (200, b"")
    assert set(browser.cookies) == {"sid", "_gorilla_csrf"}
    current = browser.get("/api/v2.0/users/current")
    assert current.json()["username"] == registry.user
    body = {"label": {"name": "of-a-browser", "scope": "g"}}["label"]
    assert browser.post("/api/v2.0/labels", json=body).status_code == 403
    made = browser.post("/api/v2.0/labels", json=body, headers={TOKEN: current.headers[TOKEN]})
    assert made.status_code == 201
    assert browser.delete(made.headers["location"], headers={TOKEN: made.headers[TOKEN]}).status_code == 200
    assert browser.get("/c/log_out").status_code == 200
    assert "sid" not in browser.cookies
    assert browser.get("/api/v2.0/users/current").status_code == 401


def test_wrong_password_gives_none(browser: httpx.Client, registry: Running) -> None:
    answer = log_in(browser, registry, "wrong")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")
    assert "www-authenticate" not in answer.headers
    assert "sid" not in browser.cookies


def test_log_holds_neither_passwords_nor_cookies(browser: httpx.Client, registry: Running) -> None:
    if registry.log is None:
        pytest.skip("the log of a registry that runs elsewhere")
    log_in(browser, registry)
    browser.get("/c/oidc/callback?code=secret-code&state=secret-state")
    text = registry.log.read_text()
    for secret in (*browser.cookies.values(), registry.password, "secret-code", "secret-state"):
        assert secret not in text
