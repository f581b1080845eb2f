"""Access to the registry: who is let in, who is told what, and how many reads it takes."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac import keyset, tokens
from chalicelib.rbac.access import KEEP_S, Access
from chalicelib.rbac.bearer import BearerTokens
from chalicelib.rbac.configuration import READ_ONLY
from chalicelib.rbac.login import Login
from chalicelib.rbac.model import ANONYMOUS, Caller
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.tokens import SigningKey
from tests.fakes.configuration import configurations
from tests.fakes.principals import PASSWORD, FakeKeys, FakePrincipals, basic, bearer

NOW = 1_800_000_000
SETTINGS = Settings(public_url="https://registry.example.com")
BARE = 'Bearer realm="https://registry.example.com/service/token",service="moorage"'


class World:
    """A registry's users and projects, and what is asked of it."""

    def __init__(self, settings: Settings = SETTINGS, **options: Any) -> None:
        self.store, self.keys = FakePrincipals(), FakeKeys()
        self.library = self.store.add_project("library", is_public=True)
        self.team = self.store.add_project("team")
        self.store.add("ann", roles={"team": "maintainer"}).add("dan", roles={"team": "developer"})
        self.store.add("gus", roles={"team": "guest"}).add("eve").add("admin", is_admin=True)
        configured = configurations(settings, **options)
        projects = Projects(self.store, self.store)
        self.access = Access(settings, self.store, self.keys, Login(self.store), configured, projects)

    def token(self, **changes: Any) -> str:
        claims = {
            "iss": SETTINGS.public_url,
            "aud": SETTINGS.service,
            "sub": "user:ann",
            "iat": NOW,
            "nbf": NOW,
            "exp": NOW + 900,
            **changes,
        }
        return tokens.sign(claims, self.keys.signing, tokens.ACCESS)

    def authenticate(self, headers: dict[str, list[str]], now: int = NOW) -> Caller:
        return self.access.authenticate(Request("GET", "/v2/", headers=headers, client_ip="203.0.113.9"), now=now)

    def require(self, caller: Caller, name: str, action: str, now: int = NOW) -> int:
        project, _, repository = name.partition("/")
        return self.access.require(caller, project, repository, action, now=now)

    def may(self, caller: Caller, name: str, action: str, now: int = NOW) -> int | None:
        project, _, repository = name.partition("/")
        return self.access.may(caller, project, repository, action, now=now)


@pytest.fixture
def world() -> World:
    return World()


def identity(name: str, *, is_admin: bool = False) -> Caller:
    return Caller(name, is_admin, None, {})


def scoped(name: str, *, ids: dict[str, int] | None = None, **access: str) -> Caller:
    """A token's caller; `team__app="pull push"` is its access to team/app."""
    found = {key.replace("__", "/"): frozenset(actions.split()) for key, actions in access.items()}
    return Caller(name, name == "admin", found, ids or {})


def error_of(act: Callable[[], object]) -> tuple[int, str, str]:
    with pytest.raises(RegistryError) as caught:
        act()
    return caught.value.status, caught.value.code, caught.value.headers.get("WWW-Authenticate", "")


# Who is it?


def test_nobody_in_particular_comes_without_a_header(world: World) -> None:
    assert world.authenticate({}) == ANONYMOUS
    assert world.store.reads == []


def test_basic_is_an_identity(world: World) -> None:
    assert world.authenticate(basic("ann")) == identity("ann")
    assert world.authenticate(basic("admin")) == identity("admin", is_admin=True)


def test_bearer_is_what_the_token_says(world: World) -> None:
    access = [{"type": "repository", "name": "team/app", "actions": ["pull"]}]
    caller = world.authenticate(bearer(world.token(access=access, pids={"team": world.team})))
    assert caller == scoped("ann", ids={"team": world.team}, team__app="pull")
    assert world.store.reads == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic",
        "Basic !!!",
        "Basic YW5u",
        "Basic Ong=",
        "Digest x",
        "Negotiate abc",
        "ann:pw",
        "Basic /w==",
    ],
)
def test_header_that_is_nothing_we_know_gets_the_bare_challenge(world: World, header: str) -> None:
    assert error_of(lambda: world.authenticate({"authorization": [header]})) == (401, "UNAUTHORIZED", BARE)


def test_wrong_password_gets_the_bearer_challenge(world: World) -> None:
    assert error_of(lambda: world.authenticate(basic("ann", "wrong"))) == (401, "UNAUTHORIZED", BARE)


