"""Hours of the audit log, once they are over: counted by their rows, marked, and right again after any crash of a purge."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws import keys, provision
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.aws.audit_keeper import DynamoAuditKeeper
from chalicelib.aws.audit_log import DynamoAuditLog
from chalicelib.aws.purges import DynamoPurges
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.events import Event
from chalicelib.notify.hours import hour_of
from chalicelib.notify.ports import Taken
from chalicelib.notify.purge import MANUAL, Purge
from chalicelib.notify.trail import FEW_ROWS, Trail

START = 1_799_996_400  # the beginning of an hour
US = 1_000_000
HOUR = hour_of(START)
LATER = START + 3 * 3600
PULL = Event("pull", "artifact", "team/app:v1", "ann", project_id=7)
PUSH = Event("create", "artifact", "team/app:v1", "ann", project_id=8)
LOGIN = Event("login", "user", "ann", "ann")


class Crash(Exception):
    """The process dies."""


class Dying(Table):
    """A table whose process dies after so many calls."""

    left = 1 << 30

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if self.left <= 0:
            raise Crash
        self.left -= 1
        return super()._call(operation, request)


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """A table with nothing else in it."""
    made = replace(settings, table=f"audit-{uuid.uuid4().hex[:8]}")
    provision.create_table(made)
    yield made


def write(settings: Settings, *events: Event, at: int = START) -> None:
    taken = [Taken(event, at * US + number) for number, event in enumerate(events)]
    assert DynamoAuditWriter(settings, lambda: at * US).write(taken, keep_days=90) == []


def counted(table: Table) -> dict[str, int]:
    """Rows of each log by what is counted, which is what a page says, and by what is there."""
    trail, found = Trail(DynamoAuditLog(table)), {}
    for log in ("*", "7", "8"):
        entries, total = trail.page([log], 0, 10_000, is_newest_first=True, keep_days=90, now=LATER)
        assert len(entries) == total, log
        found[log] = total
    return found


def test_an_hour_that_is_over_is_counted_in_every_log(own: Settings) -> None:
    table = Table(own)
    keeper = DynamoAuditKeeper(table)
    for _ in range(3):
        write(own, PULL, PUSH, LOGIN, PULL)
    write(own, PULL, at=START + 3600)
    before = counted(table)
    assert keeper.uncounted(before=hour_of(LATER)) == [HOUR, hour_of(START + 3600)]
    assert keeper.uncounted(before=HOUR) == []
    keeper.count(HOUR)
    assert counted(table) == before == {"*": 13, "7": 7, "8": 3}
    assert keeper.uncounted(before=hour_of(LATER)) == [hour_of(START + 3600)]
    for log in ("*", "7", "8"):
        assert [item.sk for item in table.query(keys.audit_counts(log), HOUR)] == [HOUR]
    keeper.count(HOUR)
    assert counted(table) == before


def test_counting_makes_good_what_a_process_did_not_count(own: Settings) -> None:
    table = Table(own)
    write(own, PULL, PULL, PULL)
    item = table.query(keys.audit_counts("7"), "")[0]
    table.write([table.update(item.pk, item.sk, "SET #number = :n", {":n": 1})])
    DynamoAuditKeeper(table).count(HOUR)
    assert counted(table) == {"*": 3, "7": 3, "8": 0}


def test_a_counting_that_dies_anywhere_is_finished_by_the_next(own: Settings) -> None:
    table = Table(own)
    for calls in range(24):
        at = START + calls * 3600
        write(own, PULL, PUSH, LOGIN, at=at)
        dying = Dying(own)
        dying.left = calls
        try:
            DynamoAuditKeeper(dying).count(hour_of(at))
        except Crash:
            trail = Trail(DynamoAuditLog(table))
            totals = [trail.page([log], 0, 0, is_newest_first=True, keep_days=90, now=at)[1] for log in ("*", "7", "8")]
            assert totals == [3 * calls + 3, calls + 1, calls + 1]
        for hour in DynamoAuditKeeper(table).uncounted(before=hour_of(at + 3600)):
            DynamoAuditKeeper(table).count(hour)
    assert DynamoAuditKeeper(table).uncounted(before="9") == []


def test_a_busy_hour_has_marks_and_pages_from_them(own: Settings) -> None:
    table = Table(own)
    many = 3 * FEW_ROWS + 17
    for _ in range(2):
        write(own, *(PULL._replace(resource=f"v{number}") for number in range(many // 2)))
    log = DynamoAuditLog(table)
    total = many // 2 * 2
    every = list(log.rows(["7"], "0", "9", is_newest_first=True))
    assert len(every) == total
    assert log.marks("7", HOUR) is None
    DynamoAuditKeeper(table).count(HOUR)
    marks = log.marks("7", HOUR)
    assert marks is not None
    assert list(marks.keys) == [entry.key for entry in every[::-1][:: marks.step]]
    for is_newest_first, wanted in ((True, every), (False, every[::-1])):
        for offset in (0, 5, FEW_ROWS - 1, FEW_ROWS, 2 * FEW_ROWS + 1, total - 3, total):
            page, number = Trail(log).page(["7"], offset, 10, is_newest_first=is_newest_first, keep_days=90, now=LATER)
            assert (list(page), number) == (wanted[offset : offset + 10], total)


@pytest.mark.parametrize("calls", range(0, 60, 3))
def test_a_purge_that_dies_anywhere_leaves_totals_that_become_right(own: Settings, calls: int) -> None:
    table, dying = Table(own), Dying(own)
    for hour in range(2):
        write(own, *(PULL, PUSH, LOGIN, PULL), at=START + hour * 3600)
    purge = Purge(DynamoPurges(dying), DynamoAuditLog(dying), DynamoAuditKeeper(dying))
    dying.left = calls
    parameters = {"audit_retention_hour": 1, "include_event_types": "pull_artifact"}
    try:
        purge.start(parameters, trigger=MANUAL, budget_s=60, now=LATER)
    except Crash:
        pass
    dying.left = 1 << 30
    purge.take_turn(now=LATER)
    if any(execution.status == "Success" for execution in purge.executions()):
        assert counted(table) == {"*": 4, "7": 0, "8": 2}
    else:
        assert counted(table) == {"*": 8, "7": 4, "8": 2}
    assert table.query(keys.AUDIT_WORK, "") == []
    assert purge.take_turn(now=LATER) == 0


def test_a_purge_without_time_goes_on_in_the_next_turn_and_can_be_stopped(own: Settings) -> None:
    table = Table(own)
    for hour in range(3):
        write(own, PULL, at=START + hour * 3600)
    purge = Purge(DynamoPurges(table), DynamoAuditLog(table), DynamoAuditKeeper(table))
    parameters = {"audit_retention_hour": 1, "include_event_types": "pull_artifact"}
    now = START + 9 * 3600
    first = purge.start(parameters, trigger=MANUAL, budget_s=-1, now=now)
    assert (first.status, first.rows, first.position) == ("Running", 1, HOUR)
    second = purge.start(parameters, trigger=MANUAL, budget_s=-1, now=now)
    purge.stop(second.execution_id, now=now)
    assert purge.execution(second.execution_id).status == "Stopped"
    purge.take_turn(now=now)
    assert purge.execution(first.execution_id).status == "Success"
    assert purge.execution(second.execution_id).status == "Stopped"
    assert counted(table)["7"] == 0
