"""Logging in at a real OpenID Connect provider, from the first redirect to who it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.rbac.identity import IdentityGroup, SourceDown
from chalicelib.rbac.oidc import LoginAttempt, LoginRefused, OidcSettings, begin, resume, seal
from chalicelib.upstream.fetch import Reach, UpstreamError
from chalicelib.upstream.oidc import LoggedIn, OidcProvider, ping
from tests.upstream.issuer import Issuer, serving
from tests.upstream.provider import CALLBACK, Provider, running

KEY = b"k" * 32


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    pytest.importorskip("oidc_provider_mock")
    with running(tmp_path_factory.mktemp("oidc")) as made:
        yield made


@pytest.fixture
def settings(provider: Provider) -> OidcSettings:
    return OidcSettings(
        "mock", provider.url, provider.client_id, provider.client_secret,
        user_claim="preferred_username", groups_claim="groups", admin_group="registry-admins",
    )  # fmt: skip


def now() -> int:
    return int(time.time())


def start(settings: OidcSettings) -> tuple[OidcProvider, str, LoginAttempt]:
    upstream = OidcProvider(settings, Reach.LOCAL)
    url, attempt = begin(settings, upstream.metadata(now=now()).authorization_endpoint, CALLBACK, "/projects", now=now())
    return upstream, url, attempt


def log_in(provider: Provider, settings: OidcSettings, subject: str) -> LoggedIn:
    upstream, url, attempt = start(settings)
    cookie, back = seal(attempt, KEY), provider.approve(url, subject)
    return upstream.log_in(resume(cookie, back["state"], [KEY], now=now()), back["code"], now=now())


def test_somebody_logs_in(provider: Provider, settings: OidcSettings) -> None:
    found = log_in(provider, settings, "a1").identity
    assert (found.source, found.issuer, found.subject) == ("oidc", provider.url, "a1")
    assert (found.username, found.email, found.realname) == ("alice", "alice@example.com", "Alice Liddell")
    assert found.groups == (IdentityGroup("dev"), IdentityGroup("registry-admins"))
    assert found.is_admin is True


def test_a_group_may_be_a_single_text_and_not_everybody_is_an_administrator(provider: Provider, settings: OidcSettings) -> None:
    found = log_in(provider, settings, "b2").identity
    assert (found.groups, found.is_admin) == ((IdentityGroup("dev"),), False)


def test_without_a_claim_for_names_it_is_the_name_with_blanks_replaced(provider: Provider, settings: OidcSettings) -> None:
    assert log_in(provider, replace(settings, user_claim=""), "a1").identity.username == "Alice_Liddell"


def test_a_code_is_good_once_and_only_with_its_own_attempt(provider: Provider, settings: OidcSettings) -> None:
    upstream, url, attempt = start(settings)
    code = provider.approve(url, "a1")["code"]
    with pytest.raises(LoginRefused, match="another nonce"):
        upstream.log_in(attempt._replace(nonce="another"), code, now=now())
    with pytest.raises(LoginRefused, match="invalid_grant"):
        upstream.log_in(attempt, code, now=now())
    with pytest.raises(LoginRefused):
        upstream.log_in(attempt, "made-up", now=now())


def test_the_redirect_is_part_of_the_code(provider: Provider, settings: OidcSettings) -> None:
    upstream, url, attempt = start(settings)
    code = provider.approve(url, "a1")["code"]
    with pytest.raises(LoginRefused):
        upstream.log_in(attempt._replace(redirect_uri="https://evil.example.com/c/oidc/callback"), code, now=now())


def test_a_wrong_client_secret_is_refused_without_telling_it(provider: Provider, settings: OidcSettings) -> None:
    with pytest.raises(LoginRefused) as caught:
        log_in(provider, replace(settings, client_secret="not-the-secret"), "a1")
    assert "invalid_client" in str(caught.value)
    assert "not-the-secret" not in str(caught.value) + repr(settings) + repr(log_in(provider, settings, "a1"))


def test_a_refresh_says_that_somebody_may_still_come(provider: Provider, settings: OidcSettings) -> None:
    upstream, first = OidcProvider(settings, Reach.LOCAL), log_in(provider, settings, "a1")
    assert first.refresh_token
    again = upstream.refresh(first.refresh_token, "a1", now=now())
    assert again is not None
    assert (again.identity.subject, again.identity.groups) == ("a1", first.identity.groups)
    assert again.refresh_token
    assert upstream.refresh("made-up", "a1", now=now()) is None
    assert upstream.refresh(first.refresh_token, "b2", now=now()) is None


def test_an_id_token_is_good_as_a_bearer_token_while_it_lives(provider: Provider, settings: OidcSettings) -> None:
    upstream, token = OidcProvider(settings, Reach.LOCAL), log_in(provider, settings, "a1").id_token
    found = upstream.bearer(token, now=now())
    assert found is not None
    assert found.username == "alice"
    assert upstream.bearer(token, now=now() + 2 * 3600) is None
    assert upstream.bearer(token[:-8] + "AAAAAAAA", now=now()) is None
    assert upstream.bearer("rubbish", now=now()) is None
    assert OidcProvider(replace(settings, client_id="another"), Reach.LOCAL).bearer(token, now=now()) is None
    assert upstream.bearer(Issuer().token(now()), now=now()) is None


def test_ping(provider: Provider) -> None:
    ping(provider.url, Reach.LOCAL, verify_cert=True)
    with pytest.raises(UpstreamError, match="404"):
        ping(provider.url + "/nowhere", Reach.LOCAL, verify_cert=True)
    with pytest.raises(UpstreamError, match="not allowed"):
        ping(provider.url, Reach.PUBLIC, verify_cert=True)


def test_a_provider_that_is_down_is_reported() -> None:
    with serving(Issuer()) as gone:
        settings = OidcSettings("gone", gone.url, "id")
    with pytest.raises(SourceDown, match="Connection refused"):
        OidcProvider(settings, Reach.LOCAL).metadata(now=now())


def test_an_issuer_without_logins_is_no_provider() -> None:
    with serving(Issuer()) as issuer, pytest.raises(SourceDown, match="authorization_endpoint"):
        OidcProvider(OidcSettings("ci", issuer.url, "id"), Reach.LOCAL).metadata(now=now())
