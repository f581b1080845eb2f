"""Logging in at a real OpenID Connect provider through the registry's own pages, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from chalicelib.config import Settings
from tests.client import Answer
from tests.harbor.client import HarborClient
from tests.harbor.fresh import PASSWORD, Registry
from tests.upstream.provider import CALLBACK, Provider, running

SECRET = "Cli-Secret-of-1"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    pytest.importorskip("oidc_provider_mock")
    with running(tmp_path_factory.mktemp("oidc")) as made:
        yield made


def make(settings: Settings, provider: Provider, **options: object) -> Registry:
    registry = Registry(settings, public_url="https://registry.example.com", upstream_reach="local")
    registry.configure(
        **{
            "oidc_name": "mock",
            "oidc_endpoint": provider.url,
            "oidc_client_id": provider.client_id,
            "oidc_client_secret": provider.client_secret,
            "oidc_scope": "openid,profile,email",
            "oidc_user_claim": "preferred_username",
            "oidc_groups_claim": "groups",
            "oidc_admin_group": "registry-admins",
            "oidc_auto_onboard": True,
            **options,
        }
    )
    return registry


@pytest.fixture
def registry(settings: Settings, provider: Provider) -> Registry:
    return make(settings, provider)


def come_back(provider: Provider, browser: HarborClient, subject: str, wanted: str = "/projects") -> Answer:
    """Go to the provider, log in there, and come back."""
    start = browser.get("/c/oidc/login", params={"redirect_url": wanted})
    assert start.status == 302, start
    back = provider.approve(start.headers["location"], subject)
    return browser.get(f"{urlsplit(CALLBACK).path}?{urlencode(back)}")


def log_in(provider: Provider, registry: Registry, subject: str) -> HarborClient:
    browser = registry.anonymous.session()
    answer = come_back(provider, browser, subject)
    assert (answer.status, answer.headers["location"]) == (302, "/projects"), answer
    return browser


def test_somebody_new_is_let_in_with_groups_and_rights(registry: Registry, provider: Provider) -> None:
    alice = log_in(provider, registry, "a1").get("/users/current").json()
    assert (alice["username"], alice["email"], alice["realname"]) == ("alice", "alice@example.com", "Alice Liddell")
    assert (alice["sysadmin_flag"], alice["admin_role_in_auth"]) == (False, True)
    assert alice["oidc_user_meta"]["subiss"] == f"a1{provider.url}"
    bob = log_in(provider, registry, "b2")
    assert bob.get("/users/current").json()["admin_role_in_auth"] is False
    assert bob.get("/users").status == 403
    groups = registry.admin.get("/usergroups").json()
    assert [(group["group_name"], group["group_type"]) for group in groups] == [("dev", 3), ("registry-admins", 3)]
    listed = {user["username"] for user in registry.admin.get("/users").json()}
    assert listed == {"alice", "bob"}


def test_role_of_a_group_is_everybodys_in_it(registry: Registry, provider: Provider) -> None:
    registry.admin.post("/projects", json={"project_name": "team", "metadata": {"public": "false"}})
    body = {"role_id": 2, "member_group": {"group_name": "dev", "group_type": 3}}
    assert registry.admin.post("/projects/team/members", json=body).status == 201
    assert log_in(provider, registry, "b2").get("/projects/team").status == 200


def test_docker_logs_in_with_the_cli_secret(registry: Registry, provider: Provider) -> None:
    browser = log_in(provider, registry, "b2")
    user_id = browser.get("/users/current").json()["user_id"]
    assert registry.anonymous.basic("bob", "").get("/service/token").status == 401
    assert browser.put(f"/users/{user_id}/cli_secret", json={"secret": "weak"}).status == 400
    assert browser.put(f"/users/{user_id}/cli_secret", json={}).status == 400
    assert browser.put(f"/users/{user_id}/cli_secret", json={"secret": SECRET}).status == 200
    docker = registry.anonymous.basic("bob", SECRET)
    assert docker.get("/service/token?scope=repository:library/app:pull").status == 200
    assert docker.get("/v2/").status == 200
    assert docker.get(f"/users/{user_id}").json()["oidc_user_meta"].keys() == {
        "id", "user_id", "subiss", "creation_time", "update_time",
    }  # fmt: skip
    assert registry.admin.put(f"/users/{user_id}/cli_secret", json={"secret": "Another-Secret-1"}).status == 200
    assert docker.get("/service/token").status == 401


def test_password_and_profile_are_the_providers_matter(registry: Registry, provider: Provider) -> None:
    browser = log_in(provider, registry, "b2")
    user_id = browser.get("/users/current").json()["user_id"]
    for user in (browser, registry.admin):
        assert user.put(f"/users/{user_id}/password", json={"new_password": PASSWORD}).status == 403
        assert user.put(f"/users/{user_id}", json={"email": "x@example.com", "realname": "x"}).status == 403


def test_disabled_user_does_not_come_back(registry: Registry, provider: Provider) -> None:
    browser = log_in(provider, registry, "b2")
    user_id = browser.get("/users/current").json()["user_id"]
    registry.admin.put(f"/users/{user_id}/enabled", json={"enabled": False})
    assert browser.get("/users/current").status == 401
    again = come_back(provider, registry.anonymous.session(), "b2")
    assert (again.status, again.error_code) == (403, "FORBIDDEN")


def test_name_of_somebody_else_is_not_given_away(registry: Registry, provider: Provider) -> None:
    registry.add("alice")
    answer = come_back(provider, registry.anonymous.session(), "a1")
    assert (answer.status, answer.error_code) == (409, "CONFLICT")
    assert registry.user("alice").get("/users/current").json()["sysadmin_flag"] is False


def test_without_auto_onboarding_people_choose_a_name(settings: Settings, provider: Provider) -> None:
    registry = make(settings, provider, oidc_auto_onboard=False)
    browser = registry.anonymous.session()
    answer = come_back(provider, browser, "b2")
    url = urlsplit(answer.headers["location"])
    assert (answer.status, url.path) == (302, "/oidc-onboard")
    assert parse_qs(url.query) == {"username": ["bob"], "redirect_url": ["/projects"]}
    assert browser.get("/users/current").status == 401
    for name, status in (("", 400), ("a b", 400), ("robot$x", 400), ("admin", 409), ("bobby", 200)):
        assert browser.post("/c/oidc/onboard", json={"username": name}).status == status, name
    assert browser.get("/users/current").json()["username"] == "bobby"
    assert browser.post("/c/oidc/onboard", json={"username": "bobby2"}).status == 400
    second = log_in(provider, registry, "b2")
    assert second.get("/users/current").json()["username"] == "bobby"


def test_id_token_is_a_bearer_token_of_who_was_here_before(registry: Registry, provider: Provider) -> None:
    token = id_token(registry, provider)
    bearer = registry.anonymous.bearer(token)
    assert bearer.get("/users/current").status == 401
    log_in(provider, registry, "b2")
    assert bearer.get("/users/current").json()["username"] == "bob"
    head, _, tail = token.rpartition(".")
    assert registry.anonymous.bearer(f"{head}.{tail[::-1]}").get("/users/current").status == 401


def id_token(registry: Registry, provider: Provider) -> str:
    """The provider's ID token of Bob, as a program of his would get it."""
    import time  # noqa: PLC0415

    from chalicelib.rbac.oidc import OidcSettings, begin  # noqa: PLC0415
    from chalicelib.upstream.fetch import Reach  # noqa: PLC0415
    from chalicelib.upstream.oidc import OidcProvider  # noqa: PLC0415

    now = int(time.time())
    settings = OidcSettings("mock", provider.url, provider.client_id, provider.client_secret)
    upstream = OidcProvider(settings, Reach.LOCAL)
    url, attempt = begin(settings, upstream.metadata(now=now).authorization_endpoint, CALLBACK, "/", now=now)
    return upstream.log_in(attempt, provider.approve(url, "b2")["code"], now=now).id_token


