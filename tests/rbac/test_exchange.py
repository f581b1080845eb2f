"""Keyless CI at the token service: both ways in, what the token allows, and when it ends."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.rbac import exchange, tokens, trust
from chalicelib.rbac.access import Access
from chalicelib.rbac.exchange import Exchange
from chalicelib.rbac.login import Login
from chalicelib.rbac.model import Caller
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.routes import TokenService
from chalicelib.rbac.trust import TrustPolicy
from tests.fakes.audit import FakeRecorder
from tests.fakes.configuration import configurations
from tests.fakes.principals import FakeKeys, FakePrincipals, basic, bearer
from tests.fakes.trust import FakeIssuers, FakeTrust
from tests.upstream.issuer import Issuer

NOW = 1_800_000_000
SETTINGS = Settings(public_url="https://registry.example.com")
FORM = {"content-type": ["application/x-www-form-urlencoded"]}
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
PUSH = "repository:team/app:pull,push"


class World:
    def __init__(self) -> None:
        self.store, self.keys, self.trust, self.issuers = FakePrincipals(), FakeKeys(), FakeTrust(), FakeIssuers()
        self.library = self.store.add_project("library", is_public=True)
        self.team = self.store.add_project("team")
        self.other = self.store.add_project("other")
        self.issuer = Issuer()
        self.issuers.known[self.issuer.url] = self.issuer.keys
        ci = Exchange(SETTINGS, self.store, self.trust, self.issuers, self.keys)
        login, configured, self.recorder = Login(self.store), configurations(SETTINGS), FakeRecorder()
        self.service = TokenService(SETTINGS, self.store, self.keys, login, configured, ci, self.recorder)
        self.access = Access(SETTINGS, self.store, self.keys, login, configured, Projects(self.store, self.store))

    def add(self, **changes: Any) -> TrustPolicy:
        document = {
            "name": "main", "issuer": self.issuer.url, "audience": SETTINGS.public_url, "expires_s": 600,
            "claims": {"repository": "acme/app", "ref": "refs/heads/main"},
            "grants": [{"repository": "app", "tag": "v*", "actions": ["pull", "push"]}],
        }  # fmt: skip
        return self.trust.add(self.team, trust.parse({**document, **changes}))

    def id_token(self, now: int = NOW, **claims: Any) -> str:
        return self.issuer.token(now, **{"repository": "acme/app", "ref": "refs/heads/main", **claims})

    def login(self, name: str, password: str, *scopes: str, now: int = NOW) -> Response:
        query = {"scope": list(scopes)} if scopes else {}
        return self.service.answer(Request("GET", "/service/token", query, basic(name, password)), now=now)

    def exchange(self, token: str, now: int = NOW, **form: str) -> Response:
        fields = {"grant_type": exchange.GRANT_TYPE, "subject_token": token, "subject_token_type": ID_TOKEN, **form}
        return self.service.answer(Request("POST", "/service/token", {}, FORM, urlencode(fields).encode()), now=now)

    def caller(self, response: Response, now: int = NOW) -> Caller:
        assert response.status == 200, response.body
        headers = bearer(json.loads(response.body)["token"])
        return self.access.authenticate(Request("GET", "/v2/", headers=headers), now=now)


@pytest.fixture
def world() -> World:
    return World()


def refused(act: Any) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        act()
    return caught.value


def body(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.body)
    return found


def test_a_job_logs_in_with_its_id_token_as_the_password(world: World) -> None:
    world.add()
    caller = world.caller(world.login("ci$team", world.id_token(), PUSH))
    assert caller == Caller(
        "ci$team+main", False, {"team/app": frozenset({"pull", "push"})}, {"team": world.team}, {"team/app": {"push": ("v*",)}}
    )
    assert world.access.require(caller, "team", "app", "push", now=NOW) == world.team


def test_the_first_request_of_docker_login_has_no_scope_and_works(world: World) -> None:
    world.add()
    caller = world.caller(world.login("ci$team", world.id_token()))
    assert (caller.name, caller.access, caller.tags) == ("ci$team+main", {}, {})


def test_the_password_grant_works_too(world: World) -> None:
    world.add()
    form = {"grant_type": "password", "username": "ci$team", "password": world.id_token(), "scope": PUSH}
    answer = world.service.answer(Request("POST", "/service/token", {}, FORM, urlencode(form).encode()), now=NOW)
    assert world.caller(answer).name == "ci$team+main"
    assert "refresh_token" not in body(answer)


def test_an_exchange_with_scopes_gives_an_access_token(world: World) -> None:
    world.add()
    answer = world.exchange(world.id_token(), scope=PUSH)
    assert body(answer)["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert body(answer)["token_type"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.caller(answer).access == {"team/app": frozenset({"pull", "push"})}


def test_an_exchange_without_scopes_gives_what_logs_in_until_the_policy_says(world: World) -> None:
    world.add(expires_s=1800)
    answer = body(world.exchange(world.id_token(), project="team"))
    assert answer["expires_in"] == 1800
    later = NOW + 1700
    caller = world.caller(world.login("ci$team", answer["access_token"], PUSH, now=later), now=later)
    assert caller.access == {"team/app": frozenset({"pull", "push"})}
    assert body(world.login("ci$team", answer["access_token"], PUSH, now=later))["expires_in"] == 100
    assert refused(lambda: world.login("ci$team", answer["access_token"], PUSH, now=NOW + 1800)).code == "UNAUTHORIZED"


def test_what_was_exchanged_is_good_for_its_project_and_nothing_but_logging_in(world: World) -> None:
    world.add()
    world.trust.add(world.other, world.trust.find(world.team)[0])
    token = body(world.exchange(world.id_token(), project="team"))["access_token"]
    assert "another project" in refused(lambda: world.login("ci$other", token)).message
    request = Request("GET", "/v2/", headers=bearer(token))
    assert refused(lambda: world.access.authenticate(request, now=NOW)).code == "UNAUTHORIZED"
    world.store.add_project("team")
    assert refused(lambda: world.login("ci$team", token)).code == "UNAUTHORIZED"


def test_a_deleted_policy_trusts_nobody_from_then_on(world: World) -> None:
    made = world.add()
    token = body(world.exchange(world.id_token(), project="team"))["access_token"]
    world.trust.remove(world.team, made.id)
    assert refused(lambda: world.login("ci$team", token, PUSH)).code == "UNAUTHORIZED"
    assert refused(lambda: world.login("ci$team", world.id_token(), PUSH)).code == "UNAUTHORIZED"
    world.add(name="another")
    assert "gone" in refused(lambda: world.login("ci$team", token, PUSH)).message


def test_a_changed_policy_changes_what_the_next_token_gets(world: World) -> None:
    made = world.add()
    token = body(world.exchange(world.id_token(), project="team"))["access_token"]
    world.trust.replace(world.team, made._replace(grants=(trust.TrustGrant("app", "**", frozenset({"pull"})),)))
    assert world.caller(world.login("ci$team", token, PUSH)).access == {"team/app": frozenset({"pull"})}


def test_of_two_policies_the_one_that_allows_what_is_asked_is_used(world: World) -> None:
    world.add(name="all", claims={"repository": "acme/*"}, grants=[{"repository": "**", "actions": ["pull"]}])
    world.add()
    assert world.caller(world.login("ci$team", world.id_token(), "repository:team/app:pull")).name == "ci$team+all"
    assert world.caller(world.login("ci$team", world.id_token(), PUSH)).name == "ci$team+main"
    assert world.caller(world.login("ci$team", world.id_token(), "repository:team/app:*")).name == "ci$team+main"
    assert world.caller(world.login("ci$team+all", world.id_token(), PUSH)).name == "ci$team+all"
    assert refused(lambda: world.login("ci$team+main", world.id_token(ref="refs/heads/x"), PUSH)).code == "UNAUTHORIZED"
    token = body(world.exchange(world.id_token(), project="team"))["access_token"]
    assert world.caller(world.login("ci$team", token, PUSH)).name == "ci$team+main"


def test_a_job_pulls_what_is_public_and_nothing_else_elsewhere(world: World) -> None:
    world.add()
    scopes = ["repository:library/base:pull,push", "repository:other/app:pull", "registry:catalog:*", "repository:team/x:pull"]
    caller = world.caller(world.login("ci$team", world.id_token(), *scopes))
    nothing: frozenset[str] = frozenset()
    assert caller.access == {
        "library/base": frozenset({"pull"}), "other/app": nothing, "registry:catalog": nothing, "team/x": nothing,
    }  # fmt: skip
    assert world.access.require(caller, "library", "base", "pull", now=NOW) == world.library
    assert refused(lambda: world.access.require(caller, "other", "app", "pull", now=NOW)).code == "DENIED"
    assert refused(lambda: world.access.require(caller, "library", "base", "push", now=NOW)).code == "DENIED"
    challenge = refused(lambda: world.access.require(caller, "team", "new", "pull", now=NOW))
    assert 'error="insufficient_scope"' in challenge.headers["WWW-Authenticate"]


def test_tags_are_limited_as_the_policy_says(world: World) -> None:
    world.add()
    caller = world.caller(world.login("ci$team", world.id_token(), PUSH))
    world.access.require_tags(caller, "team/app", ["v1", "v2.0"], "push")
    for name, tag, action in [("team/app", "main", "push"), ("team/app", "v1", "delete"), ("team/app", "", "delete")]:
        assert refused(lambda n=name, t=tag, a=action: world.access.require_tags(caller, n, [t], a)).code == "DENIED"


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "evil/app"},
        {"ref": "refs/heads/feature"},
        {"aud": "https://other.example.com"},
        {"iss": "https://evil.example.com"},
        {"exp": NOW - 61},
        {"iat": NOW - 4000},
    ],
)
def test_a_job_nobody_trusts_gets_nothing(world: World, claims: dict[str, Any]) -> None:
    world.add()
    token = world.id_token(**claims)
    error = refused(lambda: world.login("ci$team", token, PUSH))
    assert (error.status, error.headers["WWW-Authenticate"].split(" ")[0]) == (401, "Basic")
    answer = world.exchange(token, scope=PUSH)
    assert (answer.status, body(answer)["error"]) == (400, "invalid_request")
    assert token not in answer.body.decode() + error.message


@pytest.mark.parametrize("project", ["library", "nowhere", "", "Team"])
def test_projects_without_policies_and_those_that_are_not_there_look_the_same(world: World, project: str) -> None:
    world.add()
    assert refused(lambda: world.login(f"ci${project}", world.id_token())).message == "the project trusts no CI system"


def test_only_issuers_that_a_policy_names_are_asked(world: World) -> None:
    world.add()
    evil = Issuer("https://evil.example.com")
    world.issuers.known[evil.url] = evil.keys
    assert refused(lambda: world.login("ci$team", evil.token(NOW, repository="acme/app", ref="refs/heads/main"))).status == 401
    assert refused(lambda: world.login("ci$team", world.id_token(aud="x"))).status == 401
    assert world.issuers.asked == []


def test_an_issuer_that_is_down_is_said_so(world: World) -> None:
    world.add()
    world.issuers.known.clear()
    error = refused(lambda: world.login("ci$team", world.id_token(), PUSH))
    assert (error.status, error.headers["Retry-After"]) == (503, "30")


def test_a_forged_token_is_refused(world: World) -> None:
    world.add()
    forged = Issuer().token(NOW, repository="acme/app", ref="refs/heads/main")
    assert "wrong signature" in refused(lambda: world.login("ci$team", forged)).message
    for rubbish in ("", "password", "a.b.c"):
        assert refused(lambda password=rubbish: world.login("ci$team", password)).code == "UNAUTHORIZED"


def test_a_user_with_such_a_name_cannot_log_in_by_password(world: World) -> None:
    world.store.add("ci$team", is_admin=True)
    assert refused(lambda: world.login("ci$team", "correct horse battery staple")).code == "UNAUTHORIZED"
    assert world.store.writes == 0


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"subject_token_type": ""},
        {"scope": "registry:catalog:*"},
        {},
    ],
)
def test_an_exchange_that_lacks_something_is_a_bad_request(world: World, form: dict[str, str]) -> None:
    world.add()
    answer = world.exchange(world.id_token(), **form)
    assert (answer.status, body(answer)["error"]) == (400, "invalid_request")


def test_logins_are_recorded_with_the_job_and_without_its_token(world: World) -> None:
    world.add()
    world.login("ci$team", world.id_token())
    world.login("ci$team", world.id_token(), PUSH)
    token = body(world.exchange(world.id_token(), project="team"))["access_token"]
    world.login("ci$team", token)
    assert refused(lambda: world.login("ci$team", world.id_token(repository="evil/app"))).status == 401
    world.exchange(world.id_token(repository="evil/app"), project="other")
    rows = [(event.operator, event.description, event.is_success, event.project_id) for event in world.recorder.events]
    good = ("ci$team+main", "login of repo:acme/app:ref:refs/heads/main", True, world.team)
    assert rows == [good, good, good, ("ci$team", "login", False, 0), ("ci$other", "login", False, 0)]
    world.add(name="second")
    world.login("ci$team", world.id_token())
    assert world.recorder.events[-1].operator == "ci$team"


def test_it_costs_one_batch_read_and_no_write(world: World) -> None:
    world.add()
    world.store.reads.clear()
    world.login("ci$team", world.id_token(), PUSH, "repository:library/base:pull")
    assert (world.store.reads, world.store.writes) == ([2], 0)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "ci:team+main"},
        {"sub": "ci:team+main", "access": []},
        {"sub": "ci:team+main", "tags": {}},
        {"sub": "ci:team+main", "access": [], "tags": {}, "adm": True},
        {"sub": "ci:", "access": [], "tags": {}},
        {"sub": "user:ann", "tags": []},
        {"sub": "user:ann", "tags": {"team/app": 7}},
        {"sub": "user:ann", "tags": {"team/app": {"push": 7}}},
    ],
)
def test_a_ci_token_without_limits_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(tokens.TokenRefused):
        tokens.caller(claims)
