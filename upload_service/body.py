"""One request's body: from the socket into blocks, through the hash, to S3 in parts that go side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from typing import Any

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.oci.session import PART_MIN_BYTES
from chalicelib.oci.transfer import Transfer
from upload_service.memory import BLOCK_BYTES, Share

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
PARTS_AT_ONCE = 3
BLOCKS_AT_ONCE = 64
IDLE_S = 60.0


class HungUp(Exception):
    """The client closed the connection before its body was whole."""


class Body:
    """Moves one body. `rest` are the filled blocks that no part has; `share` must outlive `settle`."""

    def __init__(self, transfer: Transfer, share: Share, executor: Executor) -> None:
        self._transfer, self._share, self._executor = transfer, share, executor
        self._blocks: list[memoryview] = []
        self._filled = 0
        self._parts: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def rest(self) -> list[memoryview]:
        """The bytes that no part has yet."""
        whole, odd = divmod(self._filled, BLOCK_BYTES)
        return [*self._blocks[:whole], *([self._blocks[whole][:odd]] if odd else [])]

    async def read(self, receive: Receive, idle_s: float = IDLE_S) -> None:
        """Read to the end. Raises HungUp, TIMEOUT (408) after `idle_s` without a byte, and what storing a part raised."""
        try:
            async with asyncio.timeout(idle_s) as limit:
                await self._read(receive, limit, idle_s)
        except TimeoutError:
            if not limit.expired():
                raise
            raise RegistryError("TIMEOUT", headers={"Connection": "close"}) from None
        if self._filled % BLOCK_BYTES:
            self._transfer.hash(self.rest[-1])
        await self._wait_for_parts(0)

    async def _read(self, receive: Receive, limit: asyncio.Timeout, idle_s: float) -> None:
        """The limit moves on with the bytes, seldom enough to cost nothing, and does not run while we wait for S3."""
        now = asyncio.get_running_loop().time
        seen = now()
        is_more = True
        while is_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise HungUp
            is_more = message.get("more_body", False)
            content = message.get("body", b"")
            if content:
                at = self._filled % BLOCK_BYTES
                if at and at + len(content) < BLOCK_BYTES:
                    self._blocks[-1][at : at + len(content)] = content
                    self._filled += len(content)
                else:
                    limit.reschedule(None)
                    await self._write(memoryview(content))
                    seen = 0.0
                if now() - seen > idle_s / 8:
                    seen = now()
                    limit.reschedule(seen + idle_s)

    async def settle(self) -> None:
        """Wait until no part is under way, whatever became of it, and give the blocks back."""
        if self._parts:
            await asyncio.wait(self._parts)
        self._share.give(self._blocks)
        self._blocks, self._filled = [], 0

    async def _write(self, content: memoryview) -> None:
        while content:
            at = self._filled % BLOCK_BYTES
            if not at:
                await self._next_block()
            count = min(BLOCK_BYTES - at, len(content))
            self._blocks[-1][at : at + count] = content[:count]
            self._filled += count
            content = content[count:]
            if at + count == BLOCK_BYTES:
                self._transfer.hash(self._blocks[-1])

    async def _next_block(self) -> None:
        """Get room for more. A part is sent when it has its size and more bytes are there, since a body that fits into one
        part needs no multipart upload; or early, when memory is short."""
        if self._filled >= self._transfer.next_part_bytes:
            await self._send_part()
        while True:
            block = self._share.take() if self._share.used < BLOCKS_AT_ONCE else None
            if block is not None:
                self._blocks.append(block)
                return
            if self._filled + self._transfer.front_bytes >= PART_MIN_BYTES:
                await self._send_part()
            else:
                await self._share.change()
            self._raise_failure()

    async def _send_part(self) -> None:
        await self._wait_for_parts(PARTS_AT_ONCE - 1)
        blocks, self._blocks, self._filled = self._blocks, [], 0
        job = self._transfer.job(blocks)
        task = asyncio.create_task(self._store(job, blocks))
        self._parts.add(task)
        task.add_done_callback(self._parts.discard)

    async def _store(self, job: Callable[[], None], blocks: list[memoryview]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, telemetry.bound(job))
        except Exception as failure:  # noqa: BLE001 - raised again by the reader of this body
            self._failure = self._failure or failure
        finally:
            self._share.give(blocks)

    async def _wait_for_parts(self, at_most: int) -> None:
        while len(self._parts) > at_most:
            await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
