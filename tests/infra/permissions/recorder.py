"""`make run`'s emulator, with a list of who called what: `GET /__calls` tells it, as rows of access key, action and resource.

`python -m tests.infra.permissions.recorder --data FOLDER`; a duty is known by its access key, which every request and presigned
URL carries.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from localstack import emulator
from localstack.s3_front import S3Front
from tests.infra.permissions.calls import Seen, calls, signer


class Recorder:
    """An ASGI application in front of another one."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._seen: set[tuple[str, str, str]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/__calls":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps(sorted(self._seen)).encode()})
        else:
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _read(receive) if "x-amz-target" in headers else b""
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(messages, None) or await receive()

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, headers, body, message["status"])
            await send(message)

        await self._app(scope, again if "x-amz-target" in headers else receive, noting)

    def _note(self, scope: Any, headers: Mapping[str, str], body: bytes, status: int) -> None:
        query = scope["query_string"].decode("latin-1")
        key, service = signer(query, headers)
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        seen = Seen(scope["method"], path, query, headers, body, status)
        self._seen |= {(key, *call) for call in calls(seen, service)} if key else {("nobody", seen.method, path)}


async def _read(receive: Any) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


if __name__ == "__main__":
    setattr(emulator, "S3Front", lambda *parts: Recorder(S3Front(*parts)))  # noqa: B010 - the one seam of the emulator
    sys.exit(emulator.main())