def test_ten_wrong_passwords_get_429(world: World) -> None:
    for _ in range(10):
        error_of(lambda: world.authenticate(basic("ann", "wrong")))
    assert error_of(lambda: world.authenticate(basic("ann")))[:2] == (429, "TOOMANYREQUESTS")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 10, "iat": NOW - 800, "nbf": NOW - 800},
        {"aud": "harbor"},
        {"iss": "https://other.example.com"},
        {"exp": NOW + 3601},
        {"nbf": NOW + 60, "iat": NOW + 60, "exp": NOW + 120},
        {"access": [{"type": "repository", "name": "*", "actions": ["pull"]}]},
    ],
)
def test_refused_token_gets_invalid_token(world: World, changes: dict[str, Any]) -> None:
    expected = (401, "UNAUTHORIZED", BARE + ',error="invalid_token"')
    assert error_of(lambda: world.authenticate(bearer(world.token(**changes)))) == expected


def test_scheme_may_be_written_in_any_case(world: World) -> None:
    headers = {"authorization": [f"bEARER  {world.token()} "]}
    assert world.authenticate(headers).name == "ann"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, False), ({"authorization": ["Bearer x"]}, False), ({"authorization": ["x"]}, False), (basic("a", "b"), True)],
)
def test_authorizer_lets_through_what_the_registry_will_check(
    world: World, headers: dict[str, list[str]], expected: bool
) -> None:
    assert world.access.is_credential(Request("GET", "/v2/", headers=headers), now=NOW) is expected
    assert world.access.is_credential(Request("GET", "/v2/", headers=bearer(world.token())), now=NOW)
    assert world.store.reads == []


def test_known_token_costs_no_second_look_and_is_forgotten_when_it_ends(world: World) -> None:
    token = world.token(exp=NOW + 100)
    for at in (0, 50, 99):
        world.authenticate(bearer(token), NOW + at)
    assert world.keys.lookups == [world.keys.key.kid]
    world.authenticate(bearer(token), NOW + 105)
    assert len(world.keys.lookups) == 2
    assert error_of(lambda: world.authenticate(bearer(token), NOW + 110))[0] == 401


def test_token_of_a_withdrawn_key_is_refused_after_five_minutes(world: World) -> None:
    token = world.token()
    world.authenticate(bearer(token))
    world.keys.published.clear()
    assert world.authenticate(bearer(token), NOW + 299).name == "ann"
    assert error_of(lambda: world.authenticate(bearer(token), NOW + 300))[0] == 401


def test_token_of_a_key_published_later_is_accepted(world: World) -> None:
    key = keyset.new_token_key(active_from=NOW)
    world.keys.signing = SigningKey(key.kid, keyset.private_key(key))
    token = world.token()
    assert error_of(lambda: world.authenticate(bearer(token)))[0] == 401
    world.keys.publish(key)
    assert world.authenticate(bearer(token)).name == "ann"


def test_known_token_is_verified_within_20_microseconds(world: World) -> None:
    access = [{"type": "repository", "name": f"team/app{i}", "actions": ["pull"]} for i in range(10)]
    token, verifier = world.token(access=access), BearerTokens(SETTINGS, world.keys)
    verifier.caller(token, now=NOW)
    costs = []
    for _ in range(20):
        started = time.process_time_ns()
        for _ in range(200):
            verifier.caller(token, now=NOW)
        costs.append((time.process_time_ns() - started) / 200)
    assert min(costs) < 20_000


# May they?

TABLE = [
    # caller, repository, action -> project or (status, code, scope of the challenge)
    ("", "library/base", "pull", "library"),
    ("", "library/base", "push", (401, "UNAUTHORIZED", "pull,push")),
    ("", "team/app", "pull", (401, "UNAUTHORIZED", "pull")),
    ("", "team/app", "delete", (401, "UNAUTHORIZED", "delete")),
    ("", "missing/app", "pull", (401, "UNAUTHORIZED", "pull")),
    ("ann", "team/app", "pull", "team"),
    ("ann", "team/app", "push", "team"),
    ("ann", "team/app", "delete", "team"),
    ("ann", "library/base", "pull", "library"),
    ("ann", "library/base", "push", (403, "DENIED", "")),
    ("dan", "team/app", "push", "team"),
    ("dan", "team/app", "delete", (403, "DENIED", "")),
    ("gus", "team/app", "pull", "team"),
    ("gus", "team/app", "push", (403, "DENIED", "")),
    ("eve", "team/app", "pull", (403, "DENIED", "")),
    ("eve", "missing/app", "pull", (403, "DENIED", "")),
    ("ghost", "library/base", "pull", (403, "DENIED", "")),
    ("admin", "team/app", "delete", "team"),
    ("admin", "missing/app", "pull", (404, "NAME_UNKNOWN", "")),
    ("admin", "missing/app", "delete", (404, "NAME_UNKNOWN", "")),
]


