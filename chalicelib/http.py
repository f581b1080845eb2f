"""A request and its answer as values: what every shell (Lambda, the upload service, tests) speaks with the core."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower-case; several values of a header are joined by the shell's list."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    client_ip: str = ""
    request_id: str = ""
    """The shell's: API Gateway's, or one it made."""
    trace: str = ""
    """The header X-Amzn-Trace-Id as the shell has it: in Lambda the function's own."""

    @property
    def correlation_id(self) -> str:
        """What the request is called in logs and in the answer: the client's own id where it is decent, else the shell's."""
        sent = self.header("x-request-id") or ""
        is_decent = 1 <= len(sent) <= 128 and sent.isascii() and sent.isprintable()
        return sent if is_decent else self.request_id or "-"

    def header(self, name: str) -> str | None:
        """Return the last value of the header `name` (lower-case), or None."""
        values = self.headers.get(name)
        return values[-1] if values else None

    def parameter(self, name: str) -> str | None:
        """Return the first value of the query parameter `name`, or None."""
        values = self.query.get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. On HEAD the body stays: API Gateway computes Content-Length from it and strips it."""

    status: int
    headers: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """A list of values becomes several header lines."""
    body: bytes = b""


def client_address(forwarded_for: Sequence[str], peer: str, *, proxies: int) -> str:
    """Say where a request came from when `proxies` of our own passed it on, each of which added whom it saw to the lines of
    X-Forwarded-For. What is left of those anybody can have written. `peer` is who is connected to us."""
    seen = [one.strip() for line in forwarded_for for one in line.split(",") if one.strip()]
    if proxies == 0 or not seen:
        return peer
    return seen[-proxies] if proxies <= len(seen) else seen[0]


def json_response(status: int, value: object, headers: Mapping[str, str | Sequence[str]] | None = None) -> Response:
    """Answer with a JSON document."""
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())


def error_response(error: RegistryError, *, is_harbor: bool = False) -> Response:
    """Render an error for the wire."""
    content_type = "application/json; charset=utf-8" if is_harbor else "application/json"
    return Response(error.status, {"Content-Type": content_type, **error.headers}, error.body(is_harbor=is_harbor))
