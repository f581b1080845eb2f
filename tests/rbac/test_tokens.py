"""Tokens: every way to forge one by hand is refused, and PyJWT agrees with us about the good ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac import keyset, tokens
from chalicelib.rbac.model import Caller
from chalicelib.rbac.tokens import Rules, SigningKey, TokenRefused, VerifyingKey
from tests.fakes.principals import FakeKeys

NOW = 1_800_000_000
RULES = Rules(tokens.ACCESS, "https://registry.example.com", "moorage", 900)
KEYS = FakeKeys()
PULL = {"type": "repository", "name": "team/app", "actions": ["pull"]}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, changed; a change to None removes the claim."""
    good = {
        "iss": RULES.issuer,
        "aud": RULES.audience,
        "sub": "user:ann",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 900,
        "jti": "1",
        "access": [PULL],
        "pids": {"team": 7},
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def encode(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], payload: object, sign: Callable[[bytes], bytes]) -> str:
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(sign(signed.encode()))}"


def header(**changes: Any) -> dict[str, Any]:
    made = {"alg": "ES256", "kid": KEYS.key.kid, "typ": "JWT", **changes}
    return {name: value for name, value in made.items() if value is not None}


def es256(key: ec.EllipticCurvePrivateKey = KEYS.signing.key) -> Callable[[bytes], bytes]:
    return lambda message: jwt.get_algorithm_by_name("ES256").sign(message, key)


def verify(token: str, *, now: int = NOW, rules: Rules = RULES) -> Caller:
    return tokens.caller(tokens.verify(token, lambda kid: KEYS.find(kid, now=now), rules, now=now))


def good(**changes: Any) -> str:
    return tokens.sign(claims(**changes), KEYS.signing, tokens.ACCESS)


def test_good_token_says_who_and_what() -> None:
    caller = verify(good())
    assert (caller.name, caller.is_admin, caller.project_ids) == ("ann", False, {"team": 7})
    assert caller.access == {"team/app": frozenset({"pull"})}


def test_token_without_access_is_an_identity() -> None:
    caller = verify(good(access=None, pids=None, adm=True))
    assert (caller.access, caller.is_admin) == (None, True)


def test_token_with_empty_access_allows_nothing_and_is_no_identity() -> None:
    assert verify(good(access=[])).access == {}


def test_anonymous_is_never_an_administrator() -> None:
    caller = verify(good(sub="anonymous", adm=True))
    assert (caller.name, caller.is_admin) == ("", False)


def _hs256_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


def _public(encoding: Encoding, form: PublicFormat) -> bytes:
    return KEYS.signing.key.public_key().public_bytes(encoding, form)


PEM = _public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = _public(Encoding.X962, PublicFormat.UncompressedPoint)
JWK = json.dumps(dict(KEYS.key.public().material)).encode()
STRANGER = ec.generate_private_key(ec.SECP256R1())
STRANGER_RSA = rsa.generate_private_key(65537, 2048)


def _rs256(message: bytes) -> bytes:
    return STRANGER_RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())


