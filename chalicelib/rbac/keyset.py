"""Key sets and their rotation, as values: which key signs, which still verify, and what each secret holds. Pure, but random.

A new key is published before it signs: every reader keeps what it read for `KEEP_S` seconds, so only after that does the new key
sign, and no verifier meets a token whose key it cannot know. Source: RFC 7517 (JWK); OpenID Connect Core, section 10.1.1.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

KEEP_S = 300
"""How long a process may use a key set before it reads it again."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its life. `material` is a JWK, or `{"key_b64": ...}` of an HMAC key."""

    kid: str
    active_from: int
    material: Mapping[str, str] = field(repr=False)
    retired_at: int | None = None
    """From when on another key signs; None for the newest."""

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Key:
        """Read a key as a secret holds it."""
        material = value["jwk"] if "jwk" in value else {"key_b64": value["key_b64"]}
        return cls(value["kid"], value.get("active_from", 0), material, value.get("retired_at"))

    def to_json(self) -> dict[str, Any]:
        """Render a key as a secret holds it."""
        material = self.material if "key_b64" in self.material else {"jwk": dict(self.material)}
        return {"kid": self.kid, "active_from": self.active_from, "retired_at": self.retired_at, **material}

    def verifies(self, now: int, keep_s: int) -> bool:
        """Say whether something signed by this key may still be good: `keep_s` is the longest life of what it signs."""
        return self.retired_at is None or now < self.retired_at + keep_s

    def public(self) -> Key:
        """The key without its private half."""
        return replace(self, material={name: value for name, value in self.material.items() if name not in _PRIVATE})


def new_token_key(*, active_from: int) -> Key:
    """Make an ES256 key."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public, kid = numbers.public_numbers, secrets.token_hex(8)
    material = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid}
    coordinates = {"x": public.x, "y": public.y, "d": numbers.private_value}
    return Key(kid, active_from, {**material, **{name: _coordinate(value) for name, value in coordinates.items()}})


def new_state_key(*, active_from: int) -> Key:
    """Make an HMAC-SHA256 key."""
    return Key(secrets.token_hex(8), active_from, {"key_b64": base64.b64encode(secrets.token_bytes(32)).decode()})


def private_key(key: Key) -> ec.EllipticCurvePrivateKey:
    """Load the private half of an ES256 key."""
    x, y, d = (int.from_bytes(base64.urlsafe_b64decode(key.material[name] + "=="), "big") for name in ("x", "y", "d"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
    return ec.EllipticCurvePrivateNumbers(d, public).private_key()


def rotated(keys: Sequence[Key], new: Key, *, now: int, keep_s: int) -> list[Key]:
    """Put a new key in front; the others retire when it begins to sign, and are dropped `keep_s` seconds after that."""
    older = [key if key.retired_at is not None else replace(key, retired_at=new.active_from) for key in keys]
    return [new, *(key for key in older if key.verifies(now, keep_s))]


def current(keys: Sequence[Key], now: int) -> Key:
    """Choose the key that signs: the newest that is active. Raises LookupError when there is no key at all."""
    active = [key for key in keys if key.active_from <= now]
    if not active:
        raise LookupError("the key set has no key that may sign")
    return max(active, key=lambda key: key.active_from)


def merged(keys: Sequence[Key], newer: Sequence[Key]) -> list[Key]:
    """Join two versions of a set; `newer` says more about a key both have."""
    known = {key.kid: key for key in (*newer, *(key for key in keys if key.kid not in {k.kid for k in newer}))}
    return sorted(known.values(), key=lambda key: -key.active_from)


def jwks(keys: Sequence[Key], now: int, keep_s: int) -> dict[str, Any]:
    """Render the public halves of the keys that verify as a JWK set."""
    return {"keys": [dict(key.public().material) for key in keys if key.verifies(now, keep_s)]}


def _coordinate(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()
