"""The edge: stands for the names `<id>.execute-api.<region>.amazonaws.com` of a deployment, on one port of this machine.

Which API a path belongs to is decided by its first part, which on AWS is the stage. The names come from Terraform's outputs, in
a file that `localstack.deploy` writes once they are known: `{"v2": "<API id>", "service": "<API id>", ...}`.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from pathlib import Path
from typing import Protocol

from localstack.asgi import Receive, Scope, Send, answer
from localstack.http_reply import Reply
from localstack.proxy_event import HttpRequest
from localstack.request_body import REQUEST_BYTES, ClientGone, read_body
from localstack.rest_api import INTEGRATION_TIMEOUT_S

_FORBIDDEN = b'{"message":"Forbidden"}'
"""What every API of AWS answers where it has no stage; it cannot be changed there."""


class Front(Protocol):
    """An emulator's REST APIs, as API Gateway runs them: `rest_front` for MiniStack, `community.rest_front` for LocalStack."""

    async def answer(self, api_id: str, request: HttpRequest) -> Reply:
        """Answer a request to the stage that the first part of its path names."""

    def timed_out(self, api_id: str, request: HttpRequest) -> Reply:
        """The gateway response for a function that took too long."""


class Edge:
    """An ASGI application."""

    def __init__(self, front: Front, names: Path, *, timeout_s: float = INTEGRATION_TIMEOUT_S) -> None:
        self._front, self._names, self._timeout_s = front, names, timeout_s
        self._stages: dict[str, str] = {}
        self._read_at = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(scope, receive)
        except ClientGone:
            return
        # A body that is too large was not kept; this one is as long, and is refused by its length.
        request = _request(scope, bytes(REQUEST_BYTES + 1) if body is None else body)
        reply = await self._reply(request)
        headers = [*reply.headers, (b"connection", b"close")] if body is None else reply.headers
        await answer(send, reply.status, headers, reply.body)

    async def _reply(self, request: HttpRequest) -> Reply:
        api_id = self._current().get(request.stage)
        if api_id is None:
            made = [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"ForbiddenException")]
            length = (b"content-length", b"%d" % len(_FORBIDDEN))
            return Reply(403, [*made, length], b"" if request.method == "HEAD" else _FORBIDDEN)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._front.answer(api_id, request)
        except TimeoutError:
            return self._front.timed_out(api_id, request)
        except Exception:  # noqa: BLE001 - an emulator's own fault: told where a person sees it, and no function's answer
            traceback.print_exc()
            return Reply(500, [(b"content-length", b"0")])

    def _current(self) -> dict[str, str]:
        changed_at = self._names.stat().st_mtime_ns if self._names.exists() else 0
        if changed_at != self._read_at:
            self._stages, self._read_at = json.loads(self._names.read_text()), changed_at
        return self._stages


def _request(scope: Scope, body: bytes) -> HttpRequest:
    return HttpRequest(
        scope["method"],
        (scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        scope["headers"],
        body,
        (scope.get("client") or ("127.0.0.1", 0))[0],
        f"HTTP/{scope['http_version']}",
    )
