"""Issuers: how often they are asked, and what serves while they are down. A real HTTP server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.rbac import id_token
from chalicelib.rbac.id_token import IdTokenRules
from chalicelib.rbac.ports import IssuerDown
from chalicelib.upstream.fetch import Fetch, Reach
from chalicelib.upstream.issuers import AGAIN_S, KEEP_S, MAX_ISSUERS, STALE_S, Issuers
from tests.upstream.issuer import Issuer, SignerKey, serving

NOW = 1_800_000_000
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer(algorithm="RS256")) as made:
        yield made


@pytest.fixture
def issuers() -> Issuers:
    return Issuers(Fetch(Reach.LOCAL))


def test_a_token_of_a_real_issuer_is_verified(issuer: Issuer, issuers: Issuers) -> None:
    token = issuer.token(NOW)
    seen = id_token.peek(token)
    keys = issuers.keys(seen.issuer, seen.kid, now=NOW)
    assert id_token.verify(token, keys, IdTokenRules(issuer.url, seen.audience), now=NOW)["iss"] == issuer.url
    assert issuer.requests == [DISCOVERY, "/keys"]


def test_keys_are_kept_for_five_minutes(issuer: Issuer, issuers: Issuers) -> None:
    for now in (NOW, NOW + 1, NOW + KEEP_S - 1):
        issuers.keys(issuer.url, "one", now=now)
        assert issuers.metadata(issuer.url, now=now).jwks_uri == f"{issuer.url}/keys"
    assert len(issuer.requests) == 2
    issuers.keys(issuer.url, "one", now=NOW + KEEP_S)
    assert len(issuer.requests) == 4


def test_a_rotated_key_is_found_at_once_but_unknown_ones_ask_every_thirty_seconds_only(
    issuer: Issuer, issuers: Issuers
) -> None:
    issuers.keys(issuer.url, "one", now=NOW)
    issuer.publish(SignerKey("two"), issuer.key)
    assert {key.kid for key in issuers.keys(issuer.url, "two", now=NOW + AGAIN_S)} == {"one", "two"}
    for second in range(AGAIN_S):
        issuers.keys(issuer.url, f"made up {second}", now=NOW + AGAIN_S + second)
    assert len(issuer.requests) == 4


def test_known_keys_serve_for_an_hour_while_the_issuer_is_down(issuer: Issuer, issuers: Issuers) -> None:
    issuers.keys(issuer.url, "one", now=NOW)
    issuer.documents.clear()
    assert issuers.keys(issuer.url, "one", now=NOW + STALE_S - 1)
    with pytest.raises(IssuerDown, match="404"):
        issuers.keys(issuer.url, "one", now=NOW + STALE_S)


def test_an_issuer_that_is_down_is_asked_every_thirty_seconds_and_comes_back(issuer: Issuer, issuers: Issuers) -> None:
    documents = dict(issuer.documents)
    issuer.documents.clear()
    for second in range(AGAIN_S):
        with pytest.raises(IssuerDown):
            issuers.keys(issuer.url, "one", now=NOW + second)
    assert issuer.requests == [DISCOVERY]
    issuer.documents.update(documents)
    assert issuers.keys(issuer.url, "one", now=NOW + AGAIN_S)


def test_many_threads_ask_once(issuer: Issuer, issuers: Issuers) -> None:
    issuer.delay_s = 0.05
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: issuers.keys(issuer.url, "one", now=NOW), range(8)))
    assert len(issuer.requests) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example.com", "jwks_uri": "x"},
        {"jwks_uri": "x"},
        {"issuer": 7, "jwks_uri": "x"},
        {},
        b"<html>",
    ],
)
def test_a_discovery_document_of_somebody_else_is_refused(issuer: Issuer, issuers: Issuers, document: object) -> None:
    issuer.documents[DISCOVERY] = document
    with pytest.raises(IssuerDown):
        issuers.keys(issuer.url, "one", now=NOW)
    assert issuer.requests == [DISCOVERY]


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/meta-data", "http://[::]/", "ftp://127.0.0.1/keys", ""])
def test_a_key_set_elsewhere_is_fetched_only_where_fetching_is_allowed(issuer: Issuer, issuers: Issuers, address: str) -> None:
    issuer.documents[DISCOVERY] = {"issuer": issuer.url, "jwks_uri": address}
    with pytest.raises(IssuerDown):
        issuers.keys(issuer.url, "one", now=NOW)


def test_a_key_set_that_is_none_is_said_so(issuer: Issuer, issuers: Issuers) -> None:
    issuer.documents["/keys"] = {"keys": 7}
    with pytest.raises(IssuerDown, match="no key set"):
        issuers.keys(issuer.url, "one", now=NOW)


def test_a_bounded_number_of_issuers_is_remembered(issuer: Issuer, issuers: Issuers) -> None:
    issuers.keys(issuer.url, "one", now=NOW)
    for number in range(MAX_ISSUERS):
        with pytest.raises(IssuerDown):
            issuers.keys(f"ftp://{number}", "one", now=NOW)
    issuers.keys(issuer.url, "one", now=NOW)
    assert len(issuer.requests) == 4