FORGED = {
    "alg none": by_hand(header(alg="none"), claims(), lambda _: b""),
    "alg None": by_hand(header(alg="None"), claims(), lambda _: b""),
    "alg none with a good signature": by_hand(header(alg="none"), claims(), es256()),
    "no alg": by_hand(header(alg=None), claims(), es256()),
    "HS256 with the public key as PEM": by_hand(header(alg="HS256"), claims(), _hs256_with(PEM)),
    "HS256 with the public point": by_hand(header(alg="HS256"), claims(), _hs256_with(RAW)),
    "HS256 with the JWK": by_hand(header(alg="HS256"), claims(), _hs256_with(JWK)),
    "HS256 with nothing": by_hand(header(alg="HS256"), claims(), _hs256_with(b"")),
    "RS256 under an ES256 key": by_hand(header(alg="RS256"), claims(), _rs256),
    "ES256 of another key": by_hand(header(), claims(), es256(STRANGER)),
    "ES384": by_hand(header(alg="ES384"), claims(), es256()),
    "own key in the header": by_hand(header(jwk=dict(KEYS.key.public().material)), claims(), es256(STRANGER)),
    "unknown kid": by_hand(header(kid="0123456789abcdef"), claims(), es256()),
    "no kid": by_hand(header(kid=None), claims(), es256()),
    "kid that is no text": by_hand(header(kid=["a"]), claims(), es256()),
    "kid that is a path": by_hand(header(kid="../../../../dev/null"), claims(), es256()),
    "critical extension": by_hand(header(crit=["b64"], b64=False), claims(), es256()),
    "refresh token": by_hand(header(typ="refresh+jwt"), claims(), es256()),
    "no type": by_hand(header(typ=None), claims(), es256()),
    "signature of zeros": by_hand(header(), claims(), lambda _: bytes(64)),
    "empty signature": by_hand(header(), claims(), lambda _: b""),
    "DER signature": by_hand(header(), claims(), lambda m: KEYS.signing.key.sign(m, ec.ECDSA(hashes.SHA256()))),
    "header that is a list": by_hand([], claims(), es256()),  # type: ignore[arg-type]
    "claims that are a list": by_hand(header(), [claims()], es256()),
    "claims that are not JSON": by_hand(header(), b"\xff\xfe", es256()),
    "deep header": f"{encode(b'[' * 9000)}.{encode(claims())}.{encode(bytes(64))}",
    "deep claims": by_hand(header(), b"[" * 9000, es256()),
    "huge number": by_hand(header(), b'{"exp":' + b"9" * 6000 + b"}", es256()),
    "very long": "a" * 20000,
    "two parts": "e30.e30",
    "four parts": good() + ".e30",
    "five parts (JWE)": "e30.e30.e30.e30.e30",
    "padding": good() + "=",
    "space": good() + " ",
    "not ASCII": good() + "é",
    "lone surrogate": good() + "\ud800",
    "empty": "",
    "dots": "..",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_forged_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        verify(token)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example.com"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": RULES.issuer + "/"}, "another issuer"),
        ({"aud": "harbor"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": ["moorage", "harbor"]}, "another audience"),
        ({"exp": NOW - tokens.LEEWAY_S}, "expired"),
        ({"exp": None}, "no exp"),
        ({"exp": True}, "no exp"),
        ({"exp": float(NOW + 900)}, "no exp"),
        ({"exp": str(NOW + 900)}, "no exp"),
        ({"iat": None}, "no iat"),
        ({"nbf": None}, "no nbf"),
        ({"nbf": NOW + tokens.LEEWAY_S + 1}, "not yet valid"),
        ({"iat": NOW + tokens.LEEWAY_S + 1}, "not yet valid"),
        ({"exp": NOW + 901}, "lives too long"),
        ({"iat": NOW - 1}, "lives too long"),
        ({"nbf": 0}, "lives too long"),
        ({"sub": None}, "no subject"),
        ({"sub": "user:"}, "unknown kind of subject"),
        ({"sub": "robot:x"}, "unknown kind of subject"),
        ({"sub": ""}, "unknown kind of subject"),
        ({"adm": 1}, "no subject"),
        ({"pids": {"team": "7"}}, "malformed project ids"),
        ({"pids": {"team": True}}, "malformed project ids"),
        ({"pids": [7]}, "malformed project ids"),
        ({"access": {}}, "malformed access"),
        ({"access": ["pull"]}, "malformed access"),
        ({"access": [{**PULL, "actions": "pull"}]}, "malformed access"),
        ({"access": [{**PULL, "actions": [1]}]}, "malformed access"),
        ({"access": [{**PULL, "name": None}]}, "malformed access"),
        ({"access": [{**PULL, "name": "*"}]}, "access to more than a repository"),
        ({"access": [{**PULL, "name": "team/*"}]}, "access to more than a repository"),
        ({"access": [{**PULL, "name": "team"}]}, "access to more than a repository"),
        ({"access": [{**PULL, "type": "*"}]}, "access to more than a repository"),
        ({"access": [{**PULL, "type": "registry"}]}, "access to more than a repository"),
        ({"access": [{**PULL, "actions": ["*"]}]}, "access to more than a repository"),
        ({"access": [{**PULL, "actions": ["pull", "admin"]}]}, "access to more than a repository"),
        ({"access": [{"type": "registry", "name": "*", "actions": ["*"]}]}, "access to more than a repository"),
        ({"access": [PULL, {**PULL, "name": "*"}]}, "access to more than a repository"),
    ],
)
def test_token_with_wrong_claims_is_refused_though_it_is_signed(changes: dict[str, Any], reason: str) -> None:
    payload = {**claims(), **changes}
    token = by_hand(header(), {name: value for name, value in payload.items() if value is not None}, es256())
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        verify(token)


@pytest.mark.parametrize(
    ("at", "is_good"), [(-11, False), (-10, True), (0, True), (899, True), (909, True), (910, False)]
)
def test_token_is_good_from_nbf_to_exp_give_or_take_ten_seconds(at: int, is_good: bool) -> None:
    token = good()
    if is_good:
        verify(token, now=NOW + at)
    else:
        with pytest.raises(TokenRefused):
            verify(token, now=NOW + at)


def test_refresh_token_is_good_for_its_own_rules_only() -> None:
    refresh_rules = Rules(tokens.REFRESH, RULES.issuer, f"{RULES.issuer}/service/token", tokens.REFRESH_S)
    token = tokens.sign(
        claims(aud=refresh_rules.audience, exp=NOW + tokens.REFRESH_S, access=None), KEYS.signing, tokens.REFRESH
    )
    assert verify(token, rules=refresh_rules).name == "ann"
    for refused, rules in ((token, RULES), (good(), refresh_rules)):
        with pytest.raises(TokenRefused):
            verify(refused, rules=rules)


