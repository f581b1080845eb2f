"""The front before MiniStack: refuses what real S3 refuses, and streams large objects from disk.

MiniStack accepts anonymous requests and a presigned URL that comes with an Authorization header. Real S3 does not, and
clients of a registry do send both after a redirect, so the difference decides whether a pull works on AWS.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from localstack.asgi import App, Headers, Message, Receive, Scope, Send, answer
from localstack.s3_storage import mapped_reads, object_file
from localstack.snapshots import Snapshots

CHUNK_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PLAIN_READ = re.compile(r"x-id|response-[a-z-]+|x-amz-[a-z0-9-]+", re.IGNORECASE)
_TERRAFORM = b"HashiCorp/"
_AS_FAR_AS_AWS_S = 0.005
"""How long Terraform waits for each answer. Its provider takes a connection for broken when the answer is there before it has
finished sending, and sends again: "already exists", in one of three hundred requests, which no AWS is near enough for."""
_ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
    "Signature query string parameter or the Authorization header should be specified"
)


class Refusal(NamedTuple):
    """An S3 error that MiniStack would not have made."""

    status: int
    code: str
    message: str


class S3Front:
    """An ASGI application around MiniStack's."""

    def __init__(self, ministack: App, s3: Any, snapshots: Snapshots) -> None:
        self._ministack = ministack
        self._s3 = s3
        self._snapshots = snapshots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._ministack(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if _TERRAFORM in headers.get(b"user-agent", b""):
            await asyncio.sleep(_AS_FAR_AS_AWS_S)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        refusal = refuse(scope["path"], headers.get(b"authorization", b"").decode("latin-1"), query)
        if refusal is not None:
            await _send_error(send, refusal, scope["path"])
            return
        self._snapshots.note(scope["method"], headers.get(b"x-amz-target", b"").decode("latin-1"))
        file = self._file_to_stream(scope, headers, query)
        if file is None:
            await self._ministack(_without_odd_range(scope), receive, send)
        else:
            await self._stream(file, scope, receive, send)

    def _file_to_stream(self, scope: Scope, headers: dict[bytes, bytes], query: dict[str, list[str]]) -> Path | None:
        if scope["method"] != "GET" or not _is_for_s3(headers.get(b"authorization", b"").decode("latin-1"), query):
            return None
        if not all(_PLAIN_READ.fullmatch(name) for name in query) or _signs_range(query):
            return None
        return object_file(self._s3, scope["path"])

    async def _stream(self, file: Path, scope: Scope, receive: Receive, send: Send) -> None:
        """Let MiniStack judge the request on one byte of the object, then send the bytes asked for from the file."""
        probe = Probe(send)
        with mapped_reads():
            await self._ministack({**scope, "headers": _asking_for_one_byte(scope["headers"])}, receive, probe.send)
        if probe.start is None:
            return
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            asked = wanted(_header(scope["headers"], b"range"), size)
            if asked is not None and not asked:
                refusal = Refusal(416, "InvalidRange", "The requested range is not satisfiable")
                await _send_error(send, refusal, scope["path"], [(b"content-range", b"bytes */%d" % size)])
                return
            await send(_start_of(probe.start, asked, size))
            span = range(size) if asked is None else asked
            opened.seek(span.start)
            await _send_bytes(opened, len(span), send)


class Probe:
    """Holds back a 206 to the one-byte question; any other answer goes to the client as it is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.start: Message | None = None

    async def send(self, message: Message) -> None:
        """Receive what MiniStack sends."""
        if message["type"] == "http.response.start" and message["status"] == 206:
            self.start = message
        if self.start is None:
            await self._send(message)


def refuse(path: str, authorization: str, query: dict[str, list[str]]) -> Refusal | None:
    """Say why S3 would not look at this request, or None."""
    if path.startswith("/_ministack/"):
        return None if path == "/_ministack/health" else Refusal(404, "NoSuchKey", "There is no such page here")
    presigned = "X-Amz-Signature" in query or "Signature" in query
    if presigned and authorization:
        return Refusal(400, "InvalidArgument", _ONE_MECHANISM)
    if presigned and "X-Amz-Signature" not in query:
        message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        return Refusal(400, "InvalidRequest", message)
    if not presigned and not authorization:
        return Refusal(403, "AccessDenied", "Access Denied")
    if authorization and not authorization.startswith("AWS4-HMAC-SHA256"):
        return Refusal(400, "InvalidArgument", "Unsupported Authorization Type")
    return None


def wanted(header: bytes, size: int) -> range | None:
    """The bytes that a Range header asks of an object; empty when the object has none of them, None without a range.

    What is not one valid range (several ranges, `bytes=`, another unit) counts as none, as on S3.
    """
    found = _RANGE.fullmatch(header.decode("latin-1").strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(first) > int(last):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


async def _send_bytes(opened: Any, count: int, send: Send) -> None:
    while count > 0:
        chunk = opened.read(min(CHUNK_BYTES, count))
        if not chunk:
            raise OSError("an object's file became shorter while it was sent")
        count -= len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": count > 0})


def _start_of(probe: Message, asked: range | None, size: int) -> Message:
    kept = [(n, v) for n, v in probe["headers"] if n.lower() not in (b"content-length", b"content-range")]
    if asked is None:
        kept.append((b"content-length", b"%d" % size))
        return {"type": "http.response.start", "status": 200, "headers": kept}
    kept.append((b"content-length", b"%d" % len(asked)))
    kept.append((b"content-range", b"bytes %d-%d/%d" % (asked.start, asked.stop - 1, size)))
    return {"type": "http.response.start", "status": 206, "headers": kept}


def _asking_for_one_byte(headers: Headers) -> Headers:
    return [*((name, value) for name, value in headers if name != b"range"), (b"range", b"bytes=0-0")]


def _without_odd_range(scope: Scope) -> Scope:
    """Drop a Range that S3 ignores: MiniStack answers it with 416. An enormous size stands for any object's."""
    header = _header(scope["headers"], b"range")
    if not header or wanted(header, sys.maxsize) is not None:
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}


def _header(headers: Headers, wanted_name: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted_name), b"")


def _is_for_s3(authorization: str, query: dict[str, list[str]]) -> bool:
    return "/s3/aws4_request" in query.get("X-Amz-Credential", [authorization])[0]


def _signs_range(query: dict[str, list[str]]) -> bool:
    return "range" in query.get("X-Amz-SignedHeaders", [""])[0].split(";")


async def _send_error(send: Send, refusal: Refusal, path: str, extra: Headers = ()) -> None:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
        f"<Resource>{escape(path)}</Resource></Error>"
    ).encode()
    length = (b"content-length", b"%d" % len(body))
    await answer(send, refusal.status, [(b"content-type", b"application/xml"), length, *extra], body)
