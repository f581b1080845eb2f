"""Reading the audit log from DynamoDB, and counting its hours once they are over."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

from chalicelib.aws import keys, spans
from chalicelib.aws.audit import SHARDS
from chalicelib.aws.table import Table
from chalicelib.aws.tables import AuditCountItem, AuditMarksItem
from chalicelib.events import Event
from chalicelib.notify.log_ports import Entry, Hour, Marks

_EPOCH_US = 1_704_067_200 * 1_000_000
"""2024: what ids count from, so that they stay below 2**53 until 2041, and JSON's readers in JavaScript can tell them apart."""


class DynamoAuditLog:
    """`notify.log_ports.AuditStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def hours(self, logs: Sequence[str]) -> Sequence[Hour]:
        """See the port. Where an hour was counted, what its processes counted does not matter any more."""
        hours: dict[str, Hour] = {}
        for log in logs:
            for hour in merged(cast("list[AuditCountItem]", self._table.query(keys.audit_counts(log), ""))):
                known = hours.get(hour.hour, Hour(hour.hour, 0, hour.ends_at))
                ends_at = min(known.ends_at, hour.ends_at)
                hours[hour.hour] = Hour(hour.hour, known.rows + hour.rows, ends_at)
        return [hours[name] for name in sorted(hours)]

    def marks(self, log: str, hour: str) -> Marks | None:
        """See the port."""
        item = self._table.get(keys.audit_marks(log), hour)
        return Marks(int(item.step), item.keys) if isinstance(item, AuditMarksItem) else None

    def rows(
        self, logs: Sequence[str], first: str, last: str, *, is_newest_first: bool, wanted: int | None = None
    ) -> Iterator[Entry]:
        """See the port."""
        parts = [
            self._part(keys.audit_rows(log, shard), first, last, is_newest_first, wanted)
            for log in logs
            for shard in range(SHARDS)
        ]
        return heapq.merge(*parts, key=lambda entry: entry.key, reverse=is_newest_first)

    def _part(self, pk: str, first: str, last: str, is_newest_first: bool, wanted: int | None) -> Iterator[Entry]:
        pages = spans.between(self._table, pk, first, last, limit=wanted, forward=not is_newest_first)
        return map(to_entry, chain.from_iterable(pages))


def merged(items: Iterable[AuditCountItem]) -> list[Hour]:
    """Add up what the processes of each hour counted, in the order of sort keys: the count of a whole hour comes first."""
    hours: dict[str, Hour] = {}
    counted = set()
    for item in items:
        name, mark, _ = item.sk.partition("#")
        if not mark:
            counted.add(name)
        elif name in counted:
            continue
        known = hours.get(name, Hour(name, 0, int(item.ttl)))
        hours[name] = Hour(name, known.rows + int(item.number), min(known.ends_at, int(item.ttl)))
    return list(hours.values())


def to_entry(raw: dict[str, Any]) -> Entry:
    """Read a row by hand: a search reads thousands of them, and PynamoDB takes a tenth of a millisecond for each."""
    key = raw["sk"]["S"]
    key_us = int(key[:20])
    return Entry(
        key,
        max(key_us - _EPOCH_US, 0) * 16 + int(key[-1], 16),
        int(raw["at_us"]["N"]) if "at_us" in raw else key_us,
        Event(
            raw["operation"]["S"],
            raw["resource_type"]["S"],
            raw["resource"]["S"],
            raw["operator"]["S"],
            raw["description"]["S"],
            raw["is_success"]["BOOL"],
            raw["client_ip"]["S"],
            int(raw["project_id"]["N"]),
        ),
        int(raw["pk"]["S"][-1]),
    )
