"""Keeping the audit log in DynamoDB in order: hours that are over are counted once more, by their rows, and rows are purged.

What the processes of an hour counted becomes one item, so that reading the numbers of a log is one Query whatever the number of
processes; and it becomes right where a process died between its rows and its number. The count comes first and makes the others
void, so that whoever reads meanwhile counts no row twice.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast

from chalicelib.aws import keys, spans
from chalicelib.aws.audit import SHARDS
from chalicelib.aws.audit_log import merged
from chalicelib.aws.table import Table
from chalicelib.aws.tables import AuditCountItem, AuditMarksItem, AuditWorkItem
from chalicelib.notify.hours import first_key, last_key
from chalicelib.notify.log_ports import Entry
from chalicelib.notify.ports import REGISTRY
from chalicelib.notify.trail import FEW_ROWS

_MARKS = 2000
"""So many marks an hour has at most, 60 KB."""


class DynamoAuditKeeper:
    """`notify.log_ports.AuditKeeper`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def uncounted(self, *, before: str) -> Sequence[str]:
        """See the port."""
        items = self._table.query(keys.audit_counts(REGISTRY), "")
        return sorted({item.sk.partition("#")[0] for item in items if "#" in item.sk and item.sk < before})

    def count(self, hour: str) -> None:
        """See the port. The registry's log is the last: until then the hour is not counted, and a process that dies leaves it."""
        projects = Counter(row["project_id"]["N"] for row in self._rows(REGISTRY, hour, ("sk", "project_id")))
        for project in sorted(projects):
            if project != "0":
                self._count(project, hour)
        self._count(REGISTRY, hour)

    def mark_work(self, hour: str, logs: Iterable[str]) -> None:
        """See the port."""
        items = (AuditWorkItem(keys.AUDIT_WORK, keys.audit_work(hour, log)) for log in logs)
        spans.write(self._table, [spans.put(item.serialize()) for item in items])

    def finish_work(self) -> None:
        """See the port."""
        for item in self._table.query(keys.AUDIT_WORK, ""):
            hour, _, log = item.sk.partition("#")
            self._count(log, hour)
            spans.write(self._table, [spans.delete(keys.AUDIT_WORK, item.sk)])

    def delete(self, entries: Sequence[Entry]) -> None:
        """See the port. A row and its copy have the same sort key, in the same shard of their logs."""
        keys_ = [(keys.audit_rows(log, entry.shard), entry.key) for entry in entries for log in logs_of(entry)]
        spans.write(self._table, [spans.delete(pk, sk) for pk, sk in keys_])

    def _count(self, log: str, hour: str) -> None:
        """Count the rows of one log's hour; one without rows has no number any more."""
        counts = cast("list[AuditCountItem]", self._table.query(keys.audit_counts(log), hour))
        expected = sum(known.rows for known in merged(counts))
        step, number, marked = max(FEW_ROWS, expected // _MARKS), 0, []
        for number, row in enumerate(self._rows(log, hour, ("sk",)), 1):
            if (number - 1) % step == 0:
                marked.append(row["sk"]["S"])
        ends_at = min((int(item.ttl) for item in counts), default=0)
        if number and ends_at:
            count = AuditCountItem(keys.audit_counts(log), hour, number=number, ttl=ends_at)
            marks = AuditMarksItem(keys.audit_marks(log), hour, step=step, keys=marked, ttl=ends_at)
            if number > FEW_ROWS:
                spans.write(self._table, [spans.put(marks.serialize())])
            spans.write(self._table, [spans.put(count.serialize())])
        stale = [item.sk for item in counts if "#" in item.sk or not number]
        spans.write(self._table, [spans.delete(keys.audit_counts(log), sk) for sk in stale])

    def _rows(self, log: str, hour: str, fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        first, last = first_key(hour), last_key(hour)
        parts = (
            chain.from_iterable(spans.between(self._table, keys.audit_rows(log, shard), first, last, fields=fields))
            for shard in range(SHARDS)
        )
        return heapq.merge(*parts, key=lambda row: row["sk"]["S"])


def logs_of(entry: Entry) -> tuple[str, ...]:
    """The logs a row is in."""
    return (REGISTRY, str(entry.event.project_id)) if entry.event.project_id else (REGISTRY,)
