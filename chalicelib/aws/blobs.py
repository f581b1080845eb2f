"""Blobs, project blobs and links in DynamoDB: the `BlobStore` port.

Four things change together in one transaction: the link of a repository, the count of a project's repositories that have the
blob, the project's quota (charged by the first of them, given back by the last), and the count of all links (garbage collection
deletes a blob only on the condition that it has none).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from chalicelib.aws import keys
from chalicelib.aws.links import held, link_actions, partition, to_link, touch_link, unlink_actions
from chalicelib.aws.quotas import ATTEMPTS, Quotas
from chalicelib.aws.registry_tables import BlobItem, LinkItem, ProjectBlobItem
from chalicelib.aws.table import Action, ConditionFailed, Table, pause
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Link
from chalicelib.oci.reference import Repository

_BLOB, _LINK, _PROJECT = 0, 1, 2
"""Places of the actions in the transaction that links a blob; the quota's come after them."""


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
        """See `BlobStore.commit`. One transaction for a blob nobody had; a read and another one when it exists."""
        name = str(digest)
        blob = BlobItem(keys.blob(name), keys.BLOB, key=key, size_bytes=size_bytes, touched_at=now, links=1)
        link = Link(digest, key, size_bytes, now)
        for attempt in range(ATTEMPTS):
            failed = self._write_link(repository, link, self._table.put(blob, is_new=True), is_first=True)
            if failed is None:
                return link
            existing = cast("BlobItem | None", self._table.get(keys.blob(name), keys.BLOB))
            if existing is not None:
                stored = Link(digest, existing.key, int(existing.size_bytes), 0)
                mounted = self.mount(repository, stored, now=now)
                if mounted is not None:
                    return mounted
            pause(attempt)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def mount(self, repository: Repository, link: Link, *, now: int, is_shared: bool = False) -> Link | None:
        """See `BlobStore.mount`. One transaction; a read more when the repository has the blob already, another transaction when
        `is_shared` guessed wrong."""
        name, fresh = str(link.digest), Link(link.digest, link.key, link.size_bytes, now)
        touch = self._table.update(
            keys.blob(name),
            keys.BLOB,
            "SET touched_at = :now ADD links :one",
            {":now": now, ":one": 1, ":key": link.key},
            condition="#key = :key",
        )
        failed = self._write_link(repository, fresh, touch, is_first=not is_shared)
        if failed is None:
            return fresh
        if failed == _BLOB:
            return None
        existing = self.link(repository, link.digest)
        if existing is None:
            return None
        self.touch(repository, existing, now=now)
        return existing

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

    def _write_link(self, repository: Repository, link: Link, blob: Action, *, is_first: bool) -> int | None:
        """Link a blob and charge it when it is the project's first. None when done, else the place of the action that stands in
        the way: the blob's or the link's. Raises DENIED (403) when the quota has no room, UNAVAILABLE."""
        project_id = repository.project_id
        lenders: Mapping[int, int] = {}
        for attempt in range(ATTEMPTS):
            actions: Sequence[Action] = [
                blob,
                *link_actions(self._table, repository, link, is_first=is_first),
                *(self._quotas.charge(project_id, link.digest, link.size_bytes, lenders) if is_first else ()),
            ]
            try:
                self._table.write(actions)
            except ConditionFailed as failure:
                first = min(failure.failed)
            else:
                return None
            if first in (_BLOB, _LINK):
                return first
            if first == _PROJECT:
                is_first = not is_first
                continue
            lenders = self._quotas.borrow(project_id, link.digest, link.size_bytes, now=link.touched_at)
            pause(attempt)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})
