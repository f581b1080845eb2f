"""A table that counts what is asked of it, and many items for it at once."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from chalicelib.aws.table import Table
from chalicelib.aws.tables import Item
from chalicelib.aws.wire import DYNAMODB, Wire
from chalicelib.config import Settings


class CountingTable(Table):
    """Counts the calls that leave the process."""

    calls = 0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.settings, self._counting = settings, Lock()

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        with self._counting:
            self.calls += 1
        return super()._call(operation, request)


def _on_the_wire(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": b64encode(value["B"]).decode()} if "B" in value else value


def fill(table: CountingTable, like: Item, sort_keys: list[str]) -> None:
    """Write items that differ in their sort key only, 25 a call: what BatchWriteItem takes."""
    template = {name: _on_the_wire(value) for name, value in like.serialize().items()}
    wire = Wire(DYNAMODB, table.settings, table.settings.dynamodb_endpoint_url)

    def write(start: int) -> None:
        some = sort_keys[start : start + 25]
        puts = [{"PutRequest": {"Item": {**template, "sk": {"S": sk}}}} for sk in some]
        assert not wire.call("BatchWriteItem", {"RequestItems": {table.name: puts}})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, len(sort_keys), 25)))