@pytest.mark.parametrize(("name", "repository", "action", "expected"), TABLE)
def test_identity_is_judged_by_rights_with_one_read(
    world: World, name: str, repository: str, action: str, expected: str | tuple[int, str, str]
) -> None:
    caller = identity(name, is_admin=name == "admin")
    if isinstance(expected, str):
        assert world.require(caller, repository, action) == getattr(world, expected)
        assert world.may(caller, repository, action) == getattr(world, expected)
    else:
        status, code, scope = expected
        challenge = f'{BARE},scope="repository:{repository}:{scope}"' if scope else ""
        assert error_of(lambda: world.require(caller, repository, action)) == (status, code, challenge)
        assert world.may(caller, repository, action) is None
    assert world.store.reads[0] == (3 if name else 1)
    assert len(world.store.reads) == (1 if isinstance(expected, str) else 2)


def test_token_with_scope_and_id_needs_no_read(world: World) -> None:
    caller = scoped("ann", ids={"team": world.team}, team__app="pull push delete")
    for action in ("pull", "push", "delete"):
        assert world.require(caller, "team/app", action) == world.team
    assert world.may(caller, "team/app", "pull") == world.team
    assert world.store.reads == []


def test_token_decides_about_the_project_it_was_issued_for(world: World) -> None:
    caller = scoped("ann", ids={"team": world.team}, team__app="pull")
    again = world.store.add_project("team")
    assert again != world.team
    assert world.require(caller, "team/app", "pull") == world.team


def test_user_without_the_right_is_denied_whatever_the_token_was_asked_for(world: World) -> None:
    caller = scoped("gus", ids={"team": world.team}, team__app="pull")
    assert error_of(lambda: world.require(caller, "team/app", "push")) == (403, "DENIED", "")


def test_token_that_was_not_asked_for_this_is_told_to_ask(world: World) -> None:
    caller = scoped("ann", ids={"team": world.team}, team__app="pull")
    expected = (401, "UNAUTHORIZED", f'{BARE},scope="repository:team/app:pull,push",error="insufficient_scope"')
    assert error_of(lambda: world.require(caller, "team/app", "push")) == expected
    assert error_of(lambda: world.require(caller, "team/other", "pull"))[:2] == (401, "UNAUTHORIZED")


def test_an_anonymous_token_that_was_given_nothing_is_denied_and_not_sent_round_again(world: World) -> None:
    expected = (403, "DENIED", "")
    assert error_of(lambda: world.require(scoped(""), "team/app", "pull")) == expected


def test_may_looks_at_rights_beyond_the_tokens_scope(world: World) -> None:
    caller = scoped("ann", ids={"team": world.team}, team__app="pull push")
    assert world.may(caller, "team/other", "pull") == world.team
    assert world.may(caller, "library/base", "pull") == world.library
    assert world.may(scoped("eve"), "team/other", "pull") is None
    assert world.may(scoped(""), "library/base", "pull") == world.library


def test_claim_of_being_an_administrator_is_not_believed_without_the_record(world: World) -> None:
    assert error_of(lambda: world.require(identity("eve", is_admin=True), "team/app", "pull"))[1] == "DENIED"
    assert world.access.visible(identity("eve", is_admin=True), ["team", "library"], now=NOW) == {"library"}


def test_rights_are_read_every_30_seconds_and_revoked_rights_end_then(world: World) -> None:
    ann = identity("ann")
    for at in (0, 10, KEEP_S - 1):
        assert world.require(ann, "team/app", "push", NOW + at) == world.team
    assert len(world.store.reads) == 1
    world.store.grants.clear()
    assert world.require(ann, "team/app", "push", NOW + KEEP_S - 1) == world.team
    assert error_of(lambda: world.require(ann, "team/app", "push", NOW + KEEP_S))[1] == "DENIED"


def test_refusal_is_never_remembered(world: World) -> None:
    eve = identity("eve")
    assert error_of(lambda: world.require(eve, "team/app", "pull"))[1] == "DENIED"
    world.store.add("eve", roles={"team": "guest"})
    assert world.require(eve, "team/app", "pull") == world.team
    assert error_of(lambda: world.require(eve, "team/app", "push"))[1] == "DENIED"
    world.store.add("eve", roles={"team": "developer"})
    assert world.require(eve, "team/app", "push") == world.team


def test_disabled_user_loses_everything_within_30_seconds(world: World) -> None:
    world.store.users["ann"] = replace(world.store.users["ann"], is_enabled=False)
    for name in ("team/app", "library/base"):
        assert error_of(lambda name=name: world.require(identity("ann"), name, "pull"))[1] == "DENIED"  # type: ignore[misc]