def test_attempt_is_good_for_one_browser_and_one_answer(registry: Registry, provider: Provider) -> None:
    browser = registry.anonymous.session()
    start = browser.get("/c/oidc/login")
    query = parse_qs(urlsplit(start.headers["location"]).query)
    assert (query["response_type"], query["code_challenge_method"]) == (["code"], ["S256"])
    back = urlencode(provider.approve(start.headers["location"], "b2"))
    for user in (registry.anonymous, registry.anonymous.session()):
        assert user.get(f"/c/oidc/callback?{back}").status == 400
    denied = "error=access_denied&" + urlencode({"state": query["state"][0]})
    for wrong in ("state=other&code=x", "", back.replace("state=", "state=x"), denied):
        assert browser.get(f"/c/oidc/callback?{wrong}").status == 400
    assert browser.get(f"/c/oidc/callback?{back}").headers["location"] == "/"
    assert browser.get(f"/c/oidc/callback?{back}").status == 400


@pytest.mark.parametrize("wanted", ["https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "evil"])
def test_nobody_is_sent_elsewhere(registry: Registry, wanted: str) -> None:
    assert registry.anonymous.get("/c/oidc/login", params={"redirect_url": wanted}).status == 400


def test_provider_that_is_down_is_said_so(settings: Settings, provider: Provider) -> None:
    registry = make(settings, provider, oidc_endpoint="http://127.0.0.1:1")
    registry.add("dan")
    answer = registry.anonymous.get("/c/oidc/login")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert registry.user("dan").get("/users/current").status == 200
    token = registry.user("dan").get("/service/token").json()["token"]
    assert registry.anonymous.bearer(token).get("/users/current").status == 200


def test_logout_leads_to_the_provider_where_it_is_asked_for(settings: Settings, provider: Provider) -> None:
    for is_on in (False, True):
        registry = make(settings, provider, oidc_logout=is_on)
        browser = log_in(provider, registry, "b2")
        away = browser.get("/c/log_out")
        assert (away.status, away.json()) == (403, {"redirect_location": "https://registry.example.com/c/oidc/logout"})
        answer = browser.get("/c/oidc/logout")
        assert answer.status == 302
        assert "sid" not in browser.cookies
        if is_on:
            assert answer.headers["location"].startswith(provider.url)
            assert "id_token_hint=" in answer.headers["location"]
        else:
            assert answer.headers["location"] == "/account/sign-in"


def test_provider_is_pinged(registry: Registry, provider: Provider) -> None:
    def ping(user: HarborClient, **body: Any) -> int:
        return user.post("/system/oidc/ping", json=body).status

    assert ping(registry.admin, url=provider.url, verify_cert=True) == 200
    for url in ("http://127.0.0.1:1", "nonsense", "", "ftp://x"):
        assert ping(registry.admin, url=url) == 400
    registry.add("dan")
    assert ping(registry.anonymous, url=provider.url) == 401
    assert ping(registry.user("dan"), url=provider.url) == 403


def test_no_cookie_or_answer_shows_what_it_carries(registry: Registry, provider: Provider) -> None:
    browser = registry.anonymous.session()
    answer = come_back(provider, browser, "b2")
    text = str(answer.headers) + str(browser.cookies)
    assert "bob" not in text
    assert provider.client_secret not in text
    assert "oidc_client_secret" not in registry.admin.get("/configurations").json()
