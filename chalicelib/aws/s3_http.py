"""The wire to S3: connections that are kept, requests that are tried again, errors as S3 words them."""

from __future__ import annotations

import http.client
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit
from xml.sax.saxutils import unescape

from chalicelib import telemetry
from chalicelib.aws.presign import Address
from chalicelib.errors import RegistryError
from chalicelib.oci.session import Content, content_size

_TRIES = 3
_TIMEOUT_S = 60
_KEPT = 64
_BLOCK_BYTES = 1024 * 1024
_TRANSIENT = frozenset({500, 502, 503, 504})
_OPERATIONS = {
    ("GET", ""): "GetObject",
    ("HEAD", ""): "HeadObject",
    ("PUT", ""): "PutObject",
    ("DELETE", ""): "DeleteObject",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "list-type"): "ListObjectsV2",
}
"""By method and first parameter."""
_FAILED_WITH_200 = re.compile(rb"<Error>|<Error ")


class S3Error(Exception):
    """S3 refused a request."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"S3 answered {status} {code}")
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; header names are lower-case."""

    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Keep-alive connections to one host, each used by one thread at a time."""

    def __init__(self, address: Address, bucket: str = "") -> None:
        """`bucket` is what is told about calls."""
        self._bucket = bucket
        parts = urlsplit(f"{address.scheme}://{address.host}")
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = (
            ssl.create_default_context() if address.scheme == "https" else None
        )  # once: it reads all authorities
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = Lock()

    def request(
        self, method: str, target: Callable[[], str], headers: Mapping[str, str], body: Content, *, operation: str = ""
    ) -> Answer:
        """Send a request that may be repeated; `target` signs its path anew for each try; `operation` is S3's name of it.
        Raises S3Error, and UNAVAILABLE (503) when S3 does not answer."""
        with telemetry.aws_call("s3", operation or method, self._bucket) as call:
            return self._repeat(method, target, headers, body, call)

    def _repeat(
        self,
        method: str,
        target: Callable[[], str],
        headers: Mapping[str, str],
        body: Content,
        call: telemetry.Call | telemetry.Unmeasured,
    ) -> Answer:
        for attempt in range(_TRIES):
            if attempt:
                call.retried()
                time.sleep(random.uniform(0, 0.1 * 4**attempt))  # noqa: S311 - jitter
            try:
                status, answer = self._exchange(method, target(), headers, body, is_fresh=attempt > 0)
            except (OSError, http.client.HTTPException):
                continue
            call.answered(status, answer.headers, "x-amz-request-id")
            if status < 300 and not (method in ("POST", "PUT") and _FAILED_WITH_200.search(answer.body[:1000])):
                return answer
            error = S3Error(status, xml_text(answer.body, "Code", ""))
            if error.code == "SlowDown" or status == 503:
                call.throttled()
            if status not in _TRANSIENT and error.code not in ("InternalError", "SlowDown", "RequestTimeout"):
                raise error
        raise RegistryError("UNAVAILABLE", message="the object store does not answer", headers={"Retry-After": "5"})

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: Content, *, is_fresh: bool
    ) -> tuple[int, Answer]:
        connection = self._take(is_fresh)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if method in ("PUT", "POST"):
                connection.putheader("Content-Length", str(content_size(body)))
            connection.endheaders()
            for block in _blocks(body):
                connection.send(block)
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        answer = Answer({name.lower(): value for name, value in response.getheaders()}, content)
        if not response.will_close:
            self._give_back(connection)
        return response.status, answer

    def _take(self, is_fresh: bool) -> http.client.HTTPConnection:
        """A kept connection may have been closed by S3 meanwhile, so a second try gets a new one."""
        with self._lock:
            if is_fresh:
                stale, self._idle = self._idle, []
                for connection in stale:
                    connection.close()
            elif self._idle:
                return self._idle.pop()
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=self._tls)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


def operation_of(method: str, query: Sequence[tuple[str, str]], *, is_copy: bool = False) -> str:
    """Name an operation as the API reference does, by what tells its requests apart. Pure."""
    if is_copy:
        return "UploadPartCopy"
    return _OPERATIONS.get((method, query[0][0] if query else ""), method)


def xml_text(body: bytes, name: str, default: str | None = None) -> str:
    """Return the text of the first element `name`. Raises S3Error when it is missing and has no default."""
    match = re.search(rf"<{name}(?: [^>]*)?>([^<]*)</{name}>".encode(), body)
    if match:
        return unescape(match[1].decode(), {"&quot;": '"', "&#34;": '"', "&apos;": "'"})
    if default is None:
        raise S3Error(200, f"answer without {name}")
    return default


def xml_pages(body: bytes, name: str) -> Iterator[dict[str, str]]:
    """Yield the simple children of every element `name` of a listing."""
    for match in re.finditer(rf"<{name}>(.*?)</{name}>".encode(), body, re.DOTALL):
        children = re.findall(rb"<(\w+)>[^<]*</\1>", match[1])
        yield {child.decode(): xml_text(match[1], child.decode()) for child in children}


def _blocks(body: Content) -> Iterator[bytes | memoryview]:
    """Cut a body into blocks: sending one releases the interpreter, so short ones keep other threads waiting less."""
    for piece in [body] if isinstance(body, (bytes, memoryview)) else body:
        view = memoryview(piece)
        for start in range(0, len(view), _BLOCK_BYTES):
            yield view[start : start + _BLOCK_BYTES]
