"""ID tokens of other issuers: their keys as values, and what a token must say before a claim of it is believed. Pure.

Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7517 (JWK sets); RFC 8725 (JWT best practices): the algorithm is the key's,
never the token's. PyJWT reads keys and checks signatures; what a token must claim is ours, and takes `now`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from chalicelib.rbac.tokens import TokenRefused, json_object

LEEWAY_S = 60
"""How far clocks of two organisations may differ."""
MAX_AGE_S = 3600
"""How old a token of a CI job may be since it was issued, whatever its `exp` says."""
MAX_CHARACTERS = 16384
MAX_KEYS = 100
_RSA_BITS = range(2048, 8192 + 1)
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_JWS = jwt.PyJWS()


class IssuerKey(NamedTuple):
    """A public key of an issuer, which alone decides the algorithm. `kid` is "" when the issuer does not name it."""

    kid: str
    algorithm: str
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class IdTokenRules(NamedTuple):
    """What a token must say to be good here."""

    issuer: str
    audience: str
    nonce: str = ""
    """The nonce of the login it answers, when it answers one."""
    max_age_s: int = MAX_AGE_S
    is_login: bool = False
    """The token is an answer to our own request; then it may name other audiences beside us if it was made for us (`azp`)."""


class Unverified(NamedTuple):
    """What a token says of itself before anything was checked: only good for finding the key that checks it."""

    issuer: str
    kid: str
    type: str
    audience: str
    """"" when it is for several, or for nobody."""


def peek(token: str) -> Unverified:
    """Read what a token says of its issuer, key, type and audience. Raises TokenRefused for what is no token at all."""
    header, claims = _header(token), _unverified_claims(token)
    issuer, kid, kind = claims.get("iss"), header.get("kid", ""), header.get("typ", "")
    if not isinstance(issuer, str) or not isinstance(kid, str) or not isinstance(kind, str):
        raise TokenRefused("not a token")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    return Unverified(issuer, kid, kind, audience if isinstance(audience, str) else "")


def read_keys(document: Mapping[str, Any]) -> tuple[IssuerKey, ...]:
    """Read a JWK set; keys that do not sign, or that Moorage does not know, are passed over. Raises ValueError."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("no key set")  # noqa: TRY004 - the document is wrong, not the caller
    return tuple(key for entry in listed[:MAX_KEYS] if isinstance(entry, dict) and (key := _key(entry)))


def verify(token: str, keys: Sequence[IssuerKey], rules: IdTokenRules, *, now: int) -> dict[str, Any]:
    """Check form, key, signature, issuer, audience, nonce and times of a token and return its claims. Raises TokenRefused."""
    header = _header(token)
    key = _choose(keys, header.get("kid"))
    if header.get("alg") != key.algorithm:
        raise TokenRefused("another algorithm than the key's")
    try:
        content = _JWS.decode(token, key.key, algorithms=[key.algorithm])
    except jwt.PyJWTError:
        raise TokenRefused("wrong signature") from None
    claims = json_object(content)
    if claims.get("iss") != rules.issuer:
        raise TokenRefused("another issuer")
    _check_audience(claims, rules)
    _check_times(claims, rules.max_age_s, now)
    if rules.nonce and not hmac.compare_digest(str(claims.get("nonce")).encode(), rules.nonce.encode()):
        raise TokenRefused("another nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise TokenRefused("no subject")
    return claims


def _check_audience(claims: Mapping[str, Any], rules: IdTokenRules) -> None:
    """A token that CI hands round may have one audience only: any of the others could show it here as its own."""
    audience, party = claims.get("aud"), claims.get("azp")
    is_ours = audience in (rules.audience, [rules.audience])
    if rules.is_login:
        is_among = isinstance(audience, list) and rules.audience in audience and party == rules.audience
        is_ours = (is_ours or is_among) and party in (None, rules.audience)
    if not is_ours:
        raise TokenRefused("another audience")


def _check_times(claims: Mapping[str, Any], max_age_s: int, now: int) -> None:
    expires_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
    not_before = _time(claims, "nbf") if "nbf" in claims else issued_at
    if expires_at + LEEWAY_S <= now:
        raise TokenRefused("expired")
    if max(issued_at, not_before) > now + LEEWAY_S:
        raise TokenRefused("not yet valid")
    if issued_at + max_age_s + LEEWAY_S <= now:
        raise TokenRefused("too old")


def _time(claims: Mapping[str, Any], name: str) -> int:
    """Seconds; some issuers send fractions."""
    value = claims.get(name)
    if isinstance(value, float) and 0 <= value < 2**53:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TokenRefused(f"no {name}")
    return value


def _choose(keys: Sequence[IssuerKey], kid: object) -> IssuerKey:
    """Find the key a token names; one that names none can only be signed by an issuer's only key."""
    found = [key for key in keys if key.kid == kid] if kid else list(keys)
    if len(found) != 1:
        raise TokenRefused("unknown key")
    return found[0]


def _key(jwk: Mapping[str, Any]) -> IssuerKey | None:
    kid, algorithm = jwk.get("kid", ""), jwk.get("alg")
    if jwk.get("use", "sig") != "sig" or not isinstance(kid, str):
        return None
    try:
        key = jwt.PyJWK(dict(jwk)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    fits: str | None = None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        fits = algorithm if algorithm in _RSA else "RS256" if algorithm is None else None
    elif isinstance(key, ec.EllipticCurvePublicKey):
        fits = _CURVES.get(key.curve.name)
    elif isinstance(key, ed25519.Ed25519PublicKey):
        fits = "EdDSA"
    return IssuerKey(kid, fits, key) if fits and algorithm in (None, fits) else None


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > MAX_CHARACTERS or not token.isascii():
        raise TokenRefused("not a token")
    try:
        header: Mapping[str, Any] = _JWS.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise TokenRefused("not a token") from None
    if "crit" in header or "b64" in header:
        raise TokenRefused("not a token Moorage reads")
    return header


def _unverified_claims(token: str) -> dict[str, Any]:
    try:
        unverified = _JWS.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError):
        raise TokenRefused("not a token") from None
    return json_object(unverified["payload"])
