"""Deleting a manifest, and releasing what only it needed: blobs (link, counts, quota) and the children of an index (their place
in the list). Exact and repeatable after a crash at any call.

The deletion writes an entry into a journal in its own transaction; the release reads the manifest's parts from its object, which
stays, and drops the entry at the end. Both may be repeated.

A push and a release must not overlap (see `aws.pushes`). So a release marks the links it is about to take (`leaving`) and moves
the epoch of every shard of the repository in one transaction. A push that read before that finds another epoch and reads again;
a push that reads after it sees the mark and takes it away. Then the release looks once more who needs the blobs, sees every push
that came before the mark, and takes the links that still carry it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import cast

from chalicelib.aws import counters, keys, pushes, rows
from chalicelib.aws.journal import entry_of, journal_item
from chalicelib.aws.links import Held, held, partition, unlink_actions
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.registry_tables import DeletionItem, ManifestItem, ReleaseItem, RepositoryItem, TagItem
from chalicelib.aws.table import TRANSACTION_ACTIONS, Action, ConditionFailed, Table, pause
from chalicelib.errors import RegistryError
from chalicelib.oci.artifact import Listed
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, is_manifest_type, parse_manifest
from chalicelib.oci.ports import ObjectStore
from chalicelib.oci.reference import Repository

TAGS_AT_ONCE = 50
"""A manifest with more tags is released later, by the schedule: its deletion is long already."""
_TAGS_A_TRANSACTION = (TRANSACTION_ACTIONS - 1) // 2
_TAGS_READ = 40 * _TAGS_A_TRANSACTION
_BLOBS_A_TRANSACTION = (TRANSACTION_ACTIONS - counters.SHARDS) // 3
_EDGES_AT_ONCE = 80
"""Edges that the deletion takes along; the others are dropped by the release."""
_EDGES_READ = 50
_FEW = 3
"""Blobs that are looked up one by one without asking first whether the repository has any edges."""
_CHILDREN_AT_ONCE = 28
_ATTEMPTS = 12


class Releases:
    """Deletions of manifests of one registry."""

    def __init__(self, table: Table, objects: ObjectStore) -> None:
        self._table, self._objects = table, objects
        self._quotas = Quotas(table)

    def delete(self, repository: Repository, digest: Digest, *, by: str, now_us: int) -> bool:
        """Delete a manifest. It goes first, so that no new tag can appear; then its tags, 49 a transaction; then what it
        needed. After a crash in between the tags lead nowhere (404), and deleting again removes them. The object stays for
        garbage collection: deleting it here could race with the same manifest's next push.

        BatchGet A# and M, 1 transaction, Query D#, 1 transaction per 49 tags; with at most 50 tags `release` as well."""
        pk, name = partition(repository), str(digest)
        own, home, entry = (pk, keys.manifest(name)), (pk, keys.REPOSITORY), None
        while entry is None and own in (items := self._table.batch([own, home])):
            item = cast(ManifestItem, items[own])
            manifest = self._parse(digest, item.media_type, item.content, item.key)
            is_tracked = home in items and bool(cast(RepositoryItem, items[home]).repository_id)
            entry = journal_item(repository, name, item.key, now_us, is_tracked=is_tracked)
            if not self._take(repository, entry, item, manifest, by=by):
                entry = None
        tags = self.drop_tags(pk, name)
        if entry is not None and tags <= TAGS_AT_ONCE:
            self.release(repository, entry, manifest)
        return entry is not None

    def _take(
        self, repository: Repository, entry: ReleaseItem, item: ManifestItem, manifest: Manifest | None, *, by: str
    ) -> bool:
        """Remove a manifest as it was read, with all that hangs on it but tags. False when it is another one meanwhile."""
        pk, name, now_us = partition(repository), item.sk.partition("#")[2], int(entry.at)
        digest = Digest.parse(name)
        found = rows.listed(item)
        actions = [
            self._table.put(entry),
            self._table.put(DeletionItem(pk, keys.deletion(name, now_us), by=by)),
            self._table.delete(pk, keys.labels(name)),
            self._table.delete(pk, keys.pulled(name)),
        ]
        if item.subject:
            actions.append(self._table.delete(pk, keys.referrer(item.subject, name)))
        if found is None:
            actions.append(self._table.delete(pk, keys.manifest(name), condition="attribute_exists(pk)"))
        else:
            actions += self.drop_rows(repository, [found])
            actions += self._quotas.release(repository.project_id, [(digest, int(item.size_bytes))])
        parts = pushes.parts(manifest)[:_EDGES_AT_ONCE] if manifest else []
        actions += [self._table.delete(pk, keys.edge(str(part), name)) for part in parts]
        try:
            self._table.write(actions)
        except ConditionFailed:
            return False
        return True

    def drop_rows(self, repository: Repository, found: Sequence[Listed]) -> list[Action]:
        """Actions: remove manifests as they were read and their rows, and count those that were listed out. Two for each."""
        pk, name = partition(repository), keys.artifacts(repository.project_id, repository.name.repository)
        actions = []
        for one in found:
            letter = rows.SHOWN if one.is_shown else rows.HIDDEN
            actions += [rows.delete(self._table, pk, one), self._table.delete(pk, rows.row_key(one.row, letter))]
        shown = [str(one.row.digest) for one in found if one.is_shown]
        return actions + counters.actions(self._table, name, shown, -1)

    def drop_tags(self, pk: str, digest: str) -> int:
        """Remove all tags of a manifest that is no longer there; return how many."""
        prefix, count = keys.tag_of(digest), 0
        while True:
            page = self._table.keys(pk, prefix, after=None, limit=_TAGS_READ)
            tags = [sk[len(prefix) :] for sk in page.sort_keys]
            count += len(tags)
            for start in range(0, len(tags), _TAGS_A_TRANSACTION):
                self._drop_tags(pk, digest, tags[start : start + _TAGS_A_TRANSACTION])
            if page.is_last or self._table.get(pk, keys.manifest(digest)) is not None:
                return count

    def _drop_tags(self, pk: str, digest: str, tags: list[str]) -> None:
        """Remove tags that still point at the manifest, unless it was pushed again; one that moved meanwhile only loses its back
        reference."""
        moved: set[str] = set()
        while True:
            actions = [self._table.check(pk, keys.manifest(digest), "attribute_not_exists(pk)")]
            for tag in tags:
                if tag not in moved:
                    values = {":digest": digest}
                    actions.append(self._table.delete(pk, keys.tag(tag), condition="digest = :digest", values=values))
                actions.append(self._table.delete(pk, keys.tag_of(digest, tag)))
            try:
                self._table.write(actions)
            except ConditionFailed as failure:
                if 0 in failure.failed:
                    return
                pointers = self._table.batch((pk, keys.tag(tag)) for tag in tags)
                at_home = {
                    sk.partition("#")[2] for (_, sk), item in pointers.items() if cast(TagItem, item).digest == digest
                }
                moved = set(tags) - at_home
            else:
                return

    def pending(self, entry: ReleaseItem) -> None:
        """Go on with the deletion of a manifest that the journal has: its tags, then what it needed."""
        repository, text = entry_of(entry)
        pk, digest = partition(repository), Digest.parse(text)
        if self._table.get(pk, keys.manifest(text)) is None:
            self.drop_tags(pk, text)
        self.release(repository, entry, self._parse(digest, "", None, entry.key))

    def release(self, repository: Repository, entry: ReleaseItem, manifest: Manifest | None) -> None:
        """Release what a deleted manifest needed and nobody else does, then drop its entry in the journal.

        A Query and a batch read for who needs each blob; when some are needed no more a batch read, two transactions per 28 of
        them, and their Queries again; 1 write. For an index the same for its children, with one transaction per 28."""
        if manifest is not None and entry.is_tracked:
            self._drop_edges(repository, manifest)
            self.release_blobs(repository, [blob.digest for blob in manifest.required_blobs])
            children = {child.digest for child in manifest.manifests}
            self.release_blobs(
                repository, [child.digest for child in manifest.manifests if not is_manifest_type(child.media_type)]
            )
            self._show_children(repository, sorted(children, key=str))
        self.drop_entry(entry)

    def drop_entry(self, entry: ReleaseItem) -> None:
        """Take an entry out of the journal, unless a later deletion wrote it anew."""
        action = self._table.delete(entry.pk, entry.sk, condition="nonce = :nonce", values={":nonce": entry.nonce})
        try:
            self._table.write([action])
        except ConditionFailed:
            return

    def release_blobs(self, repository: Repository, digests: Iterable[Digest]) -> None:
        """Take the blobs that no manifest needs from the repository. Those that somebody touches meanwhile stay."""
        unused = self._unused(repository, list(dict.fromkeys(digests)))
        for start in range(0, len(unused), _BLOBS_A_TRANSACTION):
            self._release(repository, unused[start : start + _BLOBS_A_TRANSACTION])

    def _release(self, repository: Repository, digests: Sequence[Digest]) -> None:
        mark = uuid.uuid4().hex
        marked = self._mark(repository, digests, mark)
        going = self._unused(repository, marked)
        for attempt in range(_ATTEMPTS):
            found = held(self._table, repository, going)
            blobs: list[Held] = [blob for blob in found.values() if blob.mark == mark]
            if not blobs:
                return
            try:
                self._table.write(unlink_actions(self._table, self._quotas, repository, blobs, leaving=mark))
            except ConditionFailed:
                pause(attempt)
                continue
            return
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _mark(self, repository: Repository, digests: Sequence[Digest], mark: str) -> list[Digest]:
        """Mark the links that are there, and let every push that is under way read again."""
        pk = partition(repository)
        while digests := list(held(self._table, repository, digests)):
            actions = [
                self._table.update(pk, keys.link(str(digest)), "SET leaving = :mark", {":mark": mark})
                for digest in digests
            ]
            try:
                self._table.write([*actions, *self.epochs(repository)])
            except ConditionFailed:
                continue
            return list(digests)
        return []

    def epochs(self, repository: Repository) -> list[Action]:
        """Actions: move the epoch of every shard of a repository. 16 actions."""
        pk = keys.total(keys.artifacts(repository.project_id, repository.name.repository))
        values = {":kind": "total", ":one": 1}
        return [
            self._table.update(pk, keys.shard(shard), "SET #kind = :kind ADD epoch :one", values, condition="")
            for shard in range(counters.SHARDS)
        ]

    def _unused(self, repository: Repository, digests: Sequence[Digest]) -> Sequence[Digest]:
        """Of many blobs those nobody needs: 1 Query when the repository has no edges at all, as at the end of its removal."""
        if (
            len(digests) > _FEW
            and not self._table.keys(partition(repository), keys.EDGES, after=None, limit=1).sort_keys
        ):
            return digests
        return [digest for digest in digests if not self.users(repository, digest)]

    def users(self, repository: Repository, part: Digest) -> list[Digest]:
        """Say which manifests need a blob or a manifest; an edge whose manifest is not there means nothing. 1 Query, and 1 batch
        read when there are edges."""
        pk, prefix = partition(repository), keys.edge(str(part))
        after = None
        while True:
            page = self._table.keys(pk, prefix, after=after, limit=_EDGES_READ)
            digests = [sk[len(prefix) :] for sk in page.sort_keys]
            there = self._table.batch(((pk, keys.manifest(digest)) for digest in digests), fields=("media_type",))
            if there or page.is_last:
                return [Digest.parse(sk.partition("#")[2]) for _, sk in there]
            after = page.sort_keys[-1]

    def _drop_edges(self, repository: Repository, manifest: Manifest) -> None:
        """Drop the edges that found no room in the deletion, unless the manifest was pushed again."""
        pk, name = partition(repository), str(manifest.digest)
        gone = self._table.check(pk, keys.manifest(name), "attribute_not_exists(pk)")
        parts = pushes.parts(manifest)[_EDGES_AT_ONCE:]
        edges = [self._table.delete(pk, keys.edge(str(part), name)) for part in parts]
        for start in range(0, len(edges), TRANSACTION_ACTIONS - 1):
            try:
                self._table.write([gone, *edges[start : start + TRANSACTION_ACTIONS - 1]])
            except ConditionFailed:
                return

    def _show_children(self, repository: Repository, children: Sequence[Digest]) -> None:
        """Bring the hidden children of a deleted index back into the list, but for those another index names."""
        for start in range(0, len(children), _CHILDREN_AT_ONCE):
            some = children[start : start + _CHILDREN_AT_ONCE]
            for attempt in range(_ATTEMPTS):
                try:
                    self._show(repository, some)
                except ConditionFailed:
                    pause(attempt)
                else:
                    break

    def _show(self, repository: Repository, children: Sequence[Digest]) -> None:
        """An index pushed at the same time either finds a child moved and looks again, or is seen here after the move."""
        pk = partition(repository)
        items = self._table.batch(((pk, keys.manifest(str(digest))) for digest in children), fields=rows.FIELDS)
        found = [row for item in items.values() if (row := rows.listed(cast(ManifestItem, item)))]
        hidden = [row for row in found if not row.is_shown and not row.is_accessory]
        free = [row for row in hidden if not self.users(repository, row.row.digest)]
        for actions in pushes.moves(self._table, repository, free, rows.SHOWN):
            self._table.write(actions)
        named = [row._replace(is_shown=True) for row in free if self.users(repository, row.row.digest)]
        for actions in pushes.moves(self._table, repository, named, rows.HIDDEN):
            self._table.write(actions)

    def _parse(self, digest: Digest, media_type: str, content: bytes | None, key: str) -> Manifest | None:
        """Read what a stored manifest refers to. None when its object is lost: then nothing of it can be released."""
        try:
            return parse_manifest(content if content is not None else self._objects.get(key), media_type, digest)
        except KeyError:
            return None
