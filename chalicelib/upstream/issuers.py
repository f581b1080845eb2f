"""Issuers of ID tokens: their discovery documents and key sets, read when needed and kept for a while.

Who asks names the issuer from a policy or a setting, never from a token alone: only such issuers are contacted.
Source: OpenID Connect Discovery 1.0; RFC 8414; RFC 7517. Of keys: an unknown `kid` may be a rotated key, so the set is read anew,
at most every 30 s whatever is sent to us.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.cache import Cache
from chalicelib.rbac.id_token import IssuerKey, read_keys
from chalicelib.rbac.ports import IssuerDown
from chalicelib.upstream.fetch import Fetch, UpstreamError

KEEP_S = 300
AGAIN_S = 30
"""How often an issuer is asked at most, whether it answers or not."""
STALE_S = 3600
"""How long keys go on verifying while their issuer cannot be reached."""
MAX_ISSUERS = 64
_LOCKS = 16


class Metadata(NamedTuple):
    """What of a discovery document is used. An endpoint that the issuer does not have is ""."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    revocation_endpoint: str = ""
    token_auth_methods: tuple[str, ...] = ()

    @classmethod
    def of_document(cls, document: dict[str, Any], issuer: str) -> Metadata:
        """Read a discovery document. Raises UpstreamError when it is another issuer's or names no keys."""
        texts = {name: value for name in cls._fields if isinstance(value := document.get(name), str)}
        if texts.get("issuer", "").rstrip("/") != issuer.rstrip("/"):
            raise UpstreamError(f"the issuer calls itself {texts.get('issuer', '')[:200]!r}, and was asked for as {issuer!r}")
        if not texts.get("jwks_uri"):
            raise UpstreamError("the issuer names no key set (jwks_uri)")
        methods = document.get("token_endpoint_auth_methods_supported")
        return cls(**texts, token_auth_methods=tuple(map(str, methods)) if isinstance(methods, list) else ())


@dataclass(frozen=True, slots=True)
class _Known:
    """An issuer as it was read. `asked_at` is the last attempt, `read_at` the last that worked."""

    asked_at: int
    read_at: int = -STALE_S
    metadata: Metadata | None = None
    keys: tuple[IssuerKey, ...] = ()
    failure: str = ""


class Issuers:
    """`rbac.ports.IssuerKeys`, and the discovery documents beside them. Safe under threads; one reads, the others wait."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: Cache[str, _Known] = Cache(MAX_ISSUERS)
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def keys(self, issuer: str, kid: str, *, now: int) -> Sequence[IssuerKey]:
        """The keys of an issuer: no request while they are known and young, else two. Raises IssuerDown."""
        return self._find(issuer, kid, now).keys

    def metadata(self, issuer: str, *, now: int) -> Metadata:
        """The discovery document of an issuer: no request while it is young, else two. Raises IssuerDown."""
        found = self._find(issuer, "", now).metadata
        assert found is not None, "keys are only known with their document"
        return found

    def _find(self, issuer: str, kid: str, now: int) -> _Known:
        with self._locks[hash(issuer) % _LOCKS]:
            known = self._known.get(issuer, now)
            if known is None or (_is_wanting(known, kid, now) and now - known.asked_at >= AGAIN_S):
                known = self._read(issuer, known, now)
                self._known.put(issuer, known, now)
        if known.metadata is None or now - known.read_at >= STALE_S:
            raise IssuerDown(issuer, known.failure)
        return known

    def _read(self, issuer: str, known: _Known | None, now: int) -> _Known:
        try:
            metadata = discover(self._fetch, issuer)
            answer = self._fetch.get(metadata.jwks_uri)
            if answer.status != 200:
                raise UpstreamError(f"the key set answers {answer.status}")
            return _Known(now, now, metadata, read_keys(answer.document()))
        except (UpstreamError, ValueError) as failure:
            if known is None:
                return _Known(now, failure=str(failure))
            return _Known(now, known.read_at, known.metadata, known.keys, str(failure))


def discover(fetch: Fetch, issuer: str) -> Metadata:
    """Read the discovery document of an issuer. One request. Raises UpstreamError."""
    answer = fetch.get(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if answer.status != 200:
        raise UpstreamError(f"its discovery document (/.well-known/openid-configuration) answers {answer.status}")
    return Metadata.of_document(answer.document(), issuer)


def _is_wanting(known: _Known, kid: str, now: int) -> bool:
    if known.metadata is None or now - known.read_at >= KEEP_S:
        return True
    return bool(kid) and all(key.kid != kid for key in known.keys)
