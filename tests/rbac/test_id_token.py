"""ID tokens of other issuers: which keys are used, and what a token must say."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import id_token
from chalicelib.rbac.id_token import IdTokenRules, IssuerKey
from chalicelib.rbac.tokens import TokenRefused
from tests.upstream.issuer import Issuer, SignerKey

NOW = 1_800_000_000
AUDIENCE = "https://registry.example.com"
ISSUER = Issuer()
RULES = IdTokenRules(ISSUER.url, AUDIENCE)


def verify(token: str, rules: IdTokenRules = RULES, keys: Any = None, now: int = NOW) -> dict[str, Any]:
    return id_token.verify(token, ISSUER.keys if keys is None else keys, rules, now=now)


def refusal(token: str, rules: IdTokenRules = RULES, keys: Any = None, now: int = NOW) -> str:
    with pytest.raises(TokenRefused) as caught:
        verify(token, rules, keys, now)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_good_token_is_believed(algorithm: str) -> None:
    issuer = Issuer(algorithm=algorithm)
    claims = verify(issuer.token(NOW, ref="refs/heads/main"), keys=issuer.keys)
    assert claims["ref"] == "refs/heads/main"


def test_peek_says_who_to_ask() -> None:
    seen = id_token.peek(ISSUER.token(NOW, aud=["a"]))
    assert (seen.issuer, seen.kid, seen.type, seen.audience) == (ISSUER.url, "one", "JWT", "a")
    assert id_token.peek(ISSUER.token(NOW, aud=["a", "b"])).audience == ""


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example.com"}, "another issuer"),
        ({"aud": "https://other.example.com"}, "another audience"),
        ({"aud": [AUDIENCE, "https://other.example.com"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "no exp"),
        ({"exp": "9999999999"}, "no exp"),
        ({"exp": True}, "no exp"),
        ({"exp": float("inf")}, "no exp"),
        ({"iat": NOW + 61}, "not yet valid"),
        ({"nbf": NOW + 61}, "not yet valid"),
        ({"iat": NOW - 3660, "exp": NOW + 9999}, "too old"),
        ({"iat": None}, "no iat"),
        ({"sub": ""}, "no subject"),
        ({"sub": None}, "no subject"),
        ({"sub": "x" * 256}, "no subject"),
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(claims: dict[str, Any], reason: str) -> None:
    assert refusal(ISSUER.token(NOW, **claims)) == reason


def test_clocks_may_differ_by_a_minute() -> None:
    assert verify(ISSUER.token(NOW, exp=NOW - 59))
    assert verify(ISSUER.token(NOW + 60))
    assert verify(ISSUER.token(NOW, exp=NOW + 0.5, iat=NOW - 0.5))


def test_the_algorithm_is_the_keys() -> None:
    claims = {"iss": ISSUER.url, "aud": AUDIENCE, "sub": "x", "iat": NOW, "exp": NOW + 60}
    confused = jwt.encode(claims, "the public key, which everybody has", algorithm="HS256", headers={"kid": "one"})
    assert refusal(confused) == "another algorithm than the key's"
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "one"})
    assert refusal(unsigned) == "another algorithm than the key's"


def test_a_forged_signature_is_refused() -> None:
    forged = SignerKey("one").sign({"iss": ISSUER.url, "aud": AUDIENCE, "sub": "x", "iat": NOW, "exp": NOW + 60})
    assert refusal(forged) == "wrong signature"


@pytest.mark.parametrize("headers", [{"crit": ["x"]}, {"b64": False}])
def test_headers_that_change_what_is_signed_are_refused(headers: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "one", **headers}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, {"iss": "x"})]
    assert "not a token" in refusal(".".join([*parts, "AAAA"]))


def test_a_token_that_names_no_key_needs_an_issuer_with_one() -> None:
    token = ISSUER.key.sign({"iss": ISSUER.url, "aud": AUDIENCE, "sub": "x", "iat": NOW, "exp": NOW + 60}, kid="")
    assert verify(token)
    assert refusal(token, keys=[*ISSUER.keys, *Issuer().keys]) == "unknown key"
    assert refusal(ISSUER.token(NOW), keys=[]) == "unknown key"
    assert refusal(ISSUER.token(NOW), keys=[k._replace(kid="two") for k in ISSUER.keys]) == "unknown key"


def test_a_login_may_name_others_beside_us_when_it_was_made_for_us() -> None:
    login = RULES._replace(is_login=True, nonce="n")
    assert verify(ISSUER.token(NOW, nonce="n", aud=[AUDIENCE, "x"], azp=AUDIENCE), login)
    assert verify(ISSUER.token(NOW, nonce="n", azp=AUDIENCE), login)
    assert refusal(ISSUER.token(NOW, nonce="n", aud=[AUDIENCE, "x"]), login) == "another audience"
    assert refusal(ISSUER.token(NOW, nonce="n", aud=["x", "y"], azp=AUDIENCE), login) == "another audience"
    assert refusal(ISSUER.token(NOW, nonce="n", azp="x"), login) == "another audience"
    assert refusal(ISSUER.token(NOW, nonce="m"), login) == "another nonce"
    assert refusal(ISSUER.token(NOW), login) == "another nonce"


def test_keys_that_do_not_sign_or_are_weak_are_passed_over() -> None:
    ec, rsa = SignerKey("ec"), SignerKey("rsa", "RS256")
    weak = {"kty": "RSA", "kid": "weak", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode(), "e": "AQAB"}
    document = {
        "keys": [
            ec.jwk(), rsa.jwk(), rsa.jwk(kid="noalg", alg=None), ec.jwk(kid="enc", use="enc"), ec.jwk(kid="liar", alg="RS256"),
            rsa.jwk(kid="oaep", alg="RSA-OAEP"), {"kty": "oct", "kid": "hmac", "k": "AAAA"}, weak, {}, 7, None, ec.jwk(kid=5),
        ]
    }  # fmt: skip
    for key in document["keys"]:
        if isinstance(key, dict) and key.get("alg") is None:
            key.pop("alg", None)
    found = id_token.read_keys(document)
    assert [(key.kid, key.algorithm) for key in found] == [("ec", "ES256"), ("rsa", "RS256"), ("noalg", "RS256")]


def test_a_key_set_is_bounded() -> None:
    jwk = SignerKey("k").jwk()
    assert len(id_token.read_keys({"keys": [jwk] * 200})) == id_token.MAX_KEYS


@given(st.text(max_size=80) | st.lists(st.binary(max_size=30), max_size=4).map(
    lambda parts: ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)))  # fmt: skip
def test_anything_else_is_refused(token: str) -> None:
    for act in (lambda: id_token.peek(token), lambda: verify(token)):
        with pytest.raises(TokenRefused):
            act()


def test_a_token_is_not_longer_than_16_kib() -> None:
    assert refusal(ISSUER.token(NOW, filler="x" * 16384)) == "not a token"


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
MEMBERS = st.sampled_from(["kty", "kid", "alg", "use", "n", "e", "x", "y", "crv"])
JWK = st.dictionaries(MEMBERS, JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "AQAB"]))


@given(st.dictionaries(st.sampled_from(["keys", "x"]), JSON | st.lists(JWK)))
def test_any_key_set_is_read_or_refused(document: dict[str, Any]) -> None:
    try:
        assert all(isinstance(key, IssuerKey) for key in id_token.read_keys(document))
    except ValueError:
        assert not isinstance(document.get("keys"), list)
