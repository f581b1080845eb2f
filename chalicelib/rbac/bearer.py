"""Bearer tokens as they arrive: each is verified once per process and remembered until it ends."""

from __future__ import annotations

import hashlib

from chalicelib.cache import Cache
from chalicelib.config import Settings
from chalicelib.rbac import tokens
from chalicelib.rbac.model import Caller
from chalicelib.rbac.ports import VerifyingKeys

_SIZE = 4096
_KEEP_S = 300
"""A revoked key's tokens are refused after this long at the latest, like in a process that just started."""


class BearerTokens:
    """Access tokens of this registry."""

    def __init__(self, settings: Settings, keys: VerifyingKeys) -> None:
        self._keys = keys
        self._rules = tokens.Rules(tokens.ACCESS, settings.public_url, settings.service, tokens.ACCESS_MAX_S)
        self._verified: Cache[bytes, tuple[int, Caller]] = Cache(_SIZE, _KEEP_S)

    def caller(self, token: str, *, now: int) -> Caller:
        """Read who presents this token. A known token costs one hash; it is never known beyond its `exp`. Raises TokenRefused."""
        fingerprint = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._verified.get(fingerprint, now)
        if known is not None and now < known[0]:
            return known[1]
        claims = tokens.verify(token, lambda kid: self._keys.find(kid, now=now), self._rules, now=now)
        caller = tokens.caller(claims)
        self._verified.put(fingerprint, (claims["exp"], caller), now)
        return caller
