"""Reads a request's body as API Gateway does: whole, and up to 10 MB."""

from __future__ import annotations

from localstack.asgi import Receive, Scope

REQUEST_BYTES = 10 * 1024 * 1024
_DRAINED_BYTES = 4 * REQUEST_BYTES


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(scope: Scope, receive: Receive) -> bytes | None:
    """Read the body; None when it is larger than API Gateway takes. Raises `ClientGone`.

    A body somewhat too large is read to its end and thrown away, or the client would see a broken connection, not the answer.
    """
    length = _announced_length(scope)
    if length == 0:
        return b""
    if length > _DRAINED_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= REQUEST_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body", False) or size > _DRAINED_BYTES:
            return b"".join(chunks) if size <= REQUEST_BYTES else None


def _announced_length(scope: Scope) -> int:
    """Content-Length, 0 when there is no body, 1 when its length is not known before its end."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value[:19]) if value.isdigit() else 1
        if name == b"transfer-encoding":
            return 1
    return 0
