"""The memory that bodies pass through: one budget for the process, in blocks of 1 MiB that are reused.

Every upload is admitted with a share of blocks that are its own for as long as it runs; more are lent while nobody waits
to be admitted. No deadlock is possible. An upload that gets no block holds at least its own share. Its share is its whole
body, and then it needs no more; or it is 5 MiB, and then either some of its blocks are on their way to S3, whose answer or
time limit gives them back, or all of them are filled, which is enough for a part, and it sends them on their way. Whoever
waits to be admitted holds nothing, and gives up after a while.
"""

from __future__ import annotations

import asyncio
import mmap
from collections import deque
from collections.abc import Iterable

from chalicelib.errors import RegistryError

BLOCK_BYTES = 1024 * 1024
OWN_BLOCKS = 5
"""The smallest part S3 takes."""
_ADMISSION_S = 20.0
_RETRY_AFTER_S = 5


class Memory:
    """The blocks of a process. Used from one event loop."""

    def __init__(self, size_bytes: int, admission_s: float = _ADMISSION_S) -> None:
        self.total = size_bytes // BLOCK_BYTES
        # One mapping: pages never touched cost nothing, and those touched do not go back and forth to the system.
        view = memoryview(mmap.mmap(-1, self.total * BLOCK_BYTES))
        self._free = [view[i * BLOCK_BYTES : (i + 1) * BLOCK_BYTES] for i in reversed(range(self.total))]
        self._promised = 0
        self._admission_s = admission_s
        self._newcomers: deque[asyncio.Future[None]] = deque()
        self._waiting: list[asyncio.Future[None]] = []

    async def admit(self, own: int, unseen: int = 0) -> Share:
        """Give an upload its share of `own` blocks; `unseen` are blocks' worth of memory it will use elsewhere.
        Raises TOOMANYREQUESTS (429) when there is no room for too long."""
        if self._newcomers or not self._has(own + unseen):
            await self._queue(own + unseen)
        self._promised += own + unseen
        return Share(self, own, unseen)

    def _has(self, blocks: int) -> bool:
        return len(self._free) - self._promised >= blocks

    async def _queue(self, blocks: int) -> None:
        """Newcomers enter in order, and nobody is lent more than his own while one waits."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._newcomers.append(turn)
        try:
            async with asyncio.timeout(self._admission_s):
                while self._newcomers[0] is not turn or not self._has(blocks):
                    await self.change()
        except TimeoutError:
            message = "too many uploads at once"
            raise RegistryError(
                "TOOMANYREQUESTS", message=message, headers={"Retry-After": str(_RETRY_AFTER_S)}
            ) from None
        finally:
            self._newcomers.remove(turn)
            self.wake()

    async def change(self) -> None:
        """Wait until a block came back or somebody stopped waiting."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def wake(self) -> None:
        """Let everybody who waits look again."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def lend(self, *, is_own: bool) -> memoryview | None:
        """Take a block from the free ones, or None when they are promised to others."""
        if is_own:
            self._promised -= 1
        elif self._newcomers or not self._has(1):
            return None
        return self._free.pop()

    def take_back(self, blocks: Iterable[memoryview], promised: int) -> None:
        """Return blocks, of which `promised` stay at the disposal of the upload that had them."""
        self._free.extend(blocks)
        self._promised += promised
        self.wake()


class Share:
    """The blocks of one upload."""

    def __init__(self, memory: Memory, own: int, unseen: int) -> None:
        self._memory, self._own, self._unseen = memory, own, unseen
        self.used = 0

    def take(self) -> memoryview | None:
        """Take a block, or None when the upload has its share and no more is lent now."""
        block = self._memory.lend(is_own=self.used < self._own)
        if block is not None:
            self.used += 1
        return block

    def give(self, blocks: list[memoryview]) -> None:
        """Return blocks."""
        own_before = min(self.used, self._own)
        self.used -= len(blocks)
        self._memory.take_back(blocks, own_before - min(self.used, self._own))

    async def change(self) -> None:
        """Wait until asking again may help."""
        await self._memory.change()

    def leave(self) -> None:
        """Give up the share; all blocks are back."""
        self._memory.take_back((), -(self._own + self._unseen))
