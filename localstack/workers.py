"""A few threads that run handlers for an event loop.

Unlike `ThreadPoolExecutor` the thread that became idle last works next, which halves the cost of a call, and a handler that
never returns does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Job(NamedTuple):
    """A call, and who waits for its result."""

    function: Callable[[Any], Any]
    argument: Any
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]


class Workers:
    """At most `count` threads; calls beyond that wait in order."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._queue: deque[Job] = deque()
        self._unborn = count

    async def call(self, function: Callable[[Argument], Result], argument: Argument) -> Result:
        """Run `function(argument)` in a thread; a call cancelled while it waits is not run."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Result] = loop.create_future()
        self._start(Job(function, argument, loop, waiting))
        return await waiting

    def _start(self, job: Job) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().take(job)
            elif self._unborn:
                self._unborn -= 1
                _Worker(self._next).take(job)
            else:
                self._queue.append(job)

    def _next(self, worker: _Worker) -> Job | None:
        with self._lock:
            while self._queue:
                job = self._queue.popleft()
                if not job.waiting.cancelled():
                    return job
            self._idle.append(worker)
            return None


class _Worker:
    """One thread; sleeps on its own lock until it is given a job."""

    def __init__(self, next_job: Callable[[_Worker], Job | None]) -> None:
        self._next_job = next_job
        self._job: Job | None = None
        self._given = threading.Lock()
        self._given.acquire()
        threading.Thread(target=self._work, name="lambda", daemon=True).start()

    def take(self, job: Job) -> None:
        self._job = job
        self._given.release()

    def _work(self) -> None:
        while True:
            self._given.acquire()
            job = self._job
            while job is not None:
                self._job = None
                _run(job)
                job = self._next_job(self)


def _run(job: Job) -> None:
    result, error = None, None
    try:
        result = job.function(job.argument)
    except BaseException as raised:  # noqa: BLE001 - it is raised again where the call is awaited
        error = raised
    if not job.loop.is_closed():
        job.loop.call_soon_threadsafe(_deliver, job.waiting, result, error)


def _deliver(waiting: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if waiting.done():
        return
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(result)
