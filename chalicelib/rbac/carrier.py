"""Values that travel through a browser and come back unread and unchanged: sealed, with an end, for one purpose.

For a login that leaves to an identity provider and returns to whatever process is there: no table has to remember it.
AES-256-GCM under a key derived from the caller's. Source: RFC 5869 (HKDF), NIST SP 800-38D; the nonce is random, so one key seals
at most 2^32 values.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

MAX_CHARACTERS = 3800
"""Longest value: browsers keep cookies of 4096 bytes, name and attributes included."""
_NONCE_BYTES = 12


class NotSealed(Exception):
    """What came back is not what was sent, is for something else, or is too old."""


def seal(value: Mapping[str, Any], purpose: str, key: bytes, *, expires_at: int) -> str:
    """Encrypt and sign a JSON value. Raises ValueError when it becomes longer than a cookie."""
    nonce, content = secrets.token_bytes(_NONCE_BYTES), json.dumps({"v": value, "exp": expires_at}).encode()
    text = base64.urlsafe_b64encode(nonce + _cipher(key, purpose).encrypt(nonce, content, purpose.encode())).decode()
    if len(text) > MAX_CHARACTERS:
        raise ValueError("the value is too long for a cookie")
    return text.rstrip("=")


def unseal(text: str, purpose: str, keys: Iterable[bytes], *, now: int) -> dict[str, Any]:
    """Read what `seal` made with any of the keys (the current one, and those it replaced). Raises NotSealed."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as below

    try:
        data = base64.urlsafe_b64decode(text[: MAX_CHARACTERS + 1] + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise NotSealed from None
    for key in keys:
        try:
            content = _cipher(key, purpose).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            continue
        sealed: dict[str, Any] = json.loads(content)
        if sealed["exp"] <= now:
            break
        value: dict[str, Any] = sealed["v"]
        return value
    raise NotSealed


def _cipher(key: bytes, purpose: str) -> Any:
    """A key of its own for each purpose, so that what is sealed for one cannot be shown for another."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only people's logins need them
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return AESGCM(HKDF(SHA256(), 32, None, b"moorage " + purpose.encode()).derive(key))
