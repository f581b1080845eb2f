"""Blobs, project blobs and links in DynamoDB: the `BlobStore` port.

Three items change together in one transaction: the link of a repository, the count of a project's repositories that have the
blob (quota), and the count of all links (garbage collection deletes a blob only on the condition that it has none).
"""

from __future__ import annotations

from typing import cast

from chalicelib.aws import keys
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import BlobItem, LinkItem, ProjectBlobItem
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Link
from chalicelib.oci.reference import Repository

_ATTEMPTS = 5


class DynamoBlobs:
    """Blob records and links of one registry."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def link(self, repository: Repository, digest: Digest) -> Link | None:
        """See `BlobStore.link`. One GetItem."""
        item = self._table.get(_partition(repository), keys.link(str(digest)))
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
        for _ in range(_ATTEMPTS):
            try:
                self._table.write([self._table.put(blob, is_new=True), *self._new_link(repository, link)])
            except ConditionFailed:
                existing = cast("BlobItem | None", self._table.get(keys.blob(name), keys.BLOB))
            else:
                return link
            if existing is None:
                continue
            mounted = self.mount(repository, Link(digest, existing.key, int(existing.size_bytes), 0), now=now)
            if mounted is not None:
                return mounted
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def mount(self, repository: Repository, link: Link, *, now: int) -> Link | None:
        """See `BlobStore.mount`. One transaction; a read more when the repository has the blob already."""
        name, fresh = str(link.digest), Link(link.digest, link.key, link.size_bytes, now)
        touch = self._table.update(
            keys.blob(name),
            keys.BLOB,
            "SET touched_at = :now ADD links :one",
            {":now": now, ":one": 1, ":key": link.key},
            condition="#key = :key",
        )
        try:
            self._table.write([touch, *self._new_link(repository, fresh)])
        except ConditionFailed as failure:
            if 0 in failure.failed:
                return None
            existing = self.link(repository, link.digest)
            if existing is None:
                return None
            self.touch(repository, existing, now=now)
            return existing
        return fresh

    def unlink(self, repository: Repository, digest: Digest) -> bool:
        """See `BlobStore.unlink`. One transaction. The object stays for garbage collection."""
        name = str(digest)
        less = {":less": -1}
        actions = [
            self._table.delete(_partition(repository), keys.link(name), condition="attribute_exists(pk)"),
            self._table.update(keys.blob(name), keys.BLOB, "ADD links :less", less),
            self._table.update(
                keys.project_blob(repository.project_id, name), keys.BLOB, "ADD repositories :less", less
            ),
        ]
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            if 0 in failure.failed:
                return False
            raise
        return True

    def touch(self, repository: Repository, link: Link, *, now: int) -> None:
        """See `BlobStore.touch`. Raises BLOB_UNKNOWN when garbage collection was faster."""
        try:
            self._table.write([touch_link(self._table, repository, link.digest, now)])
        except ConditionFailed:
            raise RegistryError("BLOB_UNKNOWN", {"digest": str(link.digest)}) from None

    def _new_link(self, repository: Repository, link: Link) -> list[Action]:
        name = str(link.digest)
        item = LinkItem(
            _partition(repository),
            keys.link(name),
            key=link.key,
            size_bytes=link.size_bytes,
            touched_at=link.touched_at,
        )
        count = self._table.update(
            keys.project_blob(repository.project_id, name),
            keys.BLOB,
            "SET #kind = :kind, #key = :key, size_bytes = :size ADD repositories :one",
            {":kind": "project_blob", ":key": link.key, ":size": link.size_bytes, ":one": 1},
            condition="",
        )
        return [self._table.put(item, is_new=True), count]


def to_link(item: LinkItem) -> Link:
    """Turn a link's item into the registry's value."""
    return Link(Digest.parse(item.sk.partition("#")[2]), item.key, int(item.size_bytes), int(item.touched_at))


def touch_link(table: Table, repository: Repository, digest: Digest, now: int) -> Action:
    """Action: move the grace period of a link that still exists."""
    return table.update(_partition(repository), keys.link(str(digest)), "SET touched_at = :now", {":now": now})


def _partition(repository: Repository) -> str:
    return keys.repository(repository.project_id, repository.name.repository)
