"""A page of users or groups costs the same calls of ten and of ten thousand. On DynamoDB Local."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.aws import keys
from chalicelib.aws.groups import DynamoGroups
from chalicelib.aws.tables import RowItem, TotalItem
from chalicelib.aws.users import DynamoUsers
from tests.scale.tables import CountingTable, fill

pytestmark = pytest.mark.slow
MANY = 10_000
USER = {"id": 7, "email": "somebody@example.com", "realname": "Some Body", "admin": False}
GROUP = {"name": "developers", "type": 3}


def fill_list(table: CountingTable, name: str, fields: dict[str, object], row_keys: list[str]) -> None:
    fill(table, RowItem(keys.rows(name), fields=fields), row_keys)
    fill(table, TotalItem(keys.total(name), number=len(row_keys)), [keys.shard(0)])


def calls(table: CountingTable, read: Callable[[int], int]) -> dict[int, int]:
    """Calls by offset: the first page, one in the middle, the last."""
    found = {}
    for offset in (0, MANY // 2, MANY - 10):
        table.calls = 0
        if read(offset):
            found[offset] = table.calls
    return found


def test_a_page_of_users_costs_three_calls_wherever_it_is(dynamodb_local: CountingTable) -> None:
    store = DynamoUsers(dynamodb_local)

    def read(offset: int) -> int:
        rows, total = store.page(offset, 10, False)
        store.many([row.name for row in rows])
        return len(rows) if total > offset else 0

    for count in (10, MANY):
        fill_list(dynamodb_local, "users", USER, [f"user{number:06}" for number in range(count)])
        assert calls(dynamodb_local, read) == dict.fromkeys((0, MANY // 2, MANY - 10) if count == MANY else (0,), 3)


def test_a_page_of_groups_costs_two_calls_wherever_it_is(dynamodb_local: CountingTable) -> None:
    store = DynamoGroups(dynamodb_local)
    for count in (10, MANY):
        fill_list(dynamodb_local, "usergroups", GROUP, [f"{number:012}" for number in range(1, count + 1)])
        found = calls(dynamodb_local, lambda offset: len(store.page(offset, 10, True)[0]))
        assert found == dict.fromkeys((0, MANY // 2, MANY - 10) if count == MANY else (0,), 2)
