"""Reading the audit log: any page at a cost that does not grow with the log, and searches within a bound.

A page is found by counting: the numbers of rows of all hours are one read (at most one item an hour of the retention), so the
hour in which a page begins is known without looking at a row, and within a busy hour marks tell where every so many rows are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from chalicelib.notify.hours import first_key, hour_starts_at, last_key
from chalicelib.notify.log_ports import AuditStore, Entry, Hour, Marks

SEARCH_ROWS = 20_000
"""How many rows a search looks at; a log of a busy registry has millions."""
FEW_ROWS = 250
"""So many rows are passed over without looking for marks; an hour with no more has none."""
LAST = "9" * 20
"""Follows every key."""


class Place(NamedTuple):
    """Where a page begins: read from `first` to `last` (keys), and pass over `skip` rows."""

    first: str
    last: str
    skip: int


class Found(NamedTuple):
    """Rows of a search; `is_whole` when all rows of its time were looked at."""

    entries: Sequence[Entry]
    is_whole: bool


class Trail:
    """The audit logs of a registry."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    def page(
        self, logs: Sequence[str], offset: int, limit: int, *, is_newest_first: bool, keep_days: int, now: int
    ) -> tuple[Sequence[Entry], int]:
        """Read a page and the exact number of rows. For one log 5 calls, one more deep in a busy hour; each further log as many.
        Only in an hour that is not over, and in several logs at once, rows before the page cost: one call per MB."""
        hours = alive(self._store.hours(logs), keep_days, now)
        total = sum(hour.rows for hour in hours)
        found = _hour_at(hours[::-1] if is_newest_first else hours, offset)
        if found is None or limit <= 0:
            return (), total
        hour, within = found
        is_marked = len(logs) == 1 and within > FEW_ROWS
        marks = self._store.marks(logs[0], hour.hour) if is_marked else None
        place = locate(hour, within, marks, is_newest_first=is_newest_first)
        if is_newest_first:
            place = place._replace(first=first_key(hours[0].hour))
        wanted = place.skip + limit
        rows = self._store.rows(logs, place.first, place.last, is_newest_first=is_newest_first, wanted=wanted)
        return tuple(islice(rows, place.skip, wanted)), total

    def search(
        self, logs: Sequence[str], first: str, last: str, *, is_newest_first: bool, keep_days: int, now: int
    ) -> Found:
        """Read the rows from one key to another, at most `SEARCH_ROWS`. One call per MB, about 2,300 rows."""
        hours = alive(self._store.hours(logs), keep_days, now)
        if not hours:
            return Found((), True)
        first = max(first, first_key(hours[0].hour))
        if first > last:
            return Found((), True)
        rows = self._store.rows(logs, first, last, is_newest_first=is_newest_first)
        entries = tuple(islice(rows, SEARCH_ROWS + 1))
        return Found(entries[:SEARCH_ROWS], len(entries) <= SEARCH_ROWS)


def alive(hours: Sequence[Hour], keep_days: int, now: int) -> Sequence[Hour]:
    """Leave out the hours that are older than the retention, or whose rows DynamoDB may have begun to delete. Pure."""
    return [h for h in hours if h.ends_at > now and hour_starts_at(h.hour) + 3600 + keep_days * 86400 > now]


def locate(hour: Hour, within: int, marks: Marks | None, *, is_newest_first: bool) -> Place:
    """Find the row number `within` of an hour, counted in the order of reading, from the nearest mark before it. Pure."""
    if is_newest_first:
        from_oldest = hour.rows - 1 - within
        mark = from_oldest // marks.step + 1 if marks else 0
        if marks and mark < len(marks.keys):
            return Place("", marks.keys[mark], mark * marks.step - from_oldest)
        return Place("", last_key(hour.hour), within)
    if marks and within // marks.step < len(marks.keys):
        return Place(marks.keys[within // marks.step], LAST, within % marks.step)
    return Place(first_key(hour.hour), LAST, within)


def _hour_at(hours: Sequence[Hour], offset: int) -> tuple[Hour, int] | None:
    """The hour that has the row number `offset`, and the row's number in it."""
    for hour in hours:
        if offset < hour.rows:
            return hour, offset
        offset -= hour.rows
    return None
