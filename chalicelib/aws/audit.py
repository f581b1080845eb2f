"""Writing the audit log in DynamoDB: rows in shards, and a number of rows for every process that writes.

Counting is the hard part of a log that everybody writes: one counter for all is a hot item at a thousand pulls a second, costs
a call more for each, and is wrong for good after a retry that was none. So each process keeps a number of its own for each hour
and writes it with its rows, in the same call: no two processes write one item, a repeated write changes nothing, and a number
that was not written is made good by the next. A row is at most 1 KB, one write unit; a partition takes a thousand of them a
second, so `SHARDS` partitions take four thousand pulls a second of one project. A process keeps to one shard.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.wire import DYNAMODB, CallFailed, Wire
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import Event
from chalicelib.notify.hours import hour_of, hour_starts_at
from chalicelib.notify.ports import REGISTRY, Taken

SHARDS = 4
LATE_US = 60 * 1_000_000
"""A row older than this when it is written gets the time of writing in its key: a process that Lambda froze must not put rows
into an hour that was counted."""
_PUTS = 25
_ATTEMPTS = 3
_TIMEOUT_S = 2.0
_MAX_CHARACTERS = 255
_US = 1_000_000
_COUNT = "audit_count"
Raw = dict[str, Any]


class DynamoAuditWriter:
    """`notify.ports.RowWriter`, for one process. Times in keys are strictly increasing, so no row replaces another."""

    def __init__(self, settings: Settings, clock_us: Callable[[], int]) -> None:
        self._wire = Wire(DYNAMODB, settings, settings.dynamodb_endpoint_url, timeout_s=_TIMEOUT_S, attempts=_ATTEMPTS)
        self._table, self._clock_us = settings.table, clock_us
        self._process, self._shard = secrets.token_hex(4), random.randrange(SHARDS)  # noqa: S311
        self._last_us = 0
        self._numbers: Counter[tuple[str, str]] = Counter()

    def write(self, taken: Sequence[Taken], *, keep_days: int) -> Sequence[Taken]:
        """Write rows; see the port."""
        self._forget_old_hours()
        unwritten: list[Taken] = []
        for start in range(0, len(taken), _PUTS // 3):  # a row, its copy, and at worst one more number
            some = taken[start : start + _PUTS // 3]
            if not self._write(some, keep_days):
                unwritten += some
        return unwritten

    def _write(self, taken: Sequence[Taken], keep_days: int) -> bool:
        """Write some rows with the numbers that hold once they are written; False when not all could be."""
        puts, added = [], Counter[tuple[str, str]]()
        for event, at_us in taken:
            key_us = self._next_us(at_us)
            hour, row = hour_of(key_us // _US), _row(event)
            row["sk"] = _s(keys.audit_row(key_us, self._process))
            row["ttl"] = _n(_ends_at(hour, keep_days))
            if key_us - at_us > LATE_US // 2:
                row["at_us"] = _n(at_us)
            for log in (REGISTRY, str(event.project_id))[: 2 if event.project_id else 1]:
                puts.append({**row, "pk": _s(keys.audit_rows(log, self._shard))})
                added[log, hour] += 1
        numbers = self._numbers + added
        puts += [self._count(log, hour, numbers[log, hour], keep_days) for log, hour in added]
        if not self._put(puts):
            return False
        self._numbers = numbers
        return True

    def _count(self, log: str, hour: str, number: int, keep_days: int) -> Raw:
        return {
            "pk": _s(keys.audit_counts(log)),
            "sk": _s(keys.audit_count(hour, self._process)),
            "kind": _s(_COUNT),
            "number": _n(number),
            "ttl": _n(_ends_at(hour, keep_days)),
        }

    def _put(self, items: Sequence[Raw]) -> bool:
        """One BatchWriteItem, repeated for what DynamoDB left out. Numbers may be left out: the next ones make them good."""
        pending: Any = [{"PutRequest": {"Item": item}} for item in items]
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._wire.call("BatchWriteItem", {"RequestItems": {self._table: pending}})
            except (RegistryError, CallFailed):
                return False
            pending = answer.get("UnprocessedItems", {}).get(self._table)
            if not pending:
                return True
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311
        return all(put["PutRequest"]["Item"]["kind"]["S"] == _COUNT for put in pending)

    def _next_us(self, at_us: int) -> int:
        now_us = self._clock_us()
        self._last_us = max(self._last_us + 1, now_us if now_us - at_us > LATE_US else at_us)
        return self._last_us

    def _forget_old_hours(self) -> None:
        this = hour_of(self._clock_us() // _US)
        if any(hour < this for _, hour in self._numbers):
            before = hour_of(self._clock_us() // _US - 3600)
            self._numbers = Counter({key: number for key, number in self._numbers.items() if key[1] >= before})


def _row(event: Event) -> Raw:
    """Render by hand: PynamoDB takes longer for it than all the rest of the row."""
    return {
        "kind": _s("audit"),
        "operation": _s(event.operation),
        "resource_type": _s(event.resource_type),
        "resource": _s(clean(event.resource)),
        "operator": _s(clean(event.operator)),
        "description": _s(clean(event.description)),
        "is_success": {"BOOL": event.is_success},
        "client_ip": _s(clean(event.client_ip)),
        "project_id": _n(event.project_id),
    }


def clean(text: str) -> str:
    """Cut a text to what a row holds, without characters that end lines or that no JSON can say."""
    printable = "".join(c if c.isprintable() else "?" for c in text[: _MAX_CHARACTERS + 1])
    return printable if len(printable) <= _MAX_CHARACTERS else printable[: _MAX_CHARACTERS - 3] + "..."


def _ends_at(hour: str, keep_days: int) -> int:
    """When the rows of an hour may go: all at the same time, so that the hour's number is right as long as it counts."""
    return hour_starts_at(hour) + 3600 + keep_days * 86400


def _s(text: str) -> Mapping[str, str]:
    return {"S": text}


def _n(number: int) -> Mapping[str, str]:
    return {"N": str(number)}
