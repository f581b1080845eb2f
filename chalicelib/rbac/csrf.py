"""Proof that a browser's request was made by the registry's own pages: Harbor's CSRF token, without a table.

The cookie `_gorilla_csrf` holds a random number, the header `X-Harbor-CSRF-Token` its MAC. A page of another site can make the
browser send the cookie, but can neither read the token nor set the header. Clients take both from any answer and send both back
(terraform-provider-harbor does). Source: Harbor `src/server/middleware/csrf/csrf.go`; OWASP "Cross-Site Request Forgery
Prevention" (signed double-submit cookie).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac.cookies import cookie, set_cookie

Keys = Callable[[], Sequence[tuple[str, bytes]]]
"""Returns the signing keys as (kid, key), the newest first."""
COOKIE, HEADER = "_gorilla_csrf", "X-Harbor-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NUMBER = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_KEEP_S = 12 * 3600


class Csrf:
    """Gives tokens out and demands them back."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings, self._keys = settings, keys

    def is_proven(self, request: Request) -> bool:
        """Say whether a request carries the cookie and the token that belongs to it."""
        number, token = _number(request), request.header(HEADER.lower())
        if number is None or not token:
            return False
        sent = token.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(_token(key, number).encode(), sent) for _, key in self._keys())

    def demand(self, request: Request) -> None:
        """Demand the token of a request that changes something. Raises FORBIDDEN."""
        if request.method not in SAFE_METHODS and not self.is_proven(request):
            raise RegistryError("FORBIDDEN", message="CSRF token not found in request, or it is not the cookie's")

    def demand_own_page(self, request: Request) -> None:
        """Demand that a form was not sent by another site's page: browsers say where a form comes from, programs say nothing.
        Raises FORBIDDEN."""
        origin = request.header("origin")
        own = {urlsplit(self._settings.management_url).netloc, request.header("host")}
        is_foreign = origin is not None and urlsplit(origin).netloc not in own
        if is_foreign or request.header("sec-fetch-site") in ("cross-site", "same-site"):
            raise RegistryError("FORBIDDEN", message="a login form must come from this registry")

    def headers(self, request: Request) -> dict[str, str]:
        """Make what an answer to a browser carries: the token, and the cookie, the known one where there is one."""
        number = _number(request) or secrets.token_urlsafe(32)
        return {
            HEADER: _token(self._keys()[0][1], number),
            "Set-Cookie": set_cookie(self._settings, COOKIE, number, keep_s=_KEEP_S, same_site="Strict"),
        }


def _number(request: Request) -> str | None:
    found = cookie(request, COOKIE)
    return found if found and _NUMBER.fullmatch(found) else None


def _token(key: bytes, number: str) -> str:
    digest = hmac.digest(key, f"csrf\n{number}".encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
