"""Whole blobs from S3, several at the same time, and where blobs are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chalicelib.aws import keys
from chalicelib.aws.links import partition
from chalicelib.aws.registry_tables import BlobItem, LinkItem
from chalicelib.aws.table import Table
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import ObjectStore
from chalicelib.oci.reference import Name, Repository
from chalicelib.parallel import each


class S3Contents:
    """`oci.contents.ContentStore`."""

    def __init__(self, table: Table, objects: ObjectStore) -> None:
        self._table, self._objects = table, objects

    def read(self, repository: Repository, digests: Iterable[Digest], *, at_most_bytes: int) -> Mapping[Digest, bytes]:
        """See `ContentStore.read`. An object that went while this runs is absent."""
        pk = partition(repository)
        items = self._table.batch((pk, keys.link(str(digest))) for digest in digests)
        links = [item for item in items.values() if isinstance(item, LinkItem) and int(item.size_bytes) <= at_most_bytes]
        contents = each(self._content, links)
        return {
            Digest.parse(item.sk.partition("#")[2]): content
            for item, content in zip(links, contents, strict=True)
            if content is not None
        }

    def home(self, digest: Digest) -> Repository | None:
        """See `ContentStore.home`. Two GetItems."""
        blob = self._table.get(keys.blob(str(digest)), keys.BLOB)
        if not isinstance(blob, BlobItem) or not blob.home:
            return None
        project_id, _, name = blob.home.partition(" ")
        repository = Repository(int(project_id), Name.parse(name))
        return repository if self._table.get(partition(repository), keys.link(str(digest))) else None

    def _content(self, item: LinkItem) -> bytes | None:
        if not int(item.size_bytes):
            return b""
        try:
            return self._objects.get(item.key)
        except KeyError:
            return None
