"""The upload service: an ASGI application for the bytes of blobs, `/v2/<name>/blobs/uploads/<id>?_state=...`.

The signed `_state` is the only credential; clients send others along, which are neither used nor logged. What the
requests mean is decided in `chalicelib.oci.uploads`; here are memory, threads and the wire.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import parse_qs

from chalicelib import bootstrap, telemetry
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response, client_address, error_response, json_response
from chalicelib.oci.session import PART_MIN_BYTES
from chalicelib.oci.uploads import Receiving, Uploads
from upload_service.body import IDLE_S, Body, HungUp, Receive
from upload_service.memory import BLOCK_BYTES, OWN_BLOCKS, Memory
from upload_service.registry import RegistryDoor

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")
_THREADS = 32


def create_app(settings: Settings | None = None) -> App:
    """Make the application; without settings they are read from the environment."""
    settings = settings or Settings.from_environ(os.environ)
    registry = _registry(settings) if settings.serves_registry else None
    return UploadService(
        bootstrap.uploads(settings), Memory(settings.upload_memory_bytes), registry=registry, proxies=settings.proxies
    )


def _registry(settings: Settings) -> RegistryDoor:
    access = bootstrap.access(settings)
    return RegistryDoor(bootstrap.registry(settings), lambda request, now: access.authenticate(request, now=now).name)


class UploadService:
    """Serves uploads of one registry from one event loop."""

    def __init__(
        self,
        uploads: Uploads,
        memory: Memory,
        *,
        clock: Callable[[], float] = time.time,
        idle_s: float = IDLE_S,
        registry: RegistryDoor | None = None,
        proxies: int = 0,
    ) -> None:
        """`registry` answers what is no upload; without it that is refused."""
        self._uploads, self._memory, self._clock, self._idle_s = uploads, memory, clock, idle_s
        self._registry, self._proxies = registry, proxies
        self._threads = ThreadPoolExecutor(_THREADS, "uploads")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            return
        request = _request(scope, self._proxies)
        if request.path == "/healthz":  # asked every few seconds, and worth no line
            await _send(send, json_response(200, {"status": "ok"}), is_head=request.method == "HEAD")
            return
        name = request.correlation_id
        with telemetry.request(request.method, request.path, correlation_id=name, trace=request.trace) as seen:
            response = await self._answer(request, receive)
            seen.status = response.status if response else telemetry.HUNG_UP
        if response is not None:
            named = Response(response.status, {"X-Request-Id": name, **response.headers}, response.body)
            await _send(send, named, is_head=request.method == "HEAD")

    async def _answer(self, request: Request, receive: Receive) -> Response | None:
        """Answer a request; None when nobody waits for it any more. Never raises."""
        try:
            return await self._respond(request, receive)
        except HungUp:
            return None
        except RegistryError as error:
            telemetry.refused(error.code)
            return error_response(error)
        except Exception:  # noqa: BLE001 - the boundary: whatever failed becomes an OCI error, and is logged
            telemetry.refused("UNKNOWN")
            telemetry.failure(request.correlation_id, request.method, request.path)
            return error_response(RegistryError("UNKNOWN", {"request_id": request.correlation_id}))

    async def _respond(self, request: Request, receive: Receive) -> Response:
        if self._registry is not None and (request.method == "POST" or not self._uploads.matches(request)):
            return await self._registry.answer(request, receive)
        if not self._uploads.matches(request):
            raise RegistryError("NOT_FOUND", {"path": request.path[:300]})
        if request.method not in ("PATCH", "PUT"):
            return await self._call(lambda: self._uploads.answer(request, now=self._now()))
        receiving = await self._call(lambda: self._uploads.begin(request, now=self._now()))
        return receiving if isinstance(receiving, Response) else await self._receive(receiving, receive)

    async def _receive(self, receiving: Receiving, receive: Receive) -> Response:
        own, unseen = _needs(receiving)
        share = await self._memory.admit(own, unseen)
        body = Body(receiving.transfer, share, self._threads)
        try:
            try:
                await body.read(receive, self._idle_s)
            except BaseException as error:
                await body.settle()
                await self._call(functools.partial(self._uploads.abandon, receiving, error))
                raise
            response = await self._call(lambda: self._uploads.end(receiving, body.rest, now=self._now()))
            telemetry.count(telemetry.BYTES_RECEIVED, receiving.transfer.size_bytes)
            return response
        finally:
            await body.settle()
            share.leave()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, telemetry.bound(work))

    def _now(self) -> int:
        return int(self._clock())


def _needs(receiving: Receiving) -> tuple[int, int]:
    """Blocks that an upload must have to be sure to get on, and memory it takes besides: earlier pieces, read back."""
    length = receiving.length
    own = OWN_BLOCKS if length is None else min(OWN_BLOCKS, -(-length // BLOCK_BYTES))
    front = receiving.transfer.front_bytes
    return own, -(-min(front, PART_MIN_BYTES) // BLOCK_BYTES)


def _request(scope: Scope, proxies: int) -> Request:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    client = scope.get("client")
    address = client_address(headers.get("x-forwarded-for", ()), client[0] if client else "", proxies=proxies)
    trace = (headers.get("x-amzn-trace-id") or [""])[-1]
    request_id = telemetry.trace_id(trace) or uuid.uuid4().hex
    return Request(scope["method"], scope["path"], query, headers, b"", address, request_id, trace)


async def _send(send: Send, response: Response, *, is_head: bool) -> None:
    headers = [
        (name.lower().encode(), text.encode("latin-1"))
        for name, value in response.headers.items()
        for text in ([value] if isinstance(value, str) else value)
    ]
    if response.status != 204:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else response.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
