"""Lists in DynamoDB: lean rows in one order and sharded counts, so that any page and its total cost the same few calls.

A row is written in the transaction that makes what it stands for. Rows stay below 200 bytes, so that reading a whole list to
filter or sort it is one call per 5,000 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from chalicelib.aws import counters, keys
from chalicelib.aws.table import Action, Table
from chalicelib.aws.tables import RowItem


class Row(NamedTuple):
    """One entry: its place in the list's order, and what it can be filtered and sorted by."""

    key: str
    fields: Mapping[str, Any]


class Listing:
    """One list. The name is part of keys: `projects`, `users`, `robots#7`, ..."""

    def __init__(self, table: Table, name: str) -> None:
        self._table, self._name, self._pk = table, name, keys.rows(name)

    def add(self, key: str, fields: Mapping[str, Any]) -> list[Action]:
        """Actions: enter something new."""
        row = RowItem(self._pk, key, fields=dict(fields))
        return [self._table.put(row, is_new=True), counters.action(self._table, self._name, key, 1)]

    def change(self, key: str, fields: Mapping[str, Any]) -> Action:
        """Action: replace what an entry can be filtered by."""
        return self._table.put(RowItem(self._pk, key, fields=dict(fields)), condition="attribute_exists(pk)")

    def remove(self, key: str) -> list[Action]:
        """Actions: take an entry out, on the condition that it is there: the count stays right when two do it."""
        gone = self._table.delete(self._pk, key, condition="attribute_exists(pk)")
        return [gone, counters.action(self._table, self._name, key, -1)]

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[list[Row], int]:
        """Read a page and the total: one Query of counters, one of rows from the nearer end (one more per MB skipped)."""
        total = self.total()
        limit = min(limit, total - offset)
        if limit <= 0:
            return [], total
        after = total - offset - limit
        if after < offset:  # the far end is nearer
            rows = self._rows(after + limit, forward=is_descending)[after:]
            return rows[::-1], total
        return self._rows(offset + limit, forward=not is_descending)[offset:], total

    def first(self, limit: int, is_descending: bool = False) -> list[Row]:
        """Read the first entries, or the last. One Query per MB."""
        return self._rows(limit, forward=not is_descending) if limit > 0 else []

    def some(self, wanted: Iterable[str]) -> list[Row]:
        """Read the entries that are there of these, in the list's order. One BatchGetItem per hundred."""
        found = self._table.batch((self._pk, key) for key in wanted)
        return sorted(Row(item.sk, cast("RowItem", item).fields) for item in found.values())

    def total(self) -> int:
        """Count the entries. One Query."""
        return counters.read(self._table, self._name)

    def rows(self) -> list[Row]:
        """Read all entries. One Query per MB."""
        return self._rows(None, forward=True)

    def _rows(self, limit: int | None, *, forward: bool) -> list[Row]:
        items = self._table.query(self._pk, "", limit=limit, forward=forward)
        return [Row(item.sk, item.fields) for item in cast("Sequence[RowItem]", items)]
