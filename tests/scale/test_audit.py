"""A page of the audit log costs the same of ten rows and of ten thousand, in one hour or in many. On DynamoDB Local."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.audit import SHARDS, DynamoAuditWriter
from chalicelib.aws.audit_keeper import DynamoAuditKeeper
from chalicelib.aws.audit_log import DynamoAuditLog
from chalicelib.events import Event
from chalicelib.notify.hours import hour_of
from chalicelib.notify.ports import Taken
from chalicelib.notify.trail import Trail
from tests.scale.tables import CountingTable

pytestmark = pytest.mark.slow

START = 1_799_996_400  # the beginning of an hour
US = 1_000_000
NOW = START + 100 * 3600
DESCRIPTION = "pull artifact: team/some/application@sha256:" + "a" * 64


def fill(table: CountingTable, rows: int, *, hours: int = 1) -> str:
    """A log of so many rows, spread evenly over so many hours, written by as many processes as there are shards."""
    project = uuid.uuid4().int % 10**12
    event = Event("pull", "artifact", "team/some/application:v1", "robot$team+ci", DESCRIPTION, True, "192.0.2.1", project)
    step_us = hours * 3600 * US // rows

    def write(part: int) -> None:
        at_us = START * US
        writer = DynamoAuditWriter(table.settings, lambda: at_us)
        for number in range(part, rows, SHARDS):
            at_us = START * US + number * step_us
            writer.write([Taken(event, at_us)], keep_days=90)

    with ThreadPoolExecutor(SHARDS) as pool:
        list(pool.map(write, range(SHARDS)))
    return str(project)


def cost(table: CountingTable, log: str, offset: int, *, is_newest_first: bool = True) -> tuple[int, int]:
    """Calls of a page, and the total it says."""
    table.calls = 0
    trail = Trail(DynamoAuditLog(table))
    entries, total = trail.page([log], offset, 10, is_newest_first=is_newest_first, keep_days=90, now=NOW)
    assert len(entries) == 10
    return table.calls, total


def test_a_page_costs_the_same_of_ten_and_of_ten_thousand_rows(dynamodb_local: CountingTable) -> None:
    small, large, spread = (fill(dynamodb_local, 10), fill(dynamodb_local, 10_000), fill(dynamodb_local, 10_000, hours=80))
    keeper = DynamoAuditKeeper(dynamodb_local)
    assert cost(dynamodb_local, small, 0) == (1 + SHARDS, 10)
    assert cost(dynamodb_local, spread, 0) == (1 + SHARDS, 10_000)
    assert cost(dynamodb_local, spread, 4_995) == (1 + SHARDS, 10_000)
    assert cost(dynamodb_local, large, 0) == (1 + SHARDS, 10_000)
    calls, total = cost(dynamodb_local, large, 4_995)
    assert (calls <= 1 + 1 + 2 * SHARDS, total) == (True, 10_000), "before the hour is counted rows before the page cost"
    keeper._count(large, hour_of(START))
    for offset in (0, 10, 4_995, 9_990):
        for is_newest_first in (True, False):
            calls, total = cost(dynamodb_local, large, offset, is_newest_first=is_newest_first)
            assert (calls, total) == (1 + (offset > 250) + SHARDS, 10_000), "one more for the marks of a busy hour"
