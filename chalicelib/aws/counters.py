"""Totals of lists that are paged: exact, one Query to read, no hot item to write.

A total changes in the transaction that adds or removes the member, so it is never wrong, and is spread over shards, so that
members of one list come and go side by side: two transactions conflict only when their members share a shard.
Source: DynamoDB developer guide, "Using write sharding to distribute workloads evenly" and "Transaction conflict handling".
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from chalicelib.aws import keys
from chalicelib.aws.table import Action, Key, Table
from chalicelib.aws.tables import Item, TotalItem

SHARDS = 16


class Total(NamedTuple):
    """How many members a list has, and when it changed last (Unix seconds; 0: nobody said)."""

    number: int = 0
    changed_at: int = 0


def shard_of(member: str) -> int:
    """The shard a member counts in, the same whenever it is asked: 0 to 15."""
    return zlib.crc32(member.encode()) % SHARDS


def action(table: Table, list_name: str, member: str, amount: int) -> Action:
    """Action: count a member in (+1) or out (-1). Belongs in the transaction that writes or deletes the member, under the
    member's own condition; it has no condition and makes the shard's item when there is none. One action.

    `list_name` says which list: `projects`, `repositories#<project id>`. A transaction may touch an item only once: for several
    members of one list use `actions`."""
    return _add(table, list_name, shard_of(member), amount)


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


def _add(table: Table, list_name: str, shard: int, amount: int) -> Action:
    return table.update(
        keys.total(list_name),
        keys.shard(shard),
        "SET #kind = :kind ADD #number :amount",
        {":kind": "total", ":amount": amount},
        condition="",
    )
