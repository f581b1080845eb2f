"""The pure half of logging in at a provider: settings, the way there and back, what claims mean."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import carrier, oidc
from chalicelib.rbac.configuration import Configuration
from chalicelib.rbac.identity import Identity, IdentityGroup
from chalicelib.rbac.oidc import LoginRefused, OidcSettings

NOW = 1_800_000_000
KEY, OLD_KEY = b"k" * 32, b"o" * 32
ENDPOINT, CALLBACK = "https://idp.example.com/authorize", "https://registry.example.com/c/oidc/callback"
SETTINGS = OidcSettings("idp", "https://idp.example.com", "moorage", "secret", groups_claim="groups")
CLAIMS = {
    "iss": "https://idp.example.com", "sub": "a1", "name": "Ann Smith", "email": "ann@example.com", "groups": ["dev", "ops"],
}  # fmt: skip


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_settings_are_those_of_the_configuration() -> None:
    options = Configuration(
        oidc_name="idp", oidc_endpoint="https://idp.example.com", oidc_client_id="moorage", oidc_scope="openid, email,groups",
        oidc_extra_redirect_parms='{"prompt": "login"}', oidc_groups_claim="groups", oidc_auto_onboard=True,
    )  # fmt: skip
    found = OidcSettings.of(options._asdict(), "secret")
    assert found == OidcSettings(
        "idp", "https://idp.example.com", "moorage", "secret", ("openid", "email", "groups"), groups_claim="groups",
        auto_onboard=True, extra_redirect_parms={"prompt": "login"},
    )  # fmt: skip
    assert OidcSettings.of(Configuration()._asdict(), "") is None


def test_the_way_to_the_provider() -> None:
    url, attempt = oidc.begin(replace(SETTINGS, extra_redirect_parms={"prompt": "login"}), ENDPOINT, CALLBACK, "/a?b=c", now=NOW)
    asked = query(url)
    challenge = asked.pop("code_challenge")
    assert url.startswith(f"{ENDPOINT}?")
    assert asked == {
        "client_id": "moorage", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid profile email",
        "state": attempt.state, "nonce": attempt.nonce, "code_challenge_method": "S256", "prompt": "login",
    }  # fmt: skip
    assert base64.urlsafe_b64decode(challenge + "=") == hashlib.sha256(attempt.code_verifier.encode()).digest()
    assert 43 <= len(attempt.code_verifier) <= 128
    assert (attempt.next, attempt.redirect_uri, attempt.expires_at) == ("/a?b=c", CALLBACK, NOW + 600)
    assert attempt.code_verifier not in url


def test_every_attempt_is_another() -> None:
    attempts = [oidc.begin(SETTINGS, ENDPOINT, CALLBACK, "", now=NOW)[1] for _ in range(20)]
    assert len({value for a in attempts for value in (a.state, a.nonce, a.code_verifier)}) == 60


def test_extra_parameters_cannot_replace_ours_and_the_endpoint_may_have_a_query() -> None:
    extra = {"state": "x", "redirect_uri": "https://evil.example.com", "nonce": "", "code_challenge_method": "plain"}
    url, attempt = oidc.begin(replace(SETTINGS, extra_redirect_parms=extra), f"{ENDPOINT}?p=policy", CALLBACK, "/", now=NOW)
    asked = query(url)
    assert (asked["p"], asked["state"], asked["redirect_uri"]) == ("policy", attempt.state, CALLBACK)
    assert (asked["nonce"], asked["code_challenge_method"]) == (attempt.nonce, "S256")


def test_google_is_asked_for_refresh_tokens_in_its_own_way() -> None:
    settings = replace(SETTINGS, scope=("openid", "offline_access"))
    asked = query(oidc.begin(settings, "https://accounts.google.com/o/oauth2/v2/auth", CALLBACK, "", now=NOW)[0])
    assert (asked["scope"], asked["access_type"], asked["prompt"]) == ("openid", "offline", "consent")


@pytest.mark.parametrize("path", ["", "/", "/projects?x=1#y", "/a//b"])
def test_paths_of_this_registry(path: str) -> None:
    assert oidc.is_local_path(path)


ELSEWHERE = ["//evil.example.com", "https://evil.example.com", "/\\evil", "\\\\evil", "/a\nb", "x", " /", "/" + 1024 * "x"]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_a_login(path: str) -> None:
    with pytest.raises(LoginRefused, match="another site"):
        oidc.begin(SETTINGS, ENDPOINT, CALLBACK, path, now=NOW)


def test_an_attempt_comes_back_in_its_cookie() -> None:
    _, attempt = oidc.begin(SETTINGS, ENDPOINT, CALLBACK, "/", now=NOW)
    cookie = oidc.seal(attempt, KEY)
    assert len(cookie) < 1000
    assert attempt.code_verifier not in cookie
    assert oidc.resume(cookie, attempt.state, [KEY], now=NOW + 599) == attempt
    assert oidc.resume(oidc.seal(attempt, OLD_KEY), attempt.state, [KEY, OLD_KEY], now=NOW) == attempt


def test_an_attempt_of_somebody_else_is_refused() -> None:
    (_, mine), (_, other) = (oidc.begin(SETTINGS, ENDPOINT, CALLBACK, "/", now=NOW) for _ in range(2))
    cookie = oidc.seal(mine, KEY)
    for bad, state, keys, now in [
        (cookie, other.state, [KEY], NOW),
        (cookie, "", [KEY], NOW),
        (cookie, "\udcff", [KEY], NOW),
        (cookie, mine.state, [OLD_KEY], NOW),
        (cookie, mine.state, [], NOW),
        (cookie, mine.state, [KEY], NOW + 600),
        (cookie[:-2] + "AA", mine.state, [KEY], NOW),
        ("", mine.state, [KEY], NOW),
        (carrier.seal(mine._asdict(), "something else", KEY, expires_at=NOW + 600), mine.state, [KEY], NOW),
    ]:
        with pytest.raises(LoginRefused):
            oidc.resume(bad, state, keys, now=now)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_cookie_is_refused_that_we_did_not_make(cookie: str) -> None:
    with pytest.raises(carrier.NotSealed):
        carrier.unseal(cookie, "p", [KEY], now=NOW)


def test_who_chooses_a_name_is_remembered_with_as_many_groups_as_fit() -> None:
    who = oidc.identity(CLAIMS, SETTINGS)
    assert oidc.resume_identity(oidc.seal_identity(who, KEY, now=NOW), [KEY], now=NOW) == who
    nobody = who._replace(groups=None, is_admin=True)
    assert oidc.resume_identity(oidc.seal_identity(nobody, KEY, now=NOW), [KEY], now=NOW) == nobody
    many = who._replace(groups=tuple(IdentityGroup(f"group number {n}") for n in range(500)))
    cookie = oidc.seal_identity(many, KEY, now=NOW)
    found = oidc.resume_identity(cookie, [KEY], now=NOW)
    assert len(cookie) <= carrier.MAX_CHARACTERS
    assert found.groups is not None
    assert 20 < len(found.groups) < 500
    with pytest.raises(LoginRefused):
        oidc.resume_identity(cookie, [KEY], now=NOW + 600)
    attempt = oidc.begin(SETTINGS, ENDPOINT, CALLBACK, "/", now=NOW)[1]
    with pytest.raises(LoginRefused):
        oidc.resume_identity(oidc.seal(attempt, KEY), [KEY], now=NOW)


def test_claims_become_an_identity() -> None:
    assert oidc.identity(CLAIMS, SETTINGS) == Identity(
        "oidc", "a1", "https://idp.example.com", "Ann_Smith", "ann@example.com", "Ann Smith",
        (IdentityGroup("dev"), IdentityGroup("ops")), False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("user_claim", "claims", "userinfo", "expected"),
    [
        ("", {"name": "local"}, None, "local"),
        ("", {"name": "local"}, {"name": "remote"}, "remote"),
        ("nick", {"name": "local", "nick": "nn"}, {"name": "remote"}, "nn"),
        ("nick", {"name": "local"}, {"name": "remote", "nick": "nn"}, "nn"),
        ("nick", {"name": "local", "nick": 7}, {"name": "remote"}, "remote"),
        ("", {"name": "two  words"}, None, "two__words"),
        ("", {"name": "Ann, Smith"}, None, ""),
        ("", {"name": "robot$ci"}, None, ""),
        ("", {"name": "ci$team"}, None, ""),
        ("", {"name": "\u212aelvin"}, None, ""),
        ("", {"name": None}, None, ""),
        ("", {"name": "x" * 129}, None, ""),
    ],
)
def test_names(user_claim: str, claims: dict[str, Any], userinfo: dict[str, Any] | None, expected: str) -> None:
    more = None if userinfo is None else {"sub": "a1", **userinfo}
    assert oidc.identity({**CLAIMS, **claims}, replace(SETTINGS, user_claim=user_claim), more).username == expected


@pytest.mark.parametrize(
    ("claims", "userinfo", "expected"),
    [
        ({"groups": "dev"}, None, ["dev"]),
        ({"groups": ["dev", 7, None, "dev", ""]}, None, ["dev"]),
        ({"groups": []}, None, []),
        ({"groups": {"dev": 1}}, None, None),
        ({"groups": None}, None, None),
        ({"groups": ["old"]}, {"groups": ["new"]}, ["new"]),
        ({"groups": ["old"]}, {}, ["old"]),
    ],
)
def test_groups(claims: dict[str, Any], userinfo: dict[str, Any] | None, expected: list[str] | None) -> None:
    found = oidc.identity({**CLAIMS, **claims}, SETTINGS, None if userinfo is None else {"sub": "a1", **userinfo}).groups
    assert (None if found is None else [group.name for group in found]) == expected


def test_no_groups_claim_says_nothing_about_groups() -> None:
    assert oidc.identity(CLAIMS, replace(SETTINGS, groups_claim="")).groups is None


def test_administrators_are_found_before_groups_are_filtered() -> None:
    found = oidc.identity(CLAIMS, replace(SETTINGS, admin_group="ops", group_filter="^d"))
    assert (found.groups, found.is_admin) == ((IdentityGroup("dev"),), True)
    assert oidc.identity(CLAIMS, replace(SETTINGS, admin_group="op")).is_admin is False
    assert oidc.identity({**CLAIMS, "groups": None}, replace(SETTINGS, admin_group="ops")).is_admin is False
    for broken in ("(", "(o|op)+s"):
        assert oidc.identity(CLAIMS, replace(SETTINGS, group_filter=broken)).groups == ()


def test_without_a_group_of_administrators_nobody_is_one() -> None:
    """Who was one by the group must not stay it for good when the option is emptied: no operation takes that away."""
    for claims in (CLAIMS, {**CLAIMS, "groups": None}):
        assert oidc.identity(claims, replace(SETTINGS, admin_group="")).is_admin is False


def test_there_is_an_end_of_groups() -> None:
    found = oidc.identity({**CLAIMS, "groups": [f"g{n}" for n in range(5000)]}, SETTINGS).groups
    assert found is not None
    assert len(found) == 500


def test_userinfo_about_somebody_else_is_refused() -> None:
    for userinfo in ({"sub": "b2", "name": "Bob"}, {"name": "Bob"}):
        with pytest.raises(LoginRefused, match="somebody else"):
            oidc.identity(CLAIMS, SETTINGS, userinfo)


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.dictionaries(st.sampled_from(["name", "email", "groups", "nick"]), JSON))
def test_any_claims_make_an_identity(claims: dict[str, Any]) -> None:
    found = oidc.identity({**CLAIMS, **claims}, replace(SETTINGS, user_claim="nick", admin_group="dev"))
    assert found.key == "https://idp.example.com a1"
    assert len(found.email) <= 255


def test_logging_out_at_the_provider_too() -> None:
    url = oidc.logout_url("https://idp.example.com/logout?a=1", "to ken", "https://registry.example.com/")
    assert query(url) == {"a": "1", "id_token_hint": "to ken", "post_logout_redirect_uri": "https://registry.example.com/"}
