"""Rows of the audit log in DynamoDB: what is written, how it is counted, and what a bad store leaves behind."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws import keys
from chalicelib.aws.audit import SHARDS, DynamoAuditWriter
from chalicelib.aws.table import Table
from chalicelib.aws.tables import AuditCountItem, AuditItem
from chalicelib.config import Settings
from chalicelib.events import Artifact, Event, Who, pulled
from chalicelib.notify.ports import Taken
from tests.aws.test_wire import server
from tests.conftest import free_port

__all__ = ["server"]

START_US = 1_799_998_200_000_000  # 2027-01-15 07:30
US = 1_000_000


class Clock:
    def __init__(self, at_us: int = START_US) -> None:
        self.at_us = at_us

    def __call__(self) -> int:
        return self.at_us


@pytest.fixture
def project_id() -> int:
    return uuid.uuid4().int % 10**12


def pull(project_id: int, **more: Any) -> Event:
    return pulled(Artifact("team/app", "sha256:" + "a" * 64, "v1"), Who("ann", "192.0.2.1", project_id))._replace(
        **more
    )


def rows(table: Table, log: str) -> list[AuditItem]:
    found = [item for shard in range(SHARDS) for item in table.query(keys.audit_rows(log, shard), "")]
    return sorted((item for item in found if isinstance(item, AuditItem)), key=lambda item: item.sk)


def counts(table: Table, log: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in table.query(keys.audit_counts(log), ""):
        assert isinstance(item, AuditCountItem)
        hour = item.sk.partition("#")[0]
        found[hour] = found.get(hour, 0) + int(item.number)
    return found


def test_a_row_is_in_the_registrys_log_and_in_its_projects(settings: Settings, table: Table, project_id: int) -> None:
    writer = DynamoAuditWriter(settings, Clock())
    assert writer.write([Taken(pull(project_id), START_US)], keep_days=30) == []
    (row,) = rows(table, str(project_id))
    assert (row.operation, row.resource_type, row.resource) == ("pull", "artifact", "team/app:v1")
    assert (row.operator, row.client_ip, row.project_id, row.is_success) == ("ann", "192.0.2.1", project_id, True)
    assert row.description == "pull artifact: team/app@sha256:" + "a" * 64
    assert row.at_us is None
    assert row.ttl == 1_799_996_400 + 3600 + 30 * 86400, "thirty days after the end of the hour"
    assert row.sk in {copy.sk for copy in rows(table, "*")}
    assert len(json.dumps(row.serialize())) < 1024


def test_every_row_is_counted_once_in_its_hour(settings: Settings, table: Table, project_id: int) -> None:
    clock = Clock()
    writers = [DynamoAuditWriter(settings, clock) for _ in range(3)]
    for minute in range(0, 90, 10):
        clock.at_us = START_US + minute * 60 * US
        for writer in writers:
            taken = [Taken(pull(project_id), clock.at_us + number) for number in range(9)]
            assert writer.write(taken, keep_days=30) == []
    assert len(rows(table, str(project_id))) == 243
    assert counts(table, str(project_id)) == {"2027011507": 81, "2027011508": 162}


def test_rows_of_one_moment_do_not_replace_each_other(settings: Settings, table: Table, project_id: int) -> None:
    writer = DynamoAuditWriter(settings, Clock())
    writer.write([Taken(pull(project_id), START_US)] * 5, keep_days=30)
    assert len({row.sk for row in rows(table, str(project_id))}) == 5


def test_a_row_that_waited_in_a_frozen_process_is_put_where_rows_are_written_now(
    settings: Settings, table: Table, project_id: int
) -> None:
    writer = DynamoAuditWriter(settings, Clock(START_US + 3600 * US))
    writer.write([Taken(pull(project_id), START_US)], keep_days=30)
    (row,) = rows(table, str(project_id))
    assert (row.at_us, int(row.sk[:20])) == (START_US, START_US + 3600 * US)
    assert counts(table, str(project_id)) == {"2027011508": 1}


def test_texts_are_cut_and_hold_no_line_ends(settings: Settings, table: Table, project_id: int) -> None:
    event = pull(project_id, resource="r" * 5000, operator="a\nb\x00c\ud800", description="\u202e" + "d" * 300)
    assert DynamoAuditWriter(settings, Clock()).write([Taken(event, START_US)], keep_days=30) == []
    (row,) = rows(table, str(project_id))
    assert (len(row.resource), row.operator, len(row.description)) == (255, "a?b?c?", 255)


def test_what_a_dead_store_did_not_take_is_returned(settings: Settings, project_id: int) -> None:
    dead = replace(settings, dynamodb_endpoint_url=f"http://127.0.0.1:{free_port()}")
    taken = [Taken(pull(project_id), START_US + number) for number in range(20)]
    assert DynamoAuditWriter(dead, Clock()).write(taken, keep_days=30) == taken


def left_out(kind: str, times: int) -> list[tuple[int, dict[str, Any]]]:
    """Answers of a DynamoDB that leaves an item out, so many times."""
    return [(200, {"UnprocessedItems": {"moorage": [{"PutRequest": {"Item": {"kind": {"S": kind}}}}]}})] * times


@pytest.mark.parametrize(
    ("script", "is_written", "calls"),
    [
        ([(200, {})], True, 1),
        ([*left_out("audit", 2), (200, {})], True, 3),
        (left_out("audit", 3), False, 3),
        (left_out("audit_count", 3), True, 3),
        ([(400, {"__type": "x#ThrottlingException"}), (200, {})], True, 2),
        ([None, (200, {})], True, 2),
        ([(400, {"__type": "x#ResourceNotFoundException"})], False, 1),
        ([(500, {})] * 3, False, 3),
    ],
)
def test_throttled_rows_are_tried_again_and_throttled_numbers_cost_nothing(
    server: Any, script: list[Any], is_written: bool, calls: int
) -> None:
    server.script = list(script)
    own = Settings(access_key="test", secret_key="test", dynamodb_endpoint_url=server.url)
    taken = [Taken(pull(7), START_US)]
    assert DynamoAuditWriter(own, Clock()).write(taken, keep_days=30) == ([] if is_written else taken)
    assert len(server.seen) == calls


def test_a_number_that_was_not_written_is_made_good_by_the_next(server: Any) -> None:
    own = Settings(access_key="test", secret_key="test", dynamodb_endpoint_url=server.url)
    writer, numbers = DynamoAuditWriter(own, Clock()), []
    for script in ([(200, {})], left_out("audit_count", 3), [(200, {})], [(500, {})] * 3, [(200, {})]):
        server.script = list(script)
        writer.write([Taken(pull(7), START_US)], keep_days=30)
        puts = json.loads(server.seen[-len(script)][1])["RequestItems"]["moorage"]
        items = [put["PutRequest"]["Item"] for put in puts]
        numbers.append({item["number"]["N"] for item in items if item["kind"]["S"] == "audit_count"})
    assert numbers == [{"1"}, {"2"}, {"3"}, {"4"}, {"4"}]
