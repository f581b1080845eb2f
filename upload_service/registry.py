"""The registry in the upload service's container, for a deployment behind a load balancer alone: everything below `/v2/`.

An ALB hands Lambda and takes from it 1 MB at most, and manifests have up to 4 MiB. What API Gateway bounds is bounded here:
bodies, the time they may take, and how many of them are in memory. See `docs/adr/0010-doors.md`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from upload_service.body import HungUp

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
T = TypeVar("T")
BODY_BYTES = 4 * 1024 * 1024 + 64 * 1024
"""A manifest of 4 MiB, and a little, so that a larger one is refused by the registry with its own sentence."""
BODY_S = 30.0
BODIES_AT_ONCE = 24
WAIT_S = 20.0
_RETRY_AFTER_S = 5
_THREADS = 16


class Handler(Protocol):
    """The registry as a function: `chalicelib.api.Api`."""

    def handle(self, request: Request, *, now: int) -> Response:
        """Answer any request."""


class RegistryDoor:
    """Reads a request's body and has the registry answer, in threads of its own: uploads that wait for S3 do not hold it up."""

    def __init__(
        self,
        handler: Handler,
        identify: Callable[[Request, int], str],
        *,
        clock: Callable[[], float] = time.time,
        body_s: float = BODY_S,
        wait_s: float = WAIT_S,
    ) -> None:
        """`identify` names who sends a request, "" for nobody in particular, and raises RegistryError for credentials that are
        not good. Only who has a name may fill memory with a body: anybody gets a token to pull what is public."""
        self._handler, self._identify, self._clock = handler, identify, clock
        self._body_s, self._wait_s = body_s, wait_s
        self._threads = ThreadPoolExecutor(_THREADS, "registry")
        self._bodies = asyncio.Semaphore(BODIES_AT_ONCE)

    async def answer(self, request: Request, receive: Receive) -> Response:
        """Answer a request. Raises HungUp, NOT_FOUND, UNAUTHORIZED, TOO_LARGE (413), TIMEOUT (408), TOOMANYREQUESTS (429)."""
        if request.path != "/v2" and not request.path.startswith("/v2/"):
            raise RegistryError("NOT_FOUND", {"path": request.path[:300]})
        if request.header("content-length") in (None, "0") and request.header("transfer-encoding") is None:
            return await self._handle(request)
        if not await self._run(lambda: self._identify(request, self._now())):
            refusal = await self._handle(request)
            return replace(refusal, headers={**refusal.headers, "Connection": "close"})
        await self._take_turn()
        try:
            return await self._handle(replace(request, body=await self._body(receive)))
        finally:
            self._bodies.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._bodies.acquire()
        except TimeoutError:
            headers = {"Retry-After": str(_RETRY_AFTER_S), "Connection": "close"}
            raise RegistryError("TOOMANYREQUESTS", message="too many pushes at once", headers=headers) from None

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_s):
                is_more = True
                while is_more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise HungUp
                    is_more = message.get("more_body", False)
                    chunks.append(bytes(message.get("body", b"")))
                    size += len(chunks[-1])
                    if size > BODY_BYTES:
                        raise RegistryError(
                            "TOO_LARGE",
                            headers={"Connection": "close"},
                            message="a manifest has 4 MiB at most; send a layer to the Location that a POST without it answers",
                        )
        except TimeoutError:
            raise RegistryError("TIMEOUT", headers={"Connection": "close"}) from None
        return b"".join(chunks)

    async def _handle(self, request: Request) -> Response:
        return await self._run(lambda: self._handler.handle(request, now=self._now()))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, telemetry.bound(work))

    def _now(self) -> int:
        return int(self._clock())