def test_rs256_is_good_under_an_rsa_key_and_only_there() -> None:
    numbers = STRANGER_RSA.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "rsa", "n": encode(numbers.n.to_bytes(256, "big")), "e": encode(b"\x01\x00\x01")}
    key = VerifyingKey.of_jwk(jwk)
    token = by_hand(header(alg="RS256", kid="rsa"), claims(), _rs256)
    assert tokens.verify(token, {"rsa": key}.get, RULES, now=NOW)["sub"] == "user:ann"
    for forged in (
        by_hand(header(alg="ES256", kid="rsa"), claims(), _rs256),
        by_hand(header(alg="PS256", kid="rsa"), claims(), _rs256),
        by_hand(header(alg="RS256", kid="rsa"), claims(), es256()),
        by_hand(header(alg="HS256", kid="rsa"), claims(), _hs256_with(b"\x01\x00\x01")),
    ):
        with pytest.raises(TokenRefused):
            tokens.verify(forged, {"rsa": key}.get, RULES, now=NOW)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "kid": "k", "k": "AAAA"},
        {"kty": "EC", "crv": "P-384", "kid": "k", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "kid": "k", "x": encode(b"\x01"), "y": encode(b"\x01")},
        {"kty": "RSA", "kid": "k", "n": encode(((1 << 1023) + 1).to_bytes(128, "big")), "e": "AQAB"},
    ],
)
def test_weak_or_unknown_keys_are_not_loaded(jwk: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        VerifyingKey.of_jwk(jwk)


def test_pyjwt_reads_our_tokens_and_we_read_pyjwts() -> None:
    public = KEYS.signing.key.public_key()
    read = jwt.PyJWS().decode(good(), public, algorithms=["ES256"])
    assert json.loads(read) == claims()
    theirs = jwt.encode(claims(), KEYS.signing.key, "ES256", {"kid": KEYS.key.kid})
    assert verify(theirs).name == "ann"


@given(st.data())
def test_mutated_token_is_refused(data: st.DataObject) -> None:
    token = MUTABLE
    index = data.draw(st.integers(0, len(token) - 1))
    kind = data.draw(st.sampled_from(["replace", "remove", "insert", "cut", "swap"]))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz019-_.=+/ \n") | st.characters())
    changed = {
        "replace": token[:index] + letter + token[index + 1 :],
        "remove": token[:index] + token[index + 1 :],
        "insert": token[:index] + letter + token[index:],
        "cut": token[:index],
        "swap": token[index:] + token[:index],
    }[kind]
    if changed == token:
        return
    with pytest.raises(TokenRefused):
        verify(changed)


MUTABLE = good()


@given(st.text(max_size=300) | st.lists(st.binary(max_size=60).map(encode), min_size=2, max_size=4).map(".".join))
def test_arbitrary_text_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        verify(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*claims(), "adm"]), JSON)
def test_signed_token_with_any_claim_replaced_is_read_or_refused(name: str, value: object) -> None:
    token = by_hand(header(), {**claims(), name: value}, es256())
    try:
        caller = verify(token)
    except TokenRefused:
        return
    assert all("*" not in key for key in caller.access or ())


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "x"]), JSON))
def test_any_header_is_refused_without_the_keys_algorithm(made: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        verify(by_hand(made, claims(), es256(STRANGER)))


def test_keys_do_not_show_their_private_half() -> None:
    text = repr(KEYS.key) + repr(KEYS.key.public()) + repr(KEYS.signing)
    assert KEYS.key.material["d"] not in text
    assert "d" not in KEYS.key.public().material
    assert isinstance(KEYS.signing, SigningKey)


def test_keyset_new_key_signs_after_every_process_knows_it() -> None:
    first = keyset.new_token_key(active_from=NOW)
    second = keyset.new_token_key(active_from=NOW + 1000 + keyset.KEEP_S)
    keys = keyset.rotated([first], second, now=NOW + 1000, keep_s=900)
    retired_at = NOW + 1000 + keyset.KEEP_S
    assert [key.kid for key in keys] == [second.kid, first.kid]
    assert keyset.current(keys, NOW + 1000).kid == first.kid
    assert keyset.current(keys, retired_at - 1).kid == first.kid
    assert keyset.current(keys, retired_at).kid == second.kid
    assert {key["kid"] for key in keyset.jwks(keys, retired_at + 899, 900)["keys"]} == {first.kid, second.kid}
    assert {key["kid"] for key in keyset.jwks(keys, retired_at + 900, 900)["keys"]} == {second.kid}


def test_keyset_drops_keys_whose_tokens_have_ended_and_survives_json() -> None:
    keys = [keyset.new_token_key(active_from=NOW)]
    for step in range(1, 6):
        new = keyset.new_token_key(active_from=NOW + step * 1000)
        keys = keyset.rotated(keys, new, now=NOW + step * 1000, keep_s=1500)
    assert len(keys) == 3
    assert [keyset.Key.of_json(json.loads(json.dumps(key.to_json()))) for key in keys] == keys


def test_keyset_without_an_active_key_says_so() -> None:
    with pytest.raises(LookupError):
        keyset.current([keyset.new_token_key(active_from=NOW + 1)], NOW)


def test_jwks_has_public_members_only() -> None:
    (key,) = keyset.jwks([KEYS.key], NOW, 900)["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
