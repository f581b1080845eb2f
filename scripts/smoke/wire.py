"""HTTP as the checks need it: repeated headers, bodies without a length, connections that break on purpose. No redirects."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

Headers = Sequence[tuple[str, str]]
Body = bytes | Iterable[bytes] | None
_BLOCK_BYTES = 1 << 20
_KEPT_BYTES = 8 << 20


class Unreachable(Exception):
    """The other side did not answer at all; the message says who and how."""


@dataclass(frozen=True)
class Answer:
    """A response. `body` is kept up to 8 MiB; `size_bytes` and `sha256` are of all of it."""

    method: str
    url: str
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)
    size_bytes: int = 0
    sha256: str = ""
    seconds: float = 0.0

    def header(self, name: str) -> str:
        """The first value of a header, or empty."""
        return next((value for key, value in self.headers if key == name.lower()), "")

    def json(self) -> Any:
        """The body as JSON, or None when it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def error_code(self) -> str:
        """The first code of an OCI error body; empty when the body has another shape."""
        found = self.json()
        errors = found.get("errors") if isinstance(found, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        code = first.get("code") if isinstance(first, dict) else None
        return code if isinstance(code, str) else ""


class Wire:
    """Connections to whatever hosts the registry names, kept open. Not for several threads at once."""

    def __init__(
        self, *, timeout_s: float = 300, cafile: str | None = None, seen: Callable[[Answer], object] = id
    ) -> None:
        """`seen` is shown every answer; by default nobody looks."""
        self.timeout_s, self.cafile, self._seen = timeout_s, cafile, seen
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def send(
        self, method: str, url: str, body: Body = None, headers: Headers = (), *, length: int | None = None
    ) -> Answer:
        """Send one request. A body that is an iterable goes chunked, unless its `length` is told. Raises `Unreachable`."""
        target = urlsplit(url)
        started = time.monotonic()
        response = self._exchange(method, target, body, headers, length)
        try:
            kept, size, digest = _read(response)
        except (http.client.HTTPException, OSError) as error:
            self._drop(target)
            raise _unreachable(target, error) from error
        pairs = [(name.lower(), value) for name, value in response.getheaders()]
        answer = Answer(method, url, response.status, pairs, kept, size, digest, time.monotonic() - started)
        if response.will_close:
            self._drop(target)
        self._seen(answer)
        return answer

    def break_off(self, method: str, url: str, sent: Iterable[bytes], headers: Headers = ()) -> None:
        """Begin a chunked request, send some of it, and cut the connection, as a lost network does. Raises `Unreachable`."""
        target = urlsplit(url)
        self._drop(target)
        connection = self._connection(target)
        try:
            _head(connection, method, target, [*headers, ("Transfer-Encoding", "chunked")])
            connection.endheaders()
            for chunk in sent:
                connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side cut it first, which comes to the same
        except OSError as error:
            raise _unreachable(target, error) from error
        finally:
            self._drop(target)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _exchange(
        self, method: str, target: SplitResult, body: Body, headers: Headers, length: int | None
    ) -> http.client.HTTPResponse:
        is_repeatable = body is None or isinstance(body, bytes)
        try:
            return self._once(method, target, body, headers, length)
        except (http.client.HTTPException, OSError) as error:
            self._drop(target)
            if not is_repeatable or isinstance(error, (ssl.SSLCertVerificationError, TimeoutError)):
                raise _unreachable(target, error) from error
        try:  # an idle connection may have been closed by the other side at any time
            return self._once(method, target, body, headers, length)
        except (http.client.HTTPException, OSError) as error:
            self._drop(target)
            raise _unreachable(target, error) from error

    def _once(
        self, method: str, target: SplitResult, body: Body, headers: Headers, length: int | None
    ) -> http.client.HTTPResponse:
        connection = self._connection(target)
        if isinstance(body, bytes):
            length = len(body)
        elif body is None and method in ("POST", "PUT", "PATCH"):
            body, length = b"", 0
        framing = [] if body is None else [("Content-Length", str(length))]
        is_chunked = body is not None and length is None
        if is_chunked:
            framing = [("Transfer-Encoding", "chunked")]
        _head(connection, method, target, [*headers, *framing])
        try:
            connection.endheaders(body or None, encode_chunked=is_chunked)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            if not body:
                raise
            # Who refuses a body may answer and close before all of it was sent: the answer is what we want to see.
        return connection.getresponse()

    def _connection(self, target: SplitResult) -> http.client.HTTPConnection:
        connection = self._connections.get(target.netloc)
        if connection is None:
            connection = self._connections[target.netloc] = self._connect(target)
        return connection

    def _connect(self, target: SplitResult) -> http.client.HTTPConnection:
        host = target.hostname or ""
        if target.scheme == "https":
            context = ssl.create_default_context(cafile=self.cafile)
            return http.client.HTTPSConnection(host, target.port, timeout=self.timeout_s, context=context)
        return http.client.HTTPConnection(host, target.port, timeout=self.timeout_s, blocksize=_BLOCK_BYTES)

    def _drop(self, target: SplitResult) -> None:
        connection = self._connections.pop(target.netloc, None)
        if connection is not None:
            connection.close()


class Content:
    """Bytes that nobody stored before and that do not compress, made as they are sent, with their digest."""

    def __init__(self, size_bytes: int, seed: bytes) -> None:
        self.size_bytes = size_bytes
        self._block = hashlib.shake_256(seed).digest(_BLOCK_BYTES - 8)
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        self.digest = f"sha256:{digest.hexdigest()}"

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, in pieces of at most a MiB."""
        position, end = start, self.size_bytes if end is None else end
        while position < end:
            number, offset = divmod(position, _BLOCK_BYTES)
            piece = (number.to_bytes(8, "big") + self._block)[offset : offset + end - position]
            yield piece
            position += len(piece)

    def whole(self) -> bytes:
        """All of it, for small ones."""
        return b"".join(self.chunks())


def absolute(base: str, location: str) -> str:
    """A Location as an address."""
    return urljoin(base, location)


def _head(connection: http.client.HTTPConnection, method: str, target: SplitResult, headers: Headers) -> None:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)


def _read(response: http.client.HTTPResponse) -> tuple[bytes, int, str]:
    kept, size, digest = bytearray(), 0, hashlib.sha256()
    while block := response.read(_BLOCK_BYTES):
        size += len(block)
        digest.update(block)
        if len(kept) < _KEPT_BYTES:
            kept += block
    return bytes(kept), size, digest.hexdigest()


def _unreachable(target: SplitResult, error: Exception) -> Unreachable:
    return Unreachable(f"{target.scheme}://{target.netloc} did not answer: {type(error).__name__} {error}".strip())
