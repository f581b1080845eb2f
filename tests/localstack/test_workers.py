"""The gateway's threads: results, errors, order, and calls that nobody waits for any more."""

from __future__ import annotations

import asyncio
import threading

import pytest

from localstack.workers import Workers


def test_results_and_errors_come_back() -> None:
    async def ask() -> None:
        workers = Workers(2)
        assert await workers.call(len, "four") == 4
        with pytest.raises(ZeroDivisionError):
            await workers.call(lambda by: 1 // by, 0)
        assert await workers.call(len, "") == 0

    asyncio.run(ask())


def test_calls_wait_in_order_and_a_cancelled_one_is_not_run() -> None:
    done: list[int] = []
    release = threading.Event()

    async def ask() -> None:
        workers = Workers(1)
        first = asyncio.ensure_future(workers.call(release.wait, 10.0))
        others = [asyncio.ensure_future(workers.call(done.append, number)) for number in range(4)]
        await asyncio.sleep(0.05)
        others[1].cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, *others, return_exceptions=True)

    asyncio.run(ask())
    assert done == [0, 2, 3]


def test_a_call_that_is_given_up_does_not_disturb_the_next() -> None:
    release = threading.Event()

    async def ask() -> int:
        workers = Workers(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await workers.call(release.wait, 10.0)
        release.set()
        return await workers.call(len, "three")

    assert asyncio.run(ask()) == 5
