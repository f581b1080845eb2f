"""Logins as events: who logged in over the token service, and who was not let in."""

from __future__ import annotations

import pytest

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import Event
from chalicelib.http import Request
from chalicelib.rbac.login import Login
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.routes import TokenService
from tests.fakes.audit import FakeRecorder
from tests.fakes.configuration import configurations
from tests.fakes.principals import FakeKeys, FakePrincipals, basic

NOW = 1_800_000_000
IP = "203.0.113.9"
FAILED = Event("login", "user", "ann", "ann", "login", False, IP)


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


def token_service(store: FakePrincipals, recorder: FakeRecorder) -> TokenService:
    settings = Settings()
    return TokenService(settings, store, FakeKeys(), Login(store), configurations(settings), recorder=recorder)


def ask(service: TokenService, headers: dict[str, list[str]], now: int = NOW, **query: str) -> None:
    service.answer(
        Request("GET", "/service/token", {name: [value] for name, value in query.items()}, headers, client_ip=IP),
        now=now,
    )


def test_docker_login_is_a_login_and_a_token_for_a_pull_is_none(recorder: FakeRecorder) -> None:
    store = FakePrincipals().add("ann")
    service = token_service(store, recorder)
    ask(service, basic("ann"), account="ann", client_id="docker", offline_token="true")
    ask(service, basic("ann"), scope="repository:team/app:pull")
    ask(service, {}, scope="repository:team/app:pull")
    assert recorder.events == [FAILED._replace(is_success=True)]


def test_failed_logins_are_one_event_a_minute_for_each_name_and_address(recorder: FakeRecorder) -> None:
    store = FakePrincipals().add("ann")
    service = token_service(store, recorder)
    for now in (NOW, NOW + 1, NOW + 59, NOW + 60):
        with pytest.raises(RegistryError):
            ask(service, basic("ann", "wrong"), now=now)
    with pytest.raises(RegistryError):
        ask(service, basic("bob", "wrong"))
    assert recorder.events == [FAILED, FAILED, FAILED._replace(resource="bob", operator="bob")]


def test_a_password_in_the_place_of_the_name_is_not_written(recorder: FakeRecorder) -> None:
    Logins(recorder).failed("correct horse battery staple", IP, now=NOW)
    assert recorder.events == [FAILED._replace(resource="", operator="")]


def test_only_a_refused_name_and_password_is_a_failed_login(recorder: FakeRecorder) -> None:
    logins, refusal = Logins(recorder), RegistryError("UNAUTHORIZED")
    logins.refused(Request("GET", "/v2/", headers={"authorization": ["Bearer x.y.z"]}), refusal, now=NOW)
    logins.refused(Request("GET", "/v2/"), refusal, now=NOW)
    logins.refused(Request("GET", "/v2/", headers=basic("ann"), client_ip=IP), RegistryError("UNAVAILABLE"), now=NOW)
    assert recorder.events == []
    logins.refused(Request("GET", "/v2/", headers=basic("ann", "x"), client_ip=IP), refusal, now=NOW)
    assert recorder.events == [FAILED]
