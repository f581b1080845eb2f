"""Several calls at the same time: what a page asks of each of its entries would otherwise take as long as all calls together."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
THREADS = 8


def each(function: Callable[[T], R], values: Iterable[T]) -> list[R]:
    """Call a function for every value, `THREADS` at a time, and return the results in order; raises the first error. Must not be
    called by such a function: its threads could all be waiting for one another."""
    wanted = list(values)
    if len(wanted) < 2:
        return [function(value) for value in wanted]
    contexts = [contextvars.copy_context() for _ in wanted]  # what is known of the request goes along
    return list(_threads().map(lambda context, value: context.run(function, value), contexts, wanted))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Kept for the life of the process, and with them their connections to AWS."""
    return ThreadPoolExecutor(THREADS, "parallel")
