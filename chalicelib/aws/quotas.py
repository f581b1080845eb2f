"""Storage quotas in DynamoDB: charged in the transaction that adds the bytes, kept in escrow by 16 shards of a project.

A charge takes from the room of one shard, chosen by the digest, on the condition that it is there. A shard that lacks room
borrows from others in the same transaction as the charge, so that nobody can take what was lent. Used and room of all shards
add up to the limit at any time; no transaction reads or writes a number that all pushes of a project share.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from chalicelib.aws import keys
from chalicelib.aws.counters import shard_of
from chalicelib.aws.registry_tables import QuotaLimitItem, QuotaShardItem
from chalicelib.aws.table import Action, ConditionFailed, Table, pause
from chalicelib.aws.tables import Item
from chalicelib.errors import RegistryError
from chalicelib.oci import quota
from chalicelib.oci.digest import Digest
from chalicelib.oci.quota import SHARDS, UNLIMITED, Shard, Usage

ATTEMPTS = 24
"""How often a charge looks for room again when others were faster: with pauses of up to 640 ms, far beyond any real queue."""

_CLOSED = 1 << 60


class Books(NamedTuple):
    """A project's quota as it was read."""

    limit: QuotaLimitItem | None
    shards: Sequence[Shard]


class Quotas:
    """`oci.ports.QuotaStore`, and the charges of pushes."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create_actions(self, project_id: int, limit_bytes: int = UNLIMITED, *, now: int) -> list[Action]:
        """Actions: give a new project its limit (-1: none). Belong in the transaction that makes the project. 17 actions."""
        pk, rooms = keys.quota(project_id), quota.spread(quota.stored_limit(limit_bytes))
        shards = [QuotaShardItem(pk, keys.shard(shard), used=0, room=room) for shard, room in enumerate(rooms)]
        limit = QuotaLimitItem(pk, keys.LIMIT, limit_bytes=limit_bytes, created_at=now, updated_at=now)
        return [self._table.put(item, is_new=True) for item in (limit, *shards)]

    def close_actions(self, project_id: int, *, now: int, ends_at: int) -> list[Action]:
        """Actions: charge nothing any more; what is charged can still be released. Belong in the transaction that removes the
        project; the items end at `ends_at`, when no token and no release of the project is left. 17 actions."""
        pk, values = keys.quota(project_id), {":kind": "quota_shard", ":none": -_CLOSED, ":zero": 0, ":ends": ends_at}
        update = "SET #kind = :kind, room = :none, #ttl = :ends ADD used :zero"
        shards = [self._table.update(pk, keys.shard(shard), update, values, condition="") for shard in range(SHARDS)]
        limit = QuotaLimitItem(
            pk, keys.LIMIT, limit_bytes=UNLIMITED, created_at=now, updated_at=now, is_closed=True, ttl=ends_at
        )
        return [self._table.put(limit), *shards]

    def usage(self, project_id: int) -> Usage:
        """Read a project's limit and use. One Query of 17 small items. A project from before quotas has no limit."""
        return _usage(self._read(project_id))

    def stored(self, project_ids: Iterable[int]) -> int:
        """Add up what projects are charged, bytes. One BatchGetItem per six projects."""
        wanted = [(keys.quota(project_id), keys.shard(shard)) for project_id in project_ids for shard in range(SHARDS)]
        items = self._table.batch(wanted, fields=("used",))
        return sum(int(cast(QuotaShardItem, item).used) for item in items.values())

    def usages(self, project_ids: Sequence[int]) -> dict[int, Usage]:
        """Read the limit and use of several projects. One BatchGetItem for five of them."""
        parts = [keys.LIMIT, *(keys.shard(shard) for shard in range(SHARDS))]
        found = self._table.batch((keys.quota(project_id), part) for project_id in project_ids for part in parts)
        items: dict[str, list[Item]] = {keys.quota(project_id): [] for project_id in project_ids}
        for (pk, _), item in sorted(found.items(), key=lambda pair: pair[0]):
            items[pk].append(item)
        return {project_id: _usage(_books(items[keys.quota(project_id)])) for project_id in project_ids}

    def charge(self, project_id: int, digest: Digest, size: int, lenders: Mapping[int, int] = {}) -> list[Action]:
        """Actions: charge `size` bytes to the digest's shard, which borrows what `lenders` give. Without lenders one action,
        none for no bytes. When a condition fails, ask `borrow` and try again."""
        if not size:
            return []
        shard, borrowed = shard_of(str(digest)), sum(lenders.values())
        own = self._table.update(
            keys.quota(project_id),
            keys.shard(shard),
            "ADD used :size, room :change",
            {":size": size, ":change": borrowed - size, ":need": size - borrowed},
            condition="room >= :need",
        )
        return [own, *(self._lend(project_id, lender, give) for lender, give in sorted(lenders.items()))]

    def borrow(self, project_id: int, digest: Digest, size: int, *, now: int) -> Mapping[int, int]:
        """Decide who lends room for a charge that failed; empty when its own shard has it after all. One Query, and one
        transaction when the project was over its limit. Raises DENIED (403) when the project has no room for `size` bytes,
        NAME_UNKNOWN when it was removed."""
        books = self._read(project_id)
        if books.limit is None:
            self._open(project_id, now)
            return {}
        if books.limit.is_closed:
            raise RegistryError("NAME_UNKNOWN", message="the project was removed")
        if quota.left(books.shards, is_over=books.limit.is_over) < size:
            raise quota.exceeded(_usage(books), size)
        if books.limit.is_over:
            self._leave_debt(project_id, books)
            return {}
        return quota.lend(books.shards, shard_of(str(digest)), size) or {}

    def release(self, project_id: int, charged: Iterable[tuple[Digest, int]]) -> list[Action]:
        """Actions: give charged bytes back, each shard once. At most 16 actions. Their exactness rests on the transaction they
        are in: it removes, under a condition, what was charged."""
        shards: Counter[int] = Counter()
        for digest, size in charged:
            shards[shard_of(str(digest))] += size
        return [
            self._table.update(
                keys.quota(project_id),
                keys.shard(shard),
                "ADD used :less, room :size",
                {":less": -size, ":size": size},
            )
            for shard, size in sorted(shards.items())
            if size
        ]

    def set_limit(self, project_id: int, limit_bytes: int, *, now: int) -> Usage:
        """Change a project's limit; below what is used it refuses every push until enough is deleted. One Query and one
        transaction, again when pushes were in the way. Returns the usage under the new limit."""
        for attempt in range(ATTEMPTS):
            books = self._read(project_id)
            if books.limit is None:
                self._open(project_id, now)
                continue
            try:
                self._table.write(self._limit_actions(project_id, books, limit_bytes, now))
            except ConditionFailed:
                pause(attempt)
                continue
            return _usage(books)._replace(limit_bytes=limit_bytes, updated_at=now)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def note_warning(self, project_id: int, *, is_warned: bool) -> bool:
        """Remember that somebody was told of 85 %, or that it is over. True for the one caller whose word changed it."""
        values: dict[str, bool] = {":warned": is_warned, ":before": not is_warned}
        action = self._table.update(
            keys.quota(project_id), keys.LIMIT, "SET warned = :warned", values, condition="warned = :before"
        )
        return self._table.attempt([action])

    def _limit_actions(self, project_id: int, books: Books, after: int, now: int) -> list[Action]:
        assert books.limit is not None
        pk, is_over, before = keys.quota(project_id), books.limit.is_over, int(books.limit.limit_bytes)
        more = quota.stored_limit(after) - quota.stored_limit(before)
        is_covered = sum(max(shard.room, 0) for shard in books.shards) >= -more
        if more >= 0:
            changes = [self._change(pk, shard, change) for shard, change in enumerate(quota.spread(more)) if change]
        elif is_covered:
            gives = quota.give_back(books.shards, -more)
            changes = [self._lend(project_id, shard, give) for shard, give in enumerate(gives) if give]
        else:
            debt = 0 if is_over else quota.DEBT_BYTES
            gives = quota.give_back(books.shards, -more)
            changes = [self._change(pk, shard, -give - debt) for shard, give in enumerate(gives)]
        values: dict[str, int | bool] = {":after": after, ":now": now, ":before": before, ":was_over": is_over}
        limit = self._table.update(
            pk,
            keys.LIMIT,
            "SET limit_bytes = :after, updated_at = :now, is_over = :over",
            {**values, ":over": is_over or (more < 0 and not is_covered)},
            condition="limit_bytes = :before AND is_over = :was_over",
        )
        return [limit, *changes]

    def _leave_debt(self, project_id: int, books: Books) -> None:
        """Divide what is left evenly, once there is something: then shards may be charged alone again. One transaction, which
        leaves all as it is when somebody else was at the books."""
        pk, rooms = keys.quota(project_id), quota.spread(quota.left(books.shards, is_over=True))
        values = {":over": False, ":was_over": True}
        actions = [self._table.update(pk, keys.LIMIT, "SET is_over = :over", values, condition="is_over = :was_over")]
        actions += [
            self._table.update(
                pk,
                keys.shard(shard),
                "SET room = :after",
                {":after": rooms[shard], ":before": before.room},
                condition="room = :before",
            )
            for shard, before in enumerate(books.shards)
        ]
        with contextlib.suppress(ConditionFailed):
            self._table.write(actions)

    def _change(self, pk: str, shard: int, change: int) -> Action:
        return self._table.update(pk, keys.shard(shard), "ADD room :change", {":change": change})

    def _lend(self, project_id: int, shard: int, give: int) -> Action:
        values = {":give": give, ":less": -give}
        return self._table.update(
            keys.quota(project_id), keys.shard(shard), "ADD room :less", values, condition="room >= :give"
        )

    def _open(self, project_id: int, now: int) -> None:
        """Give a project from before quotas its shards. Of several at a time one does."""
        with contextlib.suppress(ConditionFailed):
            self._table.write(self.create_actions(project_id, now=now))

    def _read(self, project_id: int) -> Books:
        return _books(self._table.query(keys.quota(project_id), ""))


def _books(items: Sequence[Item]) -> Books:
    limits = [item for item in items if isinstance(item, QuotaLimitItem)]
    shards = cast("list[QuotaShardItem]", [item for item in items if isinstance(item, QuotaShardItem)])
    return Books(limits[0] if limits else None, [Shard(int(item.used), int(item.room)) for item in shards])


def _usage(books: Books) -> Usage:
    used, limit = sum(shard.used for shard in books.shards), books.limit
    if limit is None:
        return Usage(UNLIMITED, used)
    return Usage(int(limit.limit_bytes), used, int(limit.created_at), int(limit.updated_at), limit.warned)
