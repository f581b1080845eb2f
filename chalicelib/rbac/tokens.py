"""Tokens: signed claims about a caller, made by the token service and verified by everybody with the public keys.

Source: RFC 7515 and 7519; RFC 8725 (JWT best practices): the algorithm is the key's, never the token's; access and refresh
tokens differ in type and audience. PyJWT signs; it is not imported to verify, because its import alone would take an eighth of
the registry function's start. `tests/rbac/test_tokens.py` holds both against each other.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from chalicelib.rbac.model import ACTIONS, CATALOG, Caller

ACCESS, REFRESH = "JWT", "refresh+jwt"
ANONYMOUS_SUBJECT, USER_SUBJECT = "anonymous", "user:"
LEEWAY_S = 10
"""How far clocks may differ: a client learns `expires_in` a little after the token was made."""
ACCESS_MAX_S = 3600
"""Longest life of an access token that settings allow."""
REFRESH_S = 90 * 24 * 3600
"""Life of a refresh token: `docker login` stores one instead of the password."""
MAX_CHARACTERS = 16384
_ES256_BYTES = 64


class TokenRefused(Exception):
    """A token is not good; the message says why and holds nothing of it."""


class SigningKey(NamedTuple):
    """A private key (P-256) and the name by which tokens refer to it."""

    kid: str
    key: ec.EllipticCurvePrivateKey


class VerifyingKey(NamedTuple):
    """A public key, which alone decides the algorithm."""

    kid: str
    algorithm: str
    is_signature: Callable[[bytes, bytes], bool]
    """(signature, message) -> is it this key's?"""

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, str]) -> VerifyingKey:
        """Read a public JWK: EC P-256 (ES256) or RSA (RS256). Raises ValueError for others."""
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            numbers = ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), ec.SECP256R1())
            return cls(jwk["kid"], "ES256", _es256(numbers.public_key()))
        if jwk.get("kty") == "RSA":
            return cls(jwk["kid"], "RS256", _rs256(_integer(jwk["n"]), _integer(jwk["e"])))
        raise ValueError("a token key must be EC P-256 or RSA")


class Rules(NamedTuple):
    """What a token must say to be good here."""

    type: str
    issuer: str
    audience: str
    max_s: int


def sign(claims: Mapping[str, Any], key: SigningKey, type_: str) -> str:
    """Sign claims with ES256."""
    import jwt  # noqa: PLC0415 - see above

    return jwt.encode(dict(claims), key.key, algorithm="ES256", headers={"kid": key.kid, "typ": type_})


def verify(token: str, find: Callable[[str], VerifyingKey | None], rules: Rules, *, now: int) -> dict[str, Any]:
    """Check form, key, signature, type, issuer, audience and times of a token and return its claims. Raises TokenRefused."""
    if len(token) > MAX_CHARACTERS or not token.isascii():
        raise TokenRefused("not a token")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("not three parts")
    header = _json(_decode(parts[0]))
    kid, algorithm = header.get("kid"), header.get("alg")
    if header.get("typ") != rules.type or "crit" in header or "b64" in header:
        raise TokenRefused("another type of token")
    key = find(kid) if isinstance(kid, str) else None
    if key is None:
        raise TokenRefused("unknown key")
    if algorithm != key.algorithm:
        raise TokenRefused("another algorithm than the key's")
    if not key.is_signature(_decode(parts[2]), f"{parts[0]}.{parts[1]}".encode()):
        raise TokenRefused("wrong signature")
    claims = _json(_decode(parts[1]))
    _check_claims(claims, rules, now)
    return claims


def caller(claims: Mapping[str, Any]) -> Caller:
    """Read who an access token speaks of and what it allows. Raises TokenRefused, also for wildcards in names: no token of
    ours has them, so one that does allows more than anybody granted."""
    subject, is_admin = claims.get("sub"), claims.get("adm", False)
    if not isinstance(subject, str) or not isinstance(is_admin, bool):
        raise TokenRefused("no subject")
    if subject != ANONYMOUS_SUBJECT and (not subject.startswith(USER_SUBJECT) or subject == USER_SUBJECT):
        raise TokenRefused("unknown kind of subject")
    name = "" if subject == ANONYMOUS_SUBJECT else subject.removeprefix(USER_SUBJECT)
    project_ids = claims.get("pids", {})
    if not isinstance(project_ids, dict) or not all(_is_integer(value) for value in project_ids.values()):
        raise TokenRefused("malformed project ids")
    access = claims.get("access")
    return Caller(name, is_admin and name != "", None if access is None else _access(access), project_ids)


def access_claims(actions: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """Render granted actions as the claim `access`. Source: distribution, "Token Authentication Implementation"."""
    return [
        {"type": "registry", "name": "catalog", "actions": sorted(granted)}
        if name == CATALOG
        else {"type": "repository", "name": name, "actions": sorted(granted)}
        for name, granted in actions.items()
    ]


def _access(value: object) -> dict[str, frozenset[str]]:
    if not isinstance(value, list):
        raise TokenRefused("malformed access")
    found: dict[str, frozenset[str]] = {}
    for entry in value:
        if not isinstance(entry, dict):
            raise TokenRefused("malformed access")
        kind, name, actions = entry.get("type"), entry.get("name"), entry.get("actions")
        if not isinstance(name, str) or not isinstance(actions, list) or not all(isinstance(a, str) for a in actions):
            raise TokenRefused("malformed access")
        if kind == "registry" and name == "catalog" and set(actions) <= {"*"}:
            found[CATALOG] = frozenset(actions)
        elif kind == "repository" and name.isascii() and "/" in name and "*" not in name and set(actions) <= ACTIONS:
            found[name] = frozenset(actions)
        else:
            raise TokenRefused("access to more than a repository")
    return found


def _check_claims(claims: Mapping[str, Any], rules: Rules, now: int) -> None:
    if claims.get("iss") != rules.issuer:
        raise TokenRefused("another issuer")
    if claims.get("aud") != rules.audience:
        raise TokenRefused("another audience")
    issued_at, not_before, expires_at = (_time(claims, name) for name in ("iat", "nbf", "exp"))
    if expires_at + LEEWAY_S <= now:
        raise TokenRefused("expired")
    if max(not_before, issued_at) > now + LEEWAY_S:
        raise TokenRefused("not yet valid")
    if expires_at - min(not_before, issued_at) > rules.max_s:
        raise TokenRefused("lives too long")


def _time(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TokenRefused(f"no {name}")
    return value


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decode(part: str) -> bytes:
    """Decode base64url in its one canonical form, so that a token has one spelling."""
    try:
        content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise TokenRefused("not base64url") from None
    if base64.urlsafe_b64encode(content).rstrip(b"=") != part.encode():
        raise TokenRefused("not base64url")
    return content


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise TokenRefused("not JSON") from None
    if not isinstance(value, dict):
        raise TokenRefused("not a JSON object")
    return value


def _integer(text: str) -> int:
    return int.from_bytes(_decode(text), "big")


def _es256(key: ec.EllipticCurvePublicKey) -> Callable[[bytes, bytes], bool]:
    def is_signature(signature: bytes, message: bytes) -> bool:
        if len(signature) != _ES256_BYTES:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    return is_signature


def _rs256(modulus: int, exponent: int) -> Callable[[bytes, bytes], bool]:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415 - hardly ever needed

    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if key.key_size < 2048:
        raise ValueError("an RSA token key must have 2048 bits or more")

    def is_signature(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    return is_signature
