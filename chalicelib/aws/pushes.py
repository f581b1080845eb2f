"""What one manifest PUT writes: the actions of its transaction, and what may go before or after because it harms nobody alone.

A push and a release of blobs must not overlap: the release looks whether any manifest needs a blob, the push whether the blob
is there, and neither sees the other. So each push demands that the *epoch* of its shard of the repository is the one it read,
and each release moves the epochs of all shards (`aws.releases`). Pushes of manifests in different shards share no item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.aws import counters, keys, rows
from chalicelib.aws.links import partition, touch_link
from chalicelib.aws.referrers import referrer_item
from chalicelib.aws.registry_tables import (
    CatalogItem,
    EdgeItem,
    HistoryItem,
    ManifestItem,
    RepositoryItem,
    TagItem,
    TagOfItem,
)
from chalicelib.aws.table import TRANSACTION_ACTIONS, Action, Table
from chalicelib.oci.artifact import Listed, repository_id, row_of
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest
from chalicelib.oci.ports import Push
from chalicelib.oci.reference import Repository

INLINE_BYTES = 64 * 1024
"""Manifests up to here are read from their item, without a call to S3."""
_SPARE = 16
"""Actions kept free for the quota: one shard charged, and those that lend to it."""
_MOVES = (TRANSACTION_ACTIONS - counters.SHARDS) // 3


class Plan(NamedTuple):
    """The writes of one push, in order."""

    edges_before: Sequence[Sequence[Action]]
    """Edges that find no room in the transaction; without their manifest they mean nothing."""
    touches_before: Sequence[Sequence[Action]]
    """Grace periods of links that find no room either. Their condition: the link is there."""
    actions: Sequence[Action]
    """The transaction but for the quota. A failed condition: something is no longer as it was read."""
    touches: Sequence[Action]
    """Its last part: grace periods of links."""
    children_after: Sequence[Listed]
    """Children of an index that are still to leave the list, see `moves`."""


class PushPlanner:
    """Makes the plan of one push."""

    def __init__(self, table: Table, repository: Repository, push: Push, *, now: int, now_us: int) -> None:
        self._table, self._repository, self._push = table, repository, push
        self._now, self._now_us = now, now_us
        self._pk = partition(repository)
        self._shown: Counter[int] = Counter()
        self._list = keys.artifacts(repository.project_id, repository.name.repository)
        self._shard = counters.shard_of(str(push.manifest.digest))

    def plan(self) -> Plan:
        """Put the writes of the push in order."""
        core = self._tags()
        edges: list[Action] = []
        if not self._push.gathered.is_known:
            core += self._manifest() + self._repository_items()
            edges = self._edges()
        elif core:
            core += self._known()
        touches = [touch_link(self._table, self._repository, link.digest, self._now) for link in self._push.stale_links]
        room = TRANSACTION_ACTIONS - _SPARE - counters.SHARDS - len(core)
        touches_before, touches = _split(touches, room)
        edges_before, edges = _split(edges, room - len(touches))
        moves, later = self._children(room - len(touches) - len(edges))
        actions = core + edges + moves
        is_new = not self._push.gathered.is_known
        return Plan(edges_before, touches_before, actions + self._shards(is_new=is_new), touches, later)

    def _manifest(self) -> list[Action]:
        """The manifest, its row, its entry as a referrer."""
        push, manifest = self._push, self._push.manifest
        sizes = {digest: listed.row.size_bytes for digest, listed in push.gathered.listed.items()}
        stored = {**{digest: link.size_bytes for digest, link in push.gathered.links.items()}, **push.gathered.children}
        distinct = {child.digest for child in manifest.manifests}
        row = row_of(manifest, (sizes.get(digest, stored.get(digest, 0)) for digest in distinct), self._now_us)
        letter = rows.HIDDEN if manifest.subject else rows.SHOWN
        item = ManifestItem(
            self._pk,
            keys.manifest(str(manifest.digest)),
            media_type=manifest.media_type,
            size_bytes=len(manifest.content),
            content=manifest.content if len(manifest.content) <= INLINE_BYTES else None,
            key=manifest_key(self._repository, manifest.digest),
            subject=str(manifest.subject.digest) if manifest.subject else None,
            artifact_type=manifest.artifact_type,
            pushed_at=self._now,
            pushed_by=push.pushed_by,
            pushed_us=self._now_us,
            row=letter,
            is_tagged=bool(push.tags),
            type=row.type,
            config_type=row.media_type,
            config_digest=str(manifest.blobs[0].digest) if manifest.blobs else None,
            total_bytes=row.size_bytes,
        )
        actions = [self._table.put(item, is_new=True), self._table.put(rows.row_item(self._pk, row, letter))]
        if letter == rows.SHOWN:
            self._shown[self._shard] += 1
        if manifest.subject:
            entry = referrer_item(self._pk, manifest, item.key, total_bytes=row.size_bytes, now=self._now)
            actions.append(self._table.put(entry))
        return actions

    def _repository_items(self) -> list[Action]:
        project_id, name = self._repository.project_id, self._repository.name
        if self._push.gathered.is_repository_known:
            if not self._push.gathered.is_repository_leaving:
                return []
            return [self._table.update(self._pk, keys.REPOSITORY, "REMOVE leaving", {})]
        number = repository_id(project_id, name.repository)
        item = RepositoryItem(
            self._pk, keys.REPOSITORY, created_at=self._now, updated_at=self._now, repository_id=number
        )
        row = CatalogItem(keys.CATALOG, str(name), project_id=project_id, created_at=self._now, repository_id=number)
        return [
            self._table.put(item, is_new=True),
            self._table.put(row),
            counters.action(self._table, keys.REPOSITORIES, str(name), 1),
            counters.action(
                self._table, keys.repositories(project_id), str(name), 1, condition=counters.OPEN
            ),
        ]

    def _edges(self) -> list[Action]:
        digest = str(self._push.manifest.digest)
        return [
            self._table.put(EdgeItem(self._pk, keys.edge(str(part), digest))) for part in parts(self._push.manifest)
        ]

    def _known(self) -> list[Action]:
        """New tags for a manifest that is there: it must still be, and with a tag it belongs in the list."""
        own = self._push.gathered.own
        if own is None:
            return [self._table.check(self._pk, keys.manifest(str(self._push.manifest.digest)))]
        if own.is_shown or own.is_accessory:
            letter = rows.SHOWN if own.is_shown else rows.HIDDEN
            if own.is_tagged:
                return [rows.check(self._table, self._pk, own)]
            return [rows.update(self._table, self._pk, own, letter, is_tagged=True)]
        self._shown[self._shard] += 1
        return rows.move(self._table, self._pk, own, rows.SHOWN, is_tagged=True)

    def _children(self, room: int) -> tuple[list[Action], list[Listed]]:
        """Take the untagged children of an index from the list, and hold there those that are out of it. Returns what is left."""
        actions: list[Action] = []
        later: list[Listed] = []
        for child in self._push.gathered.listed.values():
            if child.is_tagged or child.is_accessory:
                continue
            if not child.is_shown:
                if not self._push.gathered.is_known and len(actions) < room:
                    actions.append(rows.check(self._table, self._pk, child))
            elif len(actions) + 3 > room:
                later.append(child)
            else:
                actions += rows.move(self._table, self._pk, child, rows.HIDDEN)
                self._shown[counters.shard_of(str(child.row.digest))] -= 1
        return actions, later

    def _shards(self, *, is_new: bool) -> list[Action]:
        """Count what came into the list and what left it; a new manifest demands the epoch it read."""
        if is_new:
            self._shown[self._shard] += 0
        return [self._count(shard, amount, is_new=is_new) for shard, amount in sorted(self._shown.items())]

    def _count(self, shard: int, amount: int, *, is_new: bool) -> Action:
        values: dict[str, str | int] = {":kind": "total", ":amount": amount, ":now": self._now}
        condition = ""
        if is_new and shard == self._shard:
            epoch = self._push.gathered.epoch
            condition = "epoch = :epoch" if epoch else "attribute_not_exists(epoch)"
            values.update({":epoch": epoch} if epoch else {})
        update = "SET #kind = :kind, changed_at = :now ADD #number :amount"
        return self._table.update(keys.total(self._list), keys.shard(shard), update, values, condition=condition)

    def _tags(self) -> list[Action]:
        """Move the tags that do not point here yet, each on the condition that it is where it was when read."""
        digest = str(self._push.manifest.digest)
        actions: list[Action] = []
        for tag in self._push.tags:
            name, before = str(tag), self._push.gathered.tags.get(tag)
            if before == self._push.manifest.digest:
                continue
            pointer = TagItem(self._pk, keys.tag(name), digest=digest, tagged_at=self._now)
            if before is None:
                actions.append(self._table.put(pointer, is_new=True))
            else:
                old = {":old": str(before)}
                actions.append(self._table.put(pointer, condition="digest = :old", values=old))
                actions.append(self._table.delete(self._pk, keys.tag_of(str(before), name)))
            back = TagOfItem(self._pk, keys.tag_of(digest, name), tagged_at=self._now)
            history = HistoryItem(self._pk, keys.history(name, self._now_us), digest=digest, by=self._push.pushed_by)
            actions += [self._table.put(back), self._table.put(history)]
        return actions


def moves(table: Table, repository: Repository, found: Sequence[Listed], letter: str) -> list[list[Action]]:
    """Transactions that take rows into the other list, 28 each, and count them out or in."""
    pk, list_name = partition(repository), keys.artifacts(repository.project_id, repository.name.repository)
    transactions = []
    for start in range(0, len(found), _MOVES):
        some = found[start : start + _MOVES]
        actions = [action for one in some for action in rows.move(table, pk, one, letter)]
        members = [str(one.row.digest) for one in some]
        actions += counters.actions(table, list_name, members, 1 if letter == rows.SHOWN else -1)
        transactions.append(actions)
    return transactions


def parts(manifest: Manifest) -> list[Digest]:
    """What a manifest cannot do without: its blobs, and the manifests an index names."""
    wanted = [*manifest.required_blobs, *(child for child in manifest.manifests if not child.is_foreign)]
    return list(dict.fromkeys(part.digest for part in wanted))


def manifest_key(repository: Repository, digest: Digest) -> str:
    """S3 key of a manifest's bytes."""
    return keys.manifest_object(repository.name.project, repository.name.repository, digest.algorithm, digest.hex)


def _split(actions: list[Action], room: int) -> tuple[list[list[Action]], list[Action]]:
    """Leave as many actions for the transaction as it has room for; the others in earlier ones of a hundred."""
    surplus = actions[: max(len(actions) - max(room, 0), 0)]
    chunks = [surplus[at : at + TRANSACTION_ACTIONS] for at in range(0, len(surplus), TRANSACTION_ACTIONS)]
    return chunks, actions[len(surplus) :]