# Projects that are not there


@pytest.mark.parametrize("caller", [identity("admin", is_admin=True), scoped("admin", new__app="pull push delete")])
def test_administrators_push_makes_a_private_project_once(world: World, caller: Caller) -> None:
    made = world.require(caller, "new/app", "push")
    assert world.store.projects["new"].project_id == made
    assert not world.store.projects["new"].is_public
    assert world.require(caller, "new/app", "push") == made


def test_project_is_not_made_where_settings_forbid_it() -> None:
    world = World(replace(SETTINGS, create_project_on_push=False))
    admin = identity("admin", is_admin=True)
    assert error_of(lambda: world.require(admin, "new/app", "push"))[1] == "NAME_UNKNOWN"
    assert "new" not in world.store.projects


@pytest.mark.parametrize("caller", [identity("ann"), scoped("ann", new__app="push"), ANONYMOUS])
def test_nobody_else_makes_a_project(world: World, caller: Caller) -> None:
    assert error_of(lambda: world.require(caller, "new/app", "push"))[0] in (401, 403)
    assert "new" not in world.store.projects


# Lists


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (ANONYMOUS, {"library"}),
        (identity("ann"), {"library", "team"}),
        (identity("eve"), {"library"}),
        (identity("ghost"), set()),
        (identity("admin", is_admin=True), {"library", "team", "missing"}),
        (scoped("ann"), {"library", "team"}),
    ],
)
def test_visible_projects(world: World, caller: Caller, expected: set[str]) -> None:
    assert world.access.visible(caller, iter(["library", "team", "missing"]), now=NOW) == expected
    assert len(world.store.reads) == 1


def test_visible_reads_only_what_is_not_known(world: World) -> None:
    ann = identity("ann")
    world.access.visible(ann, ["library", "team"], now=NOW)
    assert world.access.visible(ann, ["library", "team"], now=NOW + 29) == {"library", "team"}
    assert len(world.store.reads) == 1
    assert world.require(ann, "team/app", "push", NOW + 1) == world.team
    assert len(world.store.reads) == 1


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (identity("eve"), None),
        (Caller("eve", False, {"registry:catalog": frozenset({"*"})}, {}), None),
        (scoped("eve", team__app="pull"), "insufficient_scope"),
        (ANONYMOUS, ""),
        (scoped(""), "insufficient_scope"),
    ],
)
def test_catalog_is_for_those_who_are_logged_in(world: World, caller: Caller, error: str | None) -> None:
    if error is None:
        world.access.require_catalog(caller)
        return
    expected = f'{BARE},scope="registry:catalog:*"' + (f',error="{error}"' if error else "")
    assert error_of(lambda: world.access.require_catalog(caller)) == (401, "UNAUTHORIZED", expected)


# Whatever comes

FUZZED = World()
HEADERS = st.text(max_size=200) | st.one_of(
    st.binary(max_size=60).map(lambda content: "Basic " + base64.b64encode(content).decode()),
    st.text(max_size=60).map(lambda text: "Bearer " + text),
    st.tuples(st.text(max_size=20), st.text(max_size=20)).map(
        lambda pair: "Basic " + base64.b64encode(f"{pair[0]}:{pair[1]}".encode("utf-8", "surrogatepass")).decode()
    ),
    st.from_regex(r"(?i)(basic|bearer) [A-Za-z0-9+/=_.-]{0,80}", fullmatch=True),
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(HEADERS, st.text(max_size=50))
def test_any_header_gives_401_or_429_and_an_oci_error(header: str, client_ip: str) -> None:
    request = Request("GET", "/v2/", headers={"authorization": [header]}, client_ip=client_ip)
    with pytest.raises(RegistryError) as caught:
        FUZZED.access.authenticate(request, now=NOW)
    assert caught.value.status in (401, 429)
    assert caught.value.body().startswith(b'{"errors": [{"code": "')
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("action", ["push", "delete"])
@pytest.mark.parametrize("name", ["ann", "admin"])
def test_read_only_registry_refuses_whoever_would_change_it_and_lets_pull(name: str, action: str) -> None:
    world = World(read_only=True)
    for access in (None, {"team/app": frozenset({"pull", "push", "delete"})}):
        caller = Caller(name, name == "admin", access, {"team": world.team} if access else {})
        with pytest.raises(RegistryError, match="DENIED") as caught:
            world.require(caller, "team/app", action)
        assert caught.value.message == READ_ONLY
        assert world.require(caller, "team/app", "pull") == world.team
