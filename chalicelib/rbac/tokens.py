"""Tokens: signed claims about a caller, made by the token service and verified by everybody with the public keys.

Source: RFC 7515 and 7519; RFC 8725 (JWT best practices): the algorithm is the key's, never the token's; access and refresh
tokens differ in type and audience. PyJWT signs and checks signatures; what a token must claim is ours, and takes `now`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.rbac.model import ACTIONS, CATALOG, Caller

ACCESS, REFRESH, TRUST = "JWT", "refresh+jwt", "trust+jwt"
"""Types of tokens. TRUST is what a CI job gets for its ID token, and shows instead of it from then on."""
ANONYMOUS_SUBJECT, USER_SUBJECT, CI_SUBJECT = "anonymous", "user:", "ci:"
LEEWAY_S = 10
"""How far clocks may differ: a client learns `expires_in` a little after the token was made."""
ACCESS_MAX_S = 3600
"""Longest life of an access token that settings allow."""
REFRESH_S = 90 * 24 * 3600
"""Life of a refresh token: `docker login` stores one instead of the password."""
MAX_CHARACTERS = 16384
_RSA_MIN_BITS = 2048
_JWS = jwt.PyJWS()


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
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, str]) -> VerifyingKey:
        """Read a public JWK: EC P-256 (ES256) or RSA of 2048 bits or more (RS256). Raises ValueError for others."""
        try:
            key = jwt.PyJWK(dict(jwk)).key
        except jwt.PyJWTError as error:
            raise ValueError("not a key") from error
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(jwk["kid"], "ES256", key)
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_MIN_BITS:
            return cls(jwk["kid"], "RS256", key)
        raise ValueError("a token key must be EC P-256, or RSA of 2048 bits")


class Rules(NamedTuple):
    """What a token must say to be good here."""

    type: str
    issuer: str
    audience: str
    max_s: int


def sign(claims: Mapping[str, Any], key: SigningKey, type_: str) -> str:
    """Sign claims with ES256."""
    return jwt.encode(dict(claims), key.key, algorithm="ES256", headers={"kid": key.kid, "typ": type_})


def verify(token: str, find: Callable[[str], VerifyingKey | None], rules: Rules, *, now: int) -> dict[str, Any]:
    """Check form, key, signature, type, issuer, audience and times of a token and return its claims. Raises TokenRefused."""
    if len(token) > MAX_CHARACTERS or not token.isascii():
        raise TokenRefused("not a token")
    try:
        header = _JWS.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise TokenRefused("not a token") from None
    kid = header.get("kid")
    if header.get("typ") != rules.type or "crit" in header or "b64" in header:
        raise TokenRefused("another type of token")
    key = find(kid) if isinstance(kid, str) else None
    if key is None:
        raise TokenRefused("unknown key")
    if header.get("alg") != key.algorithm:
        raise TokenRefused("another algorithm than the key's")
    try:
        content = _JWS.decode(token, key.key, algorithms=[key.algorithm])
    except jwt.PyJWTError:
        raise TokenRefused("wrong signature") from None
    claims = json_object(content)
    _check_claims(claims, rules, now)
    return claims


def caller(claims: Mapping[str, Any]) -> Caller:
    """Read who an access token speaks of and what it allows. Raises TokenRefused, also for wildcards in names: no token of
    ours has them, so one that does allows more than anybody granted."""
    subject, is_admin = claims.get("sub"), claims.get("adm", False)
    if not isinstance(subject, str) or not isinstance(is_admin, bool):
        raise TokenRefused("no subject")
    name = _name(subject)
    project_ids = claims.get("pids", {})
    if not isinstance(project_ids, dict) or not all(_is_integer(value) for value in project_ids.values()):
        raise TokenRefused("malformed project ids")
    access = None if claims.get("access") is None else _access(claims["access"])
    tags = None if claims.get("tags") is None else _tags(claims["tags"])
    if subject.startswith(CI_SUBJECT) and (access is None or tags is None or is_admin):
        raise TokenRefused("a CI job without limits")
    generation = claims.get("gen", "")
    if not isinstance(generation, str):
        raise TokenRefused("malformed generation")
    return Caller(name, is_admin and name != "", access, project_ids, tags, generation)


def _name(subject: str) -> str:
    """A caller's name. A CI job's begins with `ci$`, which no user's does."""
    if subject == ANONYMOUS_SUBJECT:
        return ""
    for kind, prefix in ((USER_SUBJECT, ""), (CI_SUBJECT, "ci$")):
        if subject.startswith(kind) and subject != kind:
            return prefix + subject.removeprefix(kind)
    raise TokenRefused("unknown kind of subject")


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


def _tags(value: object) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read the claim `tags`: patterns of the tags that may be written, by repository and action."""
    try:
        return {name: {action: tuple(map(str, of)) for action, of in rules.items()} for name, rules in value.items()}  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        raise TokenRefused("malformed tags") from None


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


def json_object(content: bytes) -> dict[str, Any]:
    """Read what a token carries. Raises TokenRefused."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise TokenRefused("not JSON") from None
    if not isinstance(value, dict):
        raise TokenRefused("not a JSON object")
    return value
