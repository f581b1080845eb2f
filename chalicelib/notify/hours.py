"""Hours of the audit log, written as `2026112413`: how its rows are counted. Pure."""

from __future__ import annotations

import calendar
import functools
import time

_FORMAT = "%Y%m%d%H"


@functools.lru_cache(maxsize=64)
def _named(number: int) -> str:
    return time.strftime(_FORMAT, time.gmtime(number * 3600))


def hour_of(at: int) -> str:
    """The hour of a time in Unix seconds."""
    return _named(at // 3600)


@functools.lru_cache(maxsize=4096)
def hour_starts_at(hour: str) -> int:
    """When an hour begins, in Unix seconds."""
    return calendar.timegm(time.strptime(hour, _FORMAT))
