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


def hour_starts_at(hour: str) -> int:
    """When an hour begins, in Unix seconds."""
    return calendar.timegm((int(hour[:4]), int(hour[4:6]), int(hour[6:8]), int(hour[8:]), 0, 0))


def key_of(at_us: int) -> str:
    """What precedes the key of every row of a time in Unix microseconds, and follows those before it."""
    return f"{max(at_us, 0):020d}#"


def first_key(hour: str) -> str:
    """What precedes the keys of an hour's rows."""
    return key_of(hour_starts_at(hour) * 1_000_000)


def last_key(hour: str) -> str:
    """What follows the keys of an hour's rows."""
    return key_of((hour_starts_at(hour) + 3600) * 1_000_000)
