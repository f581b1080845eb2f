"""Totals of lists: exact under parallel changes, one call to read."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws import counters, keys
from chalicelib.aws.registry_tables import CatalogItem
from chalicelib.aws.table import ConditionFailed, Table


@pytest.fixture
def list_name() -> str:
    return f"things#{uuid.uuid4().hex}"


def add(table: Table, list_name: str, member: str) -> None:
    item = CatalogItem(f"members#{list_name}", member, project_id=1)
    table.write([table.put(item, is_new=True), counters.action(table, list_name, member, 1)])


def test_a_list_nobody_counted_has_no_members(table: Table, list_name: str) -> None:
    assert counters.read(table, list_name) == 0


def test_a_member_counts_once_however_often_it_is_added(table: Table, list_name: str) -> None:
    add(table, list_name, "a")
    with pytest.raises(ConditionFailed):
        add(table, list_name, "a")
    add(table, list_name, "b")
    assert counters.read(table, list_name) == 2


def test_members_that_come_and_go_side_by_side_leave_an_exact_total(table: Table, list_name: str) -> None:
    members = [f"member {number}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda member: add(table, list_name, member), members))
        assert counters.read(table, list_name) == 60

        def remove(member: str) -> None:
            gone = table.delete(f"members#{list_name}", member, condition="attribute_exists(pk)")
            table.write([gone, counters.action(table, list_name, member, -1)])

        list(pool.map(remove, members[:25]))
    assert counters.read(table, list_name) == 35


def test_many_members_change_in_one_transaction(table: Table, list_name: str) -> None:
    members = [f"member {number}" for number in range(400)]
    actions = counters.actions(table, list_name, members, 1)
    assert len(actions) == counters.SHARDS
    table.write(actions)
    table.write(counters.actions(table, list_name, members[:150], -1))
    assert counters.read(table, list_name) == 250


def test_reading_a_total_is_one_call(table: Table, list_name: str, calls: Callable[[], dict[str, int]]) -> None:
    table.write(counters.actions(table, list_name, map(str, range(100)), 1))
    calls()
    assert counters.read(table, list_name) == 100
    assert calls() == {"DynamoDB.Query": 1}


def test_no_shard_gets_much_more_than_its_share() -> None:
    shares = Counter(counters.shard_of(f"team/app{number}") for number in range(16_000))
    assert len(shares) == counters.SHARDS
    assert max(shares.values()) < 1_300


def test_the_shard_of_a_member_never_changes() -> None:
    assert [counters.shard_of(member) for member in ("", "team/app", "é")] == [0, 7, 14]
    assert keys.shard(3) == "03"
