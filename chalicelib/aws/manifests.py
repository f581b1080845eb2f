"""Manifests, tags and referrers in DynamoDB, large manifests in S3: the `ManifestStore` port.

What a push writes is planned in `aws.pushes`; what follows from deleting is in `aws.releases` and `aws.removals`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from chalicelib.aws import counters, keys, pushes, rows
from chalicelib.aws.links import partition, to_link
from chalicelib.aws.pushes import Plan, PushPlanner
from chalicelib.aws.quotas import ATTEMPTS, Quotas
from chalicelib.aws.referrers import referrer_page
from chalicelib.aws.registry_tables import HistoryItem, LinkItem, ManifestItem, RepositoryItem, TagItem
from chalicelib.aws.table import ConditionFailed, Table, pause
from chalicelib.aws.tables import TotalItem
from chalicelib.errors import RegistryError
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, is_manifest_type
from chalicelib.oci.ports import Gathered, ObjectStore, Page, Push, StoredManifest, TagMoved
from chalicelib.oci.reference import Repository, Tag

if TYPE_CHECKING:
    from chalicelib.aws.releases import Releases
    from chalicelib.aws.removals import Removals

_GATHERED = (*rows.FIELDS, "key", "touched_at", "leaving", "digest", "epoch")


class DynamoManifests:
    """Manifests of one registry."""

    def __init__(self, table: Table, objects: ObjectStore) -> None:
        self._table, self._objects = table, objects
        self._quotas = Quotas(table)

    @functools.cached_property
    def _releases(self) -> Releases:
        from chalicelib.aws.releases import Releases  # noqa: PLC0415 - a function that only serves need not load it

        return Releases(self._table, self._objects)

    @functools.cached_property
    def _removals(self) -> Removals:
        from chalicelib.aws.removals import Removals  # noqa: PLC0415

        return Removals(self._table, self._releases)

    def find(self, repository: Repository, digest: Digest) -> StoredManifest | None:
        """See `ManifestStore.find`."""
        item = cast("ManifestItem | None", self._table.get(partition(repository), keys.manifest(str(digest))))
        if item is None:
            return None
        content = item.content if item.content is not None else self._objects.get(item.key)
        return StoredManifest(digest, item.media_type, content, int(item.pushed_at))

    def resolve(self, repository: Repository, tag: Tag) -> Digest | None:
        """See `ManifestStore.resolve`. One GetItem."""
        item = cast("TagItem | None", self._table.get(partition(repository), keys.tag(str(tag))))
        return None if item is None else Digest.parse(item.digest)

    def gather(self, repository: Repository, manifest: Manifest, tags: Sequence[Tag]) -> Gathered:
        """See `ManifestStore.gather`. One BatchGetItem for up to a hundred parts; manifests come without their content."""
        pk = partition(repository)
        own = keys.manifest(str(manifest.digest))
        list_name = keys.artifacts(repository.project_id, repository.name.repository)
        shard = (keys.total(list_name), keys.shard(counters.shard_of(str(manifest.digest))))
        sort_keys = [own, keys.REPOSITORY, *(keys.tag(str(tag)) for tag in tags)]
        sort_keys += [keys.link(str(blob.digest)) for blob in manifest.required_blobs]
        for child in manifest.manifests:
            sort_keys.append(keys.manifest(str(child.digest)))
            if not is_manifest_type(child.media_type):
                sort_keys.append(keys.link(str(child.digest)))
        items = self._table.batch([shard, *((pk, sk) for sk in sort_keys)], fields=_GATHERED)
        links = [to_link(item) for item in items.values() if isinstance(item, LinkItem)]
        found = {
            Digest.parse(item.sk.partition("#")[2]): item for item in items.values() if isinstance(item, ManifestItem)
        }
        pointers = [item for item in items.values() if isinstance(item, TagItem)]
        listed = {digest: row for digest, item in found.items() if (row := rows.listed(item))}
        home = cast("RepositoryItem | None", items.get((pk, keys.REPOSITORY)))
        return Gathered(
            links={link.digest: link for link in links},
            children={digest: int(item.size_bytes) for digest, item in found.items()},
            tags={Tag(item.sk.partition("#")[2]): Digest.parse(item.digest) for item in pointers},
            is_known=(pk, own) in items,
            is_repository_known=home is not None,
            own=listed.pop(manifest.digest, None),
            listed=listed,
            epoch=int(cast(TotalItem, items[shard]).epoch or 0) if shard in items else 0,
            is_repository_leaving=home is not None and home.leaving is not None,
        )

    def put(self, repository: Repository, push: Push, *, now: int) -> None:
        """See `ManifestStore.put`. The object first, then one transaction: what a reader can find is whole."""
        is_new = not push.gathered.is_known
        if is_new and not push.is_stored:
            key = pushes.manifest_key(repository, push.manifest.digest)
            self._objects.put(key, push.manifest.content, content_type=push.manifest.media_type)
        plan = PushPlanner(self._table, repository, push, now=now, now_us=_now_us()).plan()
        try:
            for actions in (*plan.edges_before, *plan.touches_before):
                self._table.write(actions)
        except ConditionFailed:
            raise RegistryError("MANIFEST_BLOB_UNKNOWN") from None
        self._commit(repository, push, plan, now)
        try:
            for actions in pushes.moves(self._table, repository, plan.children_after, rows.HIDDEN):
                self._table.write(actions)
        except ConditionFailed:
            raise TagMoved from None

    def _commit(self, repository: Repository, push: Push, plan: Plan, now: int) -> None:
        """Write the transaction, with the quota's charge for a new manifest."""
        digest, size = push.manifest.digest, 0 if push.gathered.is_known else len(push.manifest.content)
        lenders: Mapping[int, int] = {}
        for attempt in range(ATTEMPTS):
            charge = self._quotas.charge(repository.project_id, digest, size, lenders)
            actions = [*charge, *plan.actions, *plan.touches]
            if not actions:
                return
            try:
                self._table.write(actions)
            except ConditionFailed as failure:
                if any(index >= len(charge) + len(plan.actions) for index in failure.failed):
                    raise RegistryError("MANIFEST_BLOB_UNKNOWN") from None
                if any(index >= len(charge) for index in failure.failed):
                    self._require_open(repository, push)
                    raise TagMoved from None
            else:
                return
            lenders = self._quotas.borrow(repository.project_id, digest, size, now=now)
            pause(attempt)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _require_open(self, repository: Repository, push: Push) -> None:
        """Tell a push that makes a repository that the project is gone: its list of repositories was closed."""
        name = keys.repositories(repository.project_id)
        if not push.gathered.is_repository_known and counters.is_closed(self._table, name, str(repository.name)):
            raise RegistryError("NAME_UNKNOWN", {"name": str(repository.name)})

    def untag(self, repository: Repository, tag: Tag, *, by: str) -> bool:
        """See `ManifestStore.untag`. One read, one transaction."""
        pk, name = partition(repository), str(tag)
        for _ in range(5):
            digest = self.resolve(repository, tag)
            if digest is None:
                return False
            actions = [
                self._table.delete(pk, keys.tag(name), condition="digest = :digest", values={":digest": str(digest)}),
                self._table.delete(pk, keys.tag_of(str(digest), name)),
                self._table.delete(pk, keys.pulled(str(digest), name)),
                self._table.put(HistoryItem(pk, keys.history(name, _now_us()), digest=None, by=by)),
            ]
            try:
                self._table.write(actions)
            except ConditionFailed:
                continue
            return True
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        """See `ManifestStore.delete` and `Releases.delete`."""
        return self._releases.delete(repository, digest, by=by, now_us=_now_us())

    def delete_repository(self, repository: Repository, *, by: str) -> bool:
        """See `ManifestStore.delete_repository` and `Removals.remove`."""
        return self._removals.remove(repository, by=by, now_us=_now_us())

    def release_pending(self, *, now: int) -> int:
        """See `ManifestStore.release_pending` and `Releases.pending`."""
        return self._removals.pending(now_us=now * 1_000_000)

    def is_repository(self, repository: Repository) -> bool:
        """See `ManifestStore.is_repository`. One GetItem."""
        return self._table.get(partition(repository), keys.REPOSITORY) is not None

    def tags(self, repository: Repository, *, after: str | None, limit: int) -> Page[str]:
        """See `ManifestStore.tags`. One Query of sort keys."""
        prefix = keys.tag("")
        start = None if after is None else keys.tag(after)
        page = self._table.keys(partition(repository), prefix, after=start, limit=limit)
        tags = [sk[len(prefix) :] for sk in page.sort_keys]
        return Page(tags, tags[-1] if tags and not page.is_last else None)

    def repositories(self, *, after: str | None, limit: int) -> Page[str]:
        """See `ManifestStore.repositories`. One Query of sort keys."""
        page = self._table.keys(keys.CATALOG, "", after=after, limit=limit)
        names = list(page.sort_keys)
        return Page(names, names[-1] if names and not page.is_last else None)

    def referrers(
        self, repository: Repository, subject: Digest, *, artifact_type: str | None, after: str | None, limit: int
    ) -> Page[Descriptor]:
        """See `ManifestStore.referrers`. One Query a page; with a filter at most four, then the page is short."""
        pk = partition(repository)
        return referrer_page(
            self._table, self._objects, pk, subject, artifact_type=artifact_type, after=after, limit=limit
        )


def _now_us() -> int:
    """The moment of writing, which orders rows; the registry's own `now` is too coarse for that."""
    return time.time_ns() // 1000
