"""Blobs, project blobs and links in DynamoDB: the `BlobStore` port.

Four things change together in one transaction: the link of a repository, the count of a project's repositories that have the
blob, the project's quota (charged by the first of them, given back by the last), and the count of all links (garbage collection
deletes a blob only on the condition that it has none).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from chalicelib.aws import keys
from chalicelib.aws.links import held, link_actions, partition, to_link, touch_link, unlink_actions
from chalicelib.aws.quotas import ATTEMPTS, Quotas
from chalicelib.aws.registry_tables import BlobItem, LinkItem, ProjectBlobItem
from chalicelib.aws.table import Action, ConditionFailed, Conflict, Table, pause
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Link
from chalicelib.oci.reference import Repository

_PROJECT = 2
"""Place of the project's count in the transaction that links a blob: after the blob and the link, before the quota."""
_PATIENCE = 75
"""How often a link looks again, 22 s on average: 500 repositories that link one blob at a time are done in 13 s."""


class _Guess(NamedTuple):
    """What a link is written for: a blob nobody has, the first link in the project."""

    is_new: bool
    is_first: bool


class _Found(NamedTuple):
    """What there is of a blob: the repository's link, the blob as it would be linked, and whether the project has none."""

    link: Link | None
    blob: Link | None
    is_first: bool


class DynamoBlobs:
    """Blob records and links of one registry."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._quotas = Quotas(table)

    def link(self, repository: Repository, digest: Digest) -> Link | None:
        """See `BlobStore.link`. One GetItem."""
        item = self._table.get(partition(repository), keys.link(str(digest)))
        return None if item is None else to_link(cast(LinkItem, item))

    def project_blob(self, project_id: int, digest: Digest) -> Link | None:
        """See `BlobStore.project_blob`. One GetItem."""
        item = cast("ProjectBlobItem | None", self._table.get(keys.project_blob(project_id, str(digest)), keys.BLOB))
        if item is None or item.repositories < 1:
            return None
        return Link(digest, item.key, int(item.size_bytes), 0)

    def commit(self, repository: Repository, digest: Digest, key: str, size_bytes: int, *, now: int) -> Link:
        """See `BlobStore.commit`. One transaction for a blob nobody had; a batch read and another one when it exists."""
        link = self._settle(repository, Link(digest, key, size_bytes, now), _Guess(is_new=True, is_first=True))
        assert link is not None
        return link

    def mount(self, repository: Repository, link: Link, *, now: int, is_shared: bool = False) -> Link | None:
        """See `BlobStore.mount`. One transaction; a batch read and a write more when the repository has the blob already or
        `is_shared` is wrong."""
        fresh = Link(link.digest, link.key, link.size_bytes, now)
        return self._settle(repository, fresh, _Guess(is_new=False, is_first=not is_shared))

    def unlink(self, repository: Repository, digest: Digest) -> bool:
        """See `BlobStore.unlink`. One batch read and one transaction. The object stays for garbage collection."""
        for attempt in range(ATTEMPTS):
            found = held(self._table, repository, [digest])
            if not found:
                return False
            try:
                self._table.write(unlink_actions(self._table, self._quotas, repository, found.values()))
            except ConditionFailed:
                pause(attempt)
                continue
            return True
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def touch(self, repository: Repository, link: Link, *, now: int) -> None:
        """See `BlobStore.touch`. Raises BLOB_UNKNOWN when garbage collection was faster."""
        try:
            self._table.write([touch_link(self._table, repository, link.digest, now)])
        except ConditionFailed:
            raise RegistryError("BLOB_UNKNOWN", {"digest": str(link.digest)}) from None

    def _settle(self, repository: Repository, wanted: Link, guess: _Guess) -> Link | None:
        """Link a blob and charge it when it is the project's first. What is written at first is a guess; when something stands in
        the way, what is there is read and decides. Reading takes no turn from others: of many that push one blob at a time those
        who find it linked are done. None when a blob to mount is gone. Raises DENIED (403) when the quota has no room."""
        may_make, link = guess.is_new, wanted
        lenders: Mapping[int, int] = {}
        for attempt in range(_PATIENCE):
            try:
                self._table.write(self._actions(repository, link, guess, lenders), is_patient=False)
            except ConditionFailed as failure:
                if min(failure.failed) > _PROJECT:
                    digest, size = link.digest, link.size_bytes
                    lenders = self._quotas.borrow(repository.project_id, digest, size, now=link.touched_at)
                    pause(attempt)
                    continue
            except Conflict:
                pause(attempt)
            else:
                return link
            found = self._look(repository, wanted)
            if found.link is not None:
                return self._freshen(repository, found.link, wanted.touched_at)
            if found.blob is None and not may_make:
                return None
            link, guess, lenders = found.blob or wanted, _Guess(found.blob is None, found.is_first), {}
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _actions(
        self, repository: Repository, link: Link, guess: _Guess, lenders: Mapping[int, int]
    ) -> Sequence[Action]:
        name, now = str(link.digest), link.touched_at
        if guess.is_new:
            item = BlobItem(
                keys.blob(name),
                keys.BLOB,
                key=link.key,
                size_bytes=link.size_bytes,
                touched_at=now,
                links=1,
                home=f"{repository.project_id} {repository}",
            )
            blob = self._table.put(item, is_new=True)
        else:
            update, values = "SET touched_at = :now ADD links :one", {":now": now, ":one": 1, ":key": link.key}
            blob = self._table.update(keys.blob(name), keys.BLOB, update, values, condition="#key = :key")
        actions = [blob, *link_actions(self._table, repository, link, is_first=guess.is_first)]
        if guess.is_first:
            actions += self._quotas.charge(repository.project_id, link.digest, link.size_bytes, lenders)
        return actions

    def _look(self, repository: Repository, wanted: Link) -> _Found:
        """Read all that linking depends on. One BatchGetItem."""
        name = str(wanted.digest)
        own = (partition(repository), keys.link(name))
        shared = (keys.project_blob(repository.project_id, name), keys.BLOB)
        everybodys = (keys.blob(name), keys.BLOB)
        items = self._table.batch([own, shared, everybodys])
        link, project_blob, blob = items.get(own), items.get(shared), items.get(everybodys)
        return _Found(
            to_link(cast(LinkItem, link)) if link else None,
            replace(wanted, key=cast(BlobItem, blob).key, size_bytes=int(cast(BlobItem, blob).size_bytes))
            if blob
            else None,
            project_blob is None or cast(ProjectBlobItem, project_blob).repositories < 1,
        )

    def _freshen(self, repository: Repository, link: Link, now: int) -> Link:
        if link.is_leaving or link.touched_at < now:
            self.touch(repository, link, now=now)
        return link
