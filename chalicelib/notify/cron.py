"""Cron expressions as Harbor takes them: six fields, `second minute hour day month weekday`, the second always 0. In UTC. Pure.

Own code, since what Python's packages (croniter, cronsim) read differs from Harbor's Go package in the number of fields, in names
and in `?`. Grammar: https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format. Source of the rule about seconds:
Harbor `src/common/utils/utils.go` (ValidateCronString).
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MAX_CHARACTERS = 256
_YEARS = 8
"""A day that comes at all (29 February on a Sunday aside) comes within so many years."""


class CronError(ValueError):
    """Not a cron expression; the message says what is wrong."""


class Cron(NamedTuple):
    """When something happens. Days match if either field does, where both are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    is_any_day: bool
    is_any_weekday: bool

    def next_after(self, at: int) -> int | None:
        """Find the first time after `at` (Unix seconds); None for what never comes, as 30 February."""
        moment = datetime.fromtimestamp(at - at % 60, UTC) + timedelta(minutes=1)
        last = moment.year + _YEARS
        while moment.year <= last:
            if moment.month not in self.months:
                moment = _next_month(moment)
            elif not self._is_day(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self.hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            elif moment.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return calendar.timegm(moment.timetuple())
        return None

    def _is_day(self, moment: datetime) -> bool:
        is_day = moment.day in self.days
        is_weekday = (moment.weekday() + 1) % 7 in self.weekdays
        return is_day and is_weekday if self.is_any_day or self.is_any_weekday else is_day or is_weekday


def parse(text: str) -> Cron:
    """Read an expression. Raises CronError."""
    if len(text) > _MAX_CHARACTERS or not text.isascii():
        raise CronError("a cron expression is short and ASCII")
    fields = text.split()
    if len(fields) != 6:
        raise CronError(f"expected exactly 6 fields, found {len(fields)}")
    if fields[0] != "0":
        raise CronError("the 1st field (indicating Seconds of time) of the cron setting must be 0")
    _, minutes, hours, days, months, weekdays = fields
    return Cron(
        _field(minutes, 0, 59),
        _field(hours, 0, 23),
        _field(days, 1, 31),
        _field(months, 1, 12, _MONTHS),
        _field(weekdays, 0, 6, _DAYS),
        days[0] in "*?",
        weekdays[0] in "*?",
    )


def _field(text: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, high) if slash else 1
        first, dash, last = span.partition("-")
        if first in ("*", "?"):
            if dash:
                raise CronError(f"failed to parse {part!r}")
            begin, end = low, high
        else:
            begin = _value(first, low, high, names)
            end = _value(last, low, high, names) if dash else (high if slash else begin)
        if begin > end:
            raise CronError(f"beginning of range ({begin}) beyond end of range ({end})")
        chosen.update(range(begin, end + 1, step))
    return frozenset(chosen)


def _value(text: str, low: int, high: int, names: Sequence[str]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return _number(text, low, high)


def _number(text: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text[:9]) <= high or len(text) > 9:
        raise CronError(f"{text!r} is not a number from {low} to {high}")
    return int(text)


def _next_month(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0)
    return first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
