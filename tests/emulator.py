"""MiniStack with a counter in front: `GET /__calls` returns what was asked since the last time, by operation, and forgets it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from ministack.app import app as emulator

_counter: Counter[str] = Counter()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        await emulator(scope, receive, send)
        return
    if scope["path"] == "/__calls":
        body = json.dumps(_counter).encode()
        _counter.clear()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        return
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
    service, _, operation = target.partition(".")
    _counter[f"{service.partition('_')[0]}.{operation}" if target else f"S3.{scope['method']}"] += 1
    await emulator(scope, receive, send)
