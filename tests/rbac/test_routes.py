"""The token service: both forms of asking, what the answer holds, and what it costs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.rbac import passwords, tokens
from chalicelib.rbac.access import Access
from chalicelib.rbac.login import Login
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.routes import MAX_SCOPES, TokenService
from tests.fakes.configuration import configurations
from tests.fakes.principals import PASSWORD, FakeKeys, FakePrincipals, basic, bearer

NOW = 1_800_000_000
SETTINGS = Settings(public_url="https://registry.example.com")
FORM = {"content-type": ["application/x-www-form-urlencoded"]}


class World:
    def __init__(self, **options: Any) -> None:
        self.store, self.keys = FakePrincipals(), FakeKeys()
        self.library = self.store.add_project("library", is_public=True)
        self.team = self.store.add_project("team")
        self.store.add("ann", roles={"team": "maintainer"}).add("dan", roles={"team": "developer"})
        self.store.add("admin", is_admin=True).add("off", is_enabled=False)
        self.login, self.configurations = Login(self.store), configurations(SETTINGS, **options)
        self.service = TokenService(SETTINGS, self.store, self.keys, self.login, self.configurations)

    def get(self, headers: dict[str, list[str]] | None = None, now: int = NOW, **query: str | list[str]) -> Response:
        lists = {name: [value] if isinstance(value, str) else value for name, value in query.items()}
        request = Request("GET", "/service/token", lists, headers or {}, client_ip="203.0.113.9")
        return self.service.answer(request, now=now)

    def post(self, form: dict[str, str], now: int = NOW) -> Response:
        request = Request("POST", "/service/token", {}, FORM, urlencode(form).encode(), client_ip="203.0.113.9")
        return self.service.answer(request, now=now)

    def claims(self, response: Response, now: int = NOW) -> dict[str, Any]:
        rules = tokens.Rules(tokens.ACCESS, SETTINGS.public_url, SETTINGS.service, SETTINGS.token_s)
        token = json.loads(response.body)["token"]
        return tokens.verify(token, lambda kid: self.keys.find(kid, now=now), rules, now=now)

    def access(self, response: Response) -> dict[str, str]:
        """Actions by resource of the token in an answer."""
        entries = self.claims(response)["access"]
        return {f"{e['type']}:{e['name']}": " ".join(e["actions"]) for e in entries}


@pytest.fixture
def world() -> World:
    return World()


def refused(act: Any) -> tuple[int, str]:
    with pytest.raises(RegistryError) as caught:
        act()
    assert caught.value.status == 429 or caught.value.headers["WWW-Authenticate"].startswith("Basic realm=")
    return caught.value.status, caught.value.code


def test_answer_has_what_the_token_specification_names(world: World) -> None:
    response = world.get(basic("ann"), service="moorage", account="ann", client_id="docker")
    answer = json.loads(response.body)
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert answer["token"] == answer["access_token"]
    assert (answer["expires_in"], answer["issued_at"]) == (900, "2027-01-15T08:00:00Z")
    assert set(answer) == {"token", "access_token", "expires_in", "issued_at"}


def test_claims(world: World) -> None:
    claims = world.claims(world.get(basic("ann"), scope="repository:team/app:pull"))
    assert len(claims.pop("jti")) >= 16
    assert claims == {
        "iss": "https://registry.example.com",
        "aud": "moorage",
        "sub": "user:ann",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 900,
        "access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}],
        "pids": {"team": world.team},
    }


def test_tokens_differ_though_they_say_the_same(world: World) -> None:
    first, second = (world.claims(world.get(basic("ann")))["jti"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("query", [{}, {"scope": ""}, {"scope": []}])
def test_token_without_a_scope_is_an_identity(world: World, query: dict[str, Any]) -> None:
    claims = world.claims(world.get(basic("admin"), **query))
    assert "access" not in claims
    assert "pids" not in claims
    assert claims["adm"] is True
    assert "adm" not in world.claims(world.get(basic("ann"), **query))


@pytest.mark.parametrize(
    ("name", "scope", "expected"),
    [
        ("ann", "repository:team/app:pull,push", "delete pull push"),
        ("ann", "repository:team/app:pull", "pull"),
        ("ann", "repository:team/app:*", "delete pull push"),
        ("dan", "repository:team/app:push,pull", "pull push"),
        ("dan", "repository:team/app:delete", ""),
        ("dan", "repository:library/app:*", "pull"),
        ("", "repository:library/app:pull,push", "pull"),
        ("", "repository:team/app:pull", ""),
        ("admin", "repository:new/app:push", "delete push"),
        ("dan", "repository:new/app:push", ""),
    ],
)
def test_token_holds_what_was_asked_and_is_allowed(world: World, name: str, scope: str, expected: str) -> None:
    found = world.access(world.get(basic(name) if name else {}, scope=scope))
    assert list(found.values()) == [expected]


def test_several_scopes_in_one_parameter_or_in_several(world: World) -> None:
    texts = ["repository:team/app:pull", "repository:library/base:pull", "registry:catalog:*", "nonsense"]
    expected = {"repository:team/app": "pull", "repository:library/base": "pull", "registry:catalog": "*"}
    assert world.access(world.get(basic("ann"), scope=texts)) == expected
    assert world.access(world.get(basic("ann"), scope=" ".join(texts))) == expected
    form = {"grant_type": "password", "username": "ann", "password": PASSWORD, "scope": " ".join(texts)}
    assert world.access(world.post(form)) == expected


def test_scope_that_cannot_be_read_gives_a_token_for_nothing_and_no_identity(world: World) -> None:
    assert world.claims(world.get(basic("ann"), scope="repository:UPPER:pull"))["access"] == []


def test_anonymous_gets_tokens_for_public_projects(world: World) -> None:
    response = world.get(scope="repository:library/base:pull", offline_token="true")
    claims = world.claims(response)
    assert (claims["sub"], claims["pids"]) == ("anonymous", {"library": world.library})
    assert "refresh_token" not in json.loads(response.body)


def test_password_client_costs_one_read_and_anonymous_one_or_none(world: World) -> None:
    scope = "repository:team/app:pull repository:library/base:pull"
    world.get(basic("ann"), scope=scope)
    assert world.store.reads == [7]
    world.get(basic("ann"), scope=scope)
    assert world.store.reads == [7, 7]
    world.get(scope=scope)
    assert world.store.reads == [7, 7, 2]
    world.get()
    assert len(world.store.reads) == 3


def test_most_scopes_of_one_token_are_still_one_batch_of_a_hundred(world: World) -> None:
    scopes = [f"repository:p{number}/app:pull" for number in range(MAX_SCOPES)]
    assert world.get(basic("ann"), scope=scopes).status == 200
    assert world.store.reads[0] <= 100
    too_many = world.get(basic("ann"), scope=[*scopes, "repository:one/more:pull"])
    assert (too_many.status, json.loads(too_many.body)["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "headers",
    [
        basic("ann", "wrong"),
        basic("nobody"),
        basic("off"),
        {"authorization": ["Bearer abc"]},
        {"authorization": ["Basic ???"]},
        {"authorization": [""]},
    ],
)
def test_wrong_credentials_are_401_never_anonymous(world: World, headers: dict[str, list[str]]) -> None:
    assert refused(lambda: world.get(headers, scope="repository:library/base:pull")) == (401, "UNAUTHORIZED")


def test_ten_failures_close_both_forms(world: World) -> None:
    for _ in range(5):
        refused(lambda: world.get(basic("ann", "wrong")))
        refused(lambda: world.post({"grant_type": "password", "username": "ann", "password": "wrong"}))
    assert refused(lambda: world.get(basic("ann"))) == (429, "TOOMANYREQUESTS")
    form = {"grant_type": "password", "username": "ann", "password": PASSWORD}
    assert refused(lambda: world.post(form)) == (429, "TOOMANYREQUESTS")


def test_other_services_get_no_token(world: World) -> None:
    assert world.get(basic("ann"), service="harbor").status == 400
    assert (
        world.post({"grant_type": "password", "username": "ann", "password": PASSWORD, "service": "harbor"}).status
        == 400
    )


# OAuth2


def login(world: World, now: int = NOW) -> str:
    form = {"grant_type": "password", "username": "ann", "password": PASSWORD, "access_type": "offline"}
    token: str = json.loads(world.post(form, now).body)["refresh_token"]
    return token


def refresh(world: World, token: str, now: int = NOW, **form: str) -> Response:
    return world.post({"grant_type": "refresh_token", "refresh_token": token, "service": "moorage", **form}, now)


def test_password_form_gives_the_same_token(world: World) -> None:
    response = world.post(
        {
            "grant_type": "password",
            "username": "ann",
            "password": PASSWORD,
            "scope": "repository:team/app:pull",
            "service": "moorage",
            "client_id": "containerd",
        }
    )
    assert world.access(response) == {"repository:team/app": "pull"}
    assert "refresh_token" not in json.loads(response.body)


def test_refresh_token_gives_tokens_with_one_read(world: World) -> None:
    token = login(world)
    world.store.reads.clear()
    response = refresh(world, token, NOW + 80 * 86400, scope="repository:team/app:pull,push")
    assert "refresh_token" not in json.loads(response.body)
    assert json.loads(response.body)["expires_in"] == 900
    assert world.store.reads == [3]


def test_a_get_never_gives_a_refresh_token_since_podman_cannot_log_in_beside_one(world: World) -> None:
    assert "refresh_token" not in json.loads(world.get(basic("ann"), offline_token="true").body)


def test_a_refresh_token_that_is_asked_for_again_comes_back_unchanged(world: World) -> None:
    token = login(world)
    again = json.loads(refresh(world, token, access_type="offline").body)["refresh_token"]
    assert again == token
    assert world.access(refresh(world, token, scope="repository:team/app:pull")) == {"repository:team/app": "pull"}


def test_refresh_token_is_no_access_token_and_the_other_way_round(world: World) -> None:
    token = login(world)
    projects = Projects(world.store, world.store)
    access = Access(SETTINGS, world.store, world.keys, world.login, world.configurations, projects)
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        access.authenticate(Request("GET", "/v2/", headers=bearer(token)), now=NOW)
    access_token = json.loads(world.get(basic("ann")).body)["token"]
    assert refused(lambda: refresh(world, access_token)) == (401, "UNAUTHORIZED")


def test_changed_password_kills_refresh_tokens(world: World) -> None:
    token = login(world)
    same_again = passwords.hash_password(PASSWORD)
    world.store.users["ann"] = replace(world.store.users["ann"], password_hash=same_again)
    assert refused(lambda: refresh(world, token)) == (401, "UNAUTHORIZED")
    assert refresh(world, login(world)).status == 200


def test_disabled_or_removed_user_has_no_refresh_token(world: World) -> None:
    token = login(world)
    world.store.users["ann"] = replace(world.store.users["ann"], is_enabled=False)
    assert refused(lambda: refresh(world, token)) == (401, "UNAUTHORIZED")
    del world.store.users["ann"]
    assert refused(lambda: refresh(world, token)) == (401, "UNAUTHORIZED")


def test_refresh_token_ends(world: World) -> None:
    token = login(world)
    assert refresh(world, token, NOW + tokens.REFRESH_S).status == 200
    assert refused(lambda: refresh(world, token, NOW + tokens.REFRESH_S + tokens.LEEWAY_S)) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "é"])
def test_refresh_token_that_is_none_is_refused_without_a_read(world: World, token: str) -> None:
    assert refused(lambda: refresh(world, token)) == (401, "UNAUTHORIZED")
    assert world.store.reads == []


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "password": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
def test_form_that_asks_for_nothing_is_400(world: World, form: dict[str, str], error: str) -> None:
    response = world.post(form)
    answer = json.loads(response.body)
    assert (response.status, answer["error"], answer["errors"][0]["code"]) == (400, error, "UNSUPPORTED")


def test_large_form_is_413(world: World) -> None:
    with pytest.raises(RegistryError, match="TOO_LARGE"):
        world.post({"grant_type": "password", "username": "ann", "password": "x" * 70000})


# Keys and paths


def test_jwks_has_public_keys_and_may_be_cached(world: World) -> None:
    response = world.service.answer(Request("GET", "/service/token/jwks"), now=NOW)
    (key,) = json.loads(response.body)["keys"]
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert key["kid"] == world.keys.key.kid
    assert "d" not in key


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/service/token", 405),
        ("PUT", "/service/token", 405),
        ("HEAD", "/service/token", 405),
        ("POST", "/service/token/jwks", 405),
        ("GET", "/service/tokens", 404),
        ("GET", "/service/token/", 404),
        ("GET", "/service/", 404),
    ],
)
def test_other_methods_and_paths(world: World, method: str, path: str, status: int) -> None:
    with pytest.raises(RegistryError) as caught:
        world.service.answer(Request(method, path), now=NOW)
    assert caught.value.status == status
    assert status != 405 or "GET" in caught.value.headers["Allow"]


FUZZED = World()
SOME_TEXT = st.text(max_size=30) | st.sampled_from(["repository:team/app:pull", "moorage", "password", "refresh_token"])
NAMES = st.sampled_from(["scope", "service", "account", "client_id", "offline_token", "grant_type", "username"])


def _status(request: Request) -> int:
    try:
        return FUZZED.service.answer(request, now=NOW).status
    except RegistryError as error:
        return error.status


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, st.lists(SOME_TEXT, max_size=3)), st.text(max_size=60))
def test_any_query_is_answered(query: dict[str, list[str]], header: str) -> None:
    assert _status(Request("GET", "/service/token", query)) in (200, 400)
    assert _status(Request("GET", "/service/token", query, {"authorization": [header]})) in (400, 401, 429)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300)
    | st.dictionaries(NAMES | st.sampled_from(["password", "refresh_token"]), SOME_TEXT).map(
        lambda form: urlencode(form, errors="surrogatepass").encode()
    )
)
def test_any_form_is_answered_and_never_with_a_token(body: bytes) -> None:
    assert _status(Request("POST", "/service/token", {}, FORM, body)) in (400, 401, 429)


def test_token_lives_as_long_as_the_configuration_says() -> None:
    world = World(token_expiration=45)
    answer = json.loads(world.get(basic("ann")).body)
    claims = tokens.verify(
        answer["token"],
        lambda kid: world.keys.find(kid, now=NOW),
        tokens.Rules(tokens.ACCESS, SETTINGS.public_url, SETTINGS.service, tokens.ACCESS_MAX_S),
        now=NOW,
    )
    assert (answer["expires_in"], claims["exp"] - claims["iat"]) == (2700, 2700)
    projects = Projects(world.store, world.store)
    access = Access(SETTINGS, world.store, world.keys, world.login, world.configurations, projects)
    assert access.authenticate(Request("GET", "/v2/", headers=bearer(answer["token"])), now=NOW + 2699).name == "ann"


def test_people_whose_password_is_elsewhere_get_no_refresh_token() -> None:
    world = World()
    form = {"grant_type": "password", "username": "ann", "password": PASSWORD, "access_type": "offline"}
    refresh_token = json.loads(world.post(form).body)["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert world.post(again).status == 200
    world.store.users["ann"] = replace(world.store.users["ann"], password_hash="", source="ldap")
    assert refused(lambda: world.post(again)) == (401, "UNAUTHORIZED")
