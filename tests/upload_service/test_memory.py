"""The memory of a process: bounded, shared out fairly, and never a reason to stand still."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.errors import RegistryError
from chalicelib.oci.session import MIB, Session
from chalicelib.oci.transfer import Transfer
from tests.fakes.objects import FakeObjects
from tests.fakes.sessions import FakeSessions
from upload_service.body import Body
from upload_service.memory import BLOCK_BYTES, OWN_BLOCKS, Memory, Share


def run(work: Coroutine[Any, Any, None], limit_s: float = 60) -> None:
    async def limited() -> None:
        async with asyncio.timeout(limit_s):
            await work

    asyncio.run(limited())


def take(share: Share, count: int) -> list[memoryview]:
    blocks = [share.take() for _ in range(count)]
    assert None not in blocks
    return [block for block in blocks if block is not None]


def test_blocks_are_distinct_and_come_back() -> None:
    async def work() -> None:
        memory = Memory(8 * BLOCK_BYTES)
        share = await memory.admit(2)
        blocks = take(share, 8)
        for number, block in enumerate(blocks):
            block[:] = bytes([number]) * BLOCK_BYTES
        assert [block[0] for block in blocks] == list(range(8))
        assert share.take() is None
        share.give(blocks)
        share.leave()
        assert len(take(await memory.admit(8), 8)) == 8

    run(work())


def test_what_is_promised_to_one_is_not_lent_to_another() -> None:
    async def work() -> None:
        memory = Memory(10 * BLOCK_BYTES)
        first, second = await memory.admit(3), await memory.admit(3)
        greedy = take(first, 7)
        assert first.take() is None
        mine = take(second, 3)
        assert second.take() is None
        first.give(greedy[:1])
        mine += take(second, 1)
        first.give(greedy[1:])
        second.give(mine)

    run(work())


def test_newcomers_enter_in_order_and_stop_the_lending() -> None:
    async def work() -> None:
        memory = Memory(10 * BLOCK_BYTES, admission_s=5)
        first = await memory.admit(5)
        blocks = take(first, 8)
        newcomers = [asyncio.create_task(memory.admit(4)), asyncio.create_task(memory.admit(1))]
        await asyncio.sleep(0.01)
        assert first.take() is None, "lending goes on while somebody waits"
        first.give(blocks[:1])
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in newcomers), "the small one passed the large one"
        first.give(blocks[1:3])
        await asyncio.sleep(0.01)
        assert newcomers[0].done()
        assert newcomers[1].done()

    run(work())


def test_who_waits_too_long_is_asked_to_come_again() -> None:
    async def work() -> None:
        memory = Memory(10 * BLOCK_BYTES, admission_s=0.05)
        share = await memory.admit(5, unseen=2)
        with pytest.raises(RegistryError) as refused:
            await memory.admit(4)
        assert refused.value.status == 429
        assert int(refused.value.headers["Retry-After"]) > 0
        share.leave()
        await memory.admit(10)

    run(work())


@pytest.mark.parametrize("seed", range(4))
def test_forty_uploads_in_little_memory_all_get_through(seed: int) -> None:
    """No deadlock: bodies of all sizes, known and unknown lengths, a part size far above what memory allows."""
    choose = random.Random(seed)
    sizes = [choose.choice([10, MIB, 3 * MIB, 7 * MIB, 12 * MIB]) for _ in range(40)]

    async def work() -> None:
        memory, pool = Memory(48 * MIB, admission_s=50), ThreadPoolExecutor(8)
        await asyncio.gather(*(upload(memory, pool, size, choose.random() < 0.5) for size in sizes))
        assert len(take(await memory.admit(48), 48)) == 48

    run(work(), 100)


async def upload(memory: Memory, pool: ThreadPoolExecutor, size: int, is_known: bool) -> None:
    objects = FakeObjects()
    own = min(OWN_BLOCKS, -(-size // BLOCK_BYTES)) if is_known else OWN_BLOCKS
    share = await memory.admit(own)
    transfer = Transfer(objects, FakeSessions(), Session("u", 0), None)
    body = Body(transfer, share, pool)
    left = size

    async def receive() -> dict[str, Any]:
        nonlocal left
        await asyncio.sleep(0)
        count = min(left, 200_000)
        left -= count
        return {"type": "http.request", "body": b"x" * count, "more_body": left > 0}

    await body.read(receive)
    after = transfer.accept(body.rest)
    assert after.size_bytes == size
    await body.settle()
    share.leave()
