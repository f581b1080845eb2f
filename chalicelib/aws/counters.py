"""Totals of lists that are paged: exact, one Query to read, no hot item to write.

A total changes in the transaction that adds or removes the member, so it is never wrong, and is spread over shards, so that
members of one list come and go side by side: two transactions conflict only when their members share a shard.
Source: DynamoDB developer guide, "Using write sharding to distribute workloads evenly" and "Transaction conflict handling".
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from chalicelib.aws import keys
from chalicelib.aws.table import Action, Key, Table
from chalicelib.aws.tables import Item, TotalItem

SHARDS = 16
OPEN = "attribute_not_exists(closed)"
"""The condition of who adds a member to a list that can be closed."""


class Total(NamedTuple):
    """How many members a list has, and when it changed last (Unix seconds; 0: nobody said)."""

    number: int = 0
    changed_at: int = 0


def shard_of(member: str) -> int:
    """The shard a member counts in, the same whenever it is asked: 0 to 15."""
    return zlib.crc32(member.encode()) % SHARDS


def action(table: Table, list_name: str, member: str, amount: int, *, condition: str = "") -> Action:
    """Action: count a member in (+1) or out (-1). Belongs in the transaction that writes or deletes the member, under the
    member's own condition; it has none itself, unless the list can be closed, and makes the shard's item when there is none.
    One action.

    `list_name` says which list: `projects`, `repositories#<project id>`. A transaction may touch an item only once: for several
    members of one list use `actions`."""
    return _add(table, list_name, shard_of(member), amount, condition)


def actions(table: Table, list_name: str, members: Iterable[str], amount: int) -> list[Action]:
    """Actions: count several members of one list in (+1) or out (-1), each shard once. At most 16 actions."""
    shards = Counter(shard_of(member) for member in members)
    return [_add(table, list_name, shard, amount * count) for shard, count in sorted(shards.items())]


def read(table: Table, list_name: str) -> int:
    """Read a list's total: how many members it has now, 0 for a list nobody counted. One Query of at most 16 small items."""
    return _sum(table.query(keys.total(list_name), "")).number


def read_many(table: Table, list_names: Sequence[str]) -> Mapping[str, Total]:
    """Read the totals of several lists: one BatchGetItem for six of them."""
    items = table.batch(key for name in list_names for key in keys_of(name))
    return {name: sum_of(name, items) for name in list_names}


def keys_of(list_name: str) -> list[Key]:
    """The items a total is in, to read them with others in one batch. 16 keys."""
    return [(keys.total(list_name), keys.shard(shard)) for shard in range(SHARDS)]


def sum_of(list_name: str, items: Mapping[Key, Item]) -> Total:
    """A list's total from a batch in which its items were read."""
    return _sum([items[key] for key in keys_of(list_name) if key in items])


def _sum(items: Sequence[Item]) -> Total:
    totals = cast("Sequence[TotalItem]", items)
    number = sum(int(item.number or 0) for item in totals)
    return Total(number, max((int(item.changed_at or 0) for item in totals), default=0))


def closing(table: Table, list_name: str, *, ends_at: int) -> list[Action]:
    """Actions: close an empty list. Their condition: it is empty. 16 actions. Who adds a member to a list that can be closed
    does so under the condition `OPEN`; after `ends_at` (Unix seconds) nobody may be left who would."""
    pk = keys.total(list_name)
    values: dict[str, Any] = {":kind": "total", ":one": 1, ":zero": 0, ":ends": ends_at}
    return [
        table.update(
            pk,
            keys.shard(shard),
            "SET #kind = :kind, closed = :one, #ttl = :ends ADD #number :zero",
            values,
            condition="attribute_not_exists(pk) OR #number = :zero",
        )
        for shard in range(SHARDS)
    ]


def is_closed(table: Table, list_name: str, member: str) -> bool:
    """Say whether a list was closed to a member. One GetItem."""
    item = table.get(keys.total(list_name), keys.shard(shard_of(member)))
    return isinstance(item, TotalItem) and item.closed is not None


def _add(table: Table, list_name: str, shard: int, amount: int, condition: str = "") -> Action:
    return table.update(
        keys.total(list_name),
        keys.shard(shard),
        "SET #kind = :kind ADD #number :amount",
        {":kind": "total", ":amount": amount},
        condition=condition,
    )
