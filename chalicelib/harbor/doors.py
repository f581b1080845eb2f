"""What stands in front of the management API: pages of browsers beside it, read-only mode, and the cookies of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.rbac import csrf as csrf_
from chalicelib.rbac.configuration import READ_ONLY, Configurations
from chalicelib.rbac.cookies import cookie
from chalicelib.rbac.csrf import Csrf
from chalicelib.rbac.session import COOKIE, Sessions

PAGES = "/c/"
_CONFIGURATIONS = "/api/v2.0/configurations"
_UNCACHED = {"Cache-Control": "no-store"}
"""Of answers with cookies, also where the answer is everybody's: a cache would give one browser's session to the next."""


class Answers(Protocol):
    """The pages, or the API."""

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request. Raises RegistryError."""


class Operating(Answers, Protocol):
    """The API."""

    @property
    def implemented(self) -> frozenset[str]:
        """The operations it has."""


class Doors:
    """Leads to the API or to the pages, and gives browsers what they need to come back."""

    def __init__(
        self, api: Operating, pages: Answers, sessions: Sessions, csrf: Csrf, configurations: Configurations
    ) -> None:
        self._api, self._pages = api, pages
        self._sessions, self._csrf, self._configurations = sessions, csrf, configurations

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below `/api/` or `/c/`. Raises RegistryError."""
        more = self._cookies(request, now)
        try:
            self._demand_writable(request, now)
            inner = self._pages if request.path.startswith(PAGES) else self._api
            response = inner.answer(request, now=now)
        except RegistryError as error:
            error.headers.update(joined(error.headers, more))
            raise
        return Response(response.status, joined(response.headers, more), response.body)

    @property
    def implemented(self) -> frozenset[str]:
        """The operations of the API that have a handler."""
        return self._api.implemented

    def _demand_writable(self, request: Request, now: int) -> None:
        """Refuse what would change something while the registry is read-only, but for the way out of it and for logins."""
        is_free = request.path.startswith(PAGES) or request.path.rstrip("/") == _CONFIGURATIONS
        if request.method in csrf_.SAFE_METHODS or is_free:
            return
        if self._configurations.current(now=now).read_only:
            raise RegistryError("DENIED", message=READ_ONLY)

    def _cookies(self, request: Request, now: int) -> Mapping[str, str | Sequence[str]]:
        """The headers for a browser: anything that has our cookies, or asks for a page."""
        has_session = cookie(request, COOKIE) is not None
        if not has_session and not request.path.startswith(PAGES) and cookie(request, csrf_.COOKIE) is None:
            return {}
        headers = self._csrf.headers(request)
        renewed = self._sessions.renewed(request, now=now) if has_session else None
        lines = [headers["Set-Cookie"], *([renewed] if renewed else [])]
        return {csrf_.HEADER: headers[csrf_.HEADER], "Set-Cookie": lines}


def joined(own: Mapping[str, str | Sequence[str]], more: Mapping[str, str | Sequence[str]]) -> dict[str, str | list[str]]:
    """Add headers to an answer's own. Where both set a cookie, the answer's own is the one that counts."""
    lines = [line for headers in (own, more) for line in _lines(headers.get("Set-Cookie", ()))]
    first = {line.partition("=")[0]: line for line in reversed(lines)}
    found = {name: value if isinstance(value, str) else list(value) for name, value in {**more, **own}.items()}
    return {**found, **_UNCACHED, "Set-Cookie": list(first.values())} if first else found


def _lines(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
