"""Manifests, tags and referrers in DynamoDB, large manifests in S3: the `ManifestStore` port."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import cast

from chalicelib.aws import keys
from chalicelib.aws.blobs import to_link, touch_link
from chalicelib.aws.table import TRANSACTION_ACTIONS, Action, ConditionFailed, Table
from chalicelib.aws.tables import (
    CatalogItem,
    DeletionItem,
    HistoryItem,
    Item,
    LinkItem,
    ManifestItem,
    ReferrerItem,
    RepositoryItem,
    TagItem,
    TagOfItem,
)
from chalicelib.errors import RegistryError
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, is_manifest_type
from chalicelib.oci.ports import REFERRERS_BYTES, Gathered, ObjectStore, Page, Push, StoredManifest, TagMoved
from chalicelib.oci.reference import Repository, Tag

INLINE_BYTES = 64 * 1024
"""Manifests up to here are read from their item, without a call to S3."""
_ANNOTATIONS_BYTES = 8 * 1024
_FILTER_ROUNDS = 4
_TAGS_A_TRANSACTION = TRANSACTION_ACTIONS // 2


class DynamoManifests:
    """Manifests of one registry."""

    def __init__(self, table: Table, objects: ObjectStore) -> None:
        self._table, self._objects = table, objects

    def find(self, repository: Repository, digest: Digest) -> StoredManifest | None:
        """See `ManifestStore.find`."""
        item = cast("ManifestItem | None", self._table.get(_partition(repository), keys.manifest(str(digest))))
        if item is None:
            return None
        content = item.content if item.content is not None else self._objects.get(item.key)
        return StoredManifest(digest, item.media_type, content, int(item.pushed_at))

    def resolve(self, repository: Repository, tag: Tag) -> Digest | None:
        """See `ManifestStore.resolve`. One GetItem."""
        item = cast("TagItem | None", self._table.get(_partition(repository), keys.tag(str(tag))))
        return None if item is None else Digest.parse(item.digest)

    def gather(self, repository: Repository, manifest: Manifest, tags: Sequence[Tag]) -> Gathered:
        """See `ManifestStore.gather`. One BatchGetItem for up to a hundred parts."""
        pk = _partition(repository)
        own = keys.manifest(str(manifest.digest))
        sort_keys = [own, keys.REPOSITORY, *(keys.tag(str(tag)) for tag in tags)]
        sort_keys += [keys.link(str(blob.digest)) for blob in manifest.required_blobs]
        for child in manifest.manifests:
            sort_keys.append(keys.manifest(str(child.digest)))
            if not is_manifest_type(child.media_type):
                sort_keys.append(keys.link(str(child.digest)))
        items = self._table.batch((pk, sk) for sk in sort_keys)
        links = [to_link(item) for item in items.values() if isinstance(item, LinkItem)]
        found = [item for item in items.values() if isinstance(item, ManifestItem)]
        pointers = [item for item in items.values() if isinstance(item, TagItem)]
        return Gathered(
            links={link.digest: link for link in links},
            children={Digest.parse(item.sk.partition("#")[2]): int(item.size_bytes) for item in found},
            tags={Tag(item.sk.partition("#")[2]): Digest.parse(item.digest) for item in pointers},
            is_known=(pk, own) in items,
            is_repository_known=(pk, keys.REPOSITORY) in items,
        )

    def put(self, repository: Repository, push: Push, *, now: int) -> None:
        """See `ManifestStore.put`. The object first, then one transaction: what a reader can find is whole."""
        actions = self._tag_actions(repository, push, now=now)
        if not push.gathered.is_known:
            self._objects.put(_object(repository, push), push.manifest.content, content_type=push.manifest.media_type)
            actions = self._manifest_actions(repository, push, now) + actions
        elif actions:
            actions.append(self._table.check(_partition(repository), keys.manifest(str(push.manifest.digest))))
        stale = [touch_link(self._table, repository, link.digest, now) for link in push.stale_links]
        try:
            while len(actions) + len(stale) > TRANSACTION_ACTIONS:
                self._table.write(stale[:TRANSACTION_ACTIONS])
                stale = stale[TRANSACTION_ACTIONS:]
        except ConditionFailed:
            raise RegistryError("MANIFEST_BLOB_UNKNOWN") from None
        if actions + stale:
            self._commit(actions, stale)

    def _commit(self, actions: list[Action], stale: list[Action]) -> None:
        try:
            self._table.write(actions + stale)
        except ConditionFailed as failure:
            if any(index >= len(actions) for index in failure.failed):
                raise RegistryError("MANIFEST_BLOB_UNKNOWN") from None
            raise TagMoved from None

    def _manifest_actions(self, repository: Repository, push: Push, now: int) -> list[Action]:
        pk, manifest = _partition(repository), push.manifest
        item = ManifestItem(
            pk,
            keys.manifest(str(manifest.digest)),
            media_type=manifest.media_type,
            size_bytes=len(manifest.content),
            content=manifest.content if len(manifest.content) <= INLINE_BYTES else None,
            key=_object(repository, push),
            subject=str(manifest.subject.digest) if manifest.subject else None,
            artifact_type=manifest.artifact_type,
            pushed_at=now,
            pushed_by=push.pushed_by,
        )
        actions = [self._table.put(item)]
        if manifest.subject:
            actions.append(self._table.put(_referrer(pk, manifest, item.key)))
        if not push.gathered.is_repository_known:
            name = str(repository.name)
            actions.append(self._table.put(RepositoryItem(pk, keys.REPOSITORY, created_at=now)))
            actions.append(self._table.put(CatalogItem(keys.CATALOG, name, project_id=repository.project_id)))
        return actions

    def _tag_actions(self, repository: Repository, push: Push, *, now: int) -> list[Action]:
        """Move the tags that do not point here yet, each on the condition that it is where it was when read."""
        pk, digest = _partition(repository), str(push.manifest.digest)
        actions: list[Action] = []
        for tag in push.tags:
            name, before = str(tag), push.gathered.tags.get(tag)
            if before == push.manifest.digest:
                continue
            pointer = TagItem(pk, keys.tag(name), digest=digest, tagged_at=now)
            if before is None:
                actions.append(self._table.put(pointer, is_new=True))
            else:
                old = {":old": str(before)}
                actions.append(self._table.put(pointer, condition="digest = :old", values=old))
                actions.append(self._table.delete(pk, keys.tag_of(str(before), name)))
            actions.append(self._table.put(TagOfItem(pk, keys.tag_of(digest, name))))
            history = HistoryItem(pk, keys.history(name, _now_us()), digest=digest, by=push.pushed_by)
            actions.append(self._table.put(history))
        return actions

    def untag(self, repository: Repository, tag: Tag, *, by: str) -> bool:
        """See `ManifestStore.untag`. One read, one transaction."""
        pk, name = _partition(repository), str(tag)
        for _ in range(5):
            digest = self.resolve(repository, tag)
            if digest is None:
                return False
            actions = self._drop_tag(pk, name, str(digest))
            actions.append(self._table.put(HistoryItem(pk, keys.history(name, _now_us()), digest=None, by=by)))
            try:
                self._table.write(actions)
            except ConditionFailed:
                continue
            return True
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        """See `ManifestStore.delete`. The manifest goes first, so no new tag can appear; then its tags, fifty a transaction.
        After a crash in between the tags lead nowhere (404), and deleting again removes them. The object stays for garbage
        collection: deleting it here could race with the same manifest's next push."""
        pk, name = _partition(repository), str(digest)
        item = cast("ManifestItem | None", self._table.get(pk, keys.manifest(name)))
        if item is not None:
            actions = [
                self._table.delete(pk, keys.manifest(name)),
                self._table.put(DeletionItem(pk, keys.deletion(name, _now_us()), by=by)),
            ]
            if item.subject:
                actions.append(self._table.delete(pk, keys.referrer(item.subject, name)))
            self._table.write(actions)
        prefix = keys.tag_of(name)
        while True:
            page = self._table.keys(pk, prefix, after=None, limit=1000)
            tags = [sk[len(prefix) :] for sk in page.sort_keys]
            for start in range(0, len(tags), _TAGS_A_TRANSACTION):
                self._drop_tags(pk, name, tags[start : start + _TAGS_A_TRANSACTION])
            if page.is_last:
                return item is not None

    def _drop_tags(self, pk: str, digest: str, tags: list[str]) -> None:
        """Remove tags that still point at the manifest; one that moved meanwhile only loses its back reference."""
        moved: set[str] = set()
        while True:
            actions: list[Action] = []
            for tag in tags:
                back = [self._table.delete(pk, keys.tag_of(digest, tag))]
                actions += back if tag in moved else self._drop_tag(pk, tag, digest)
            try:
                self._table.write(actions)
            except ConditionFailed:
                pointers = self._table.batch((pk, keys.tag(tag)) for tag in tags)
                at_home = {
                    sk.partition("#")[2] for (_, sk), item in pointers.items() if cast(TagItem, item).digest == digest
                }
                moved = set(tags) - at_home
            else:
                return

    def _drop_tag(self, pk: str, tag: str, digest: str) -> list[Action]:
        return [
            self._table.delete(pk, keys.tag(tag), condition="digest = :digest", values={":digest": digest}),
            self._table.delete(pk, keys.tag_of(digest, tag)),
        ]

    def is_repository(self, repository: Repository) -> bool:
        """See `ManifestStore.is_repository`. One GetItem."""
        return self._table.get(_partition(repository), keys.REPOSITORY) is not None

    def tags(self, repository: Repository, *, after: str | None, limit: int) -> Page[str]:
        """See `ManifestStore.tags`. One Query of sort keys."""
        prefix = keys.tag("")
        start = None if after is None else keys.tag(after)
        page = self._table.keys(_partition(repository), prefix, after=start, limit=limit)
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
        pk, prefix = _partition(repository), keys.referrer(str(subject))
        start = None if after is None else prefix + after
        found: list[Descriptor] = []
        room_bytes = REFERRERS_BYTES
        for _ in range(1 if artifact_type is None else _FILTER_ROUNDS):
            items = self._table.query(pk, prefix, after=start, limit=limit)
            for item in cast("list[ReferrerItem]", items):
                if artifact_type in (None, item.artifact_type):
                    descriptor = self._descriptor(item)
                    room_bytes -= descriptor.listed_bytes()
                    if found and room_bytes < 0:
                        return Page(found, str(found[-1].digest))
                    found.append(descriptor)
                start = item.sk
                if len(found) == limit:
                    break
            if len(items) < limit:
                return Page(found)
            if len(found) == limit:
                break
        return Page(found, None if start is None else start[len(prefix) :])

    def _descriptor(self, item: ReferrerItem) -> Descriptor:
        annotations = item.annotations
        if item.key is not None:
            annotations = json.loads(self._objects.get(item.key)).get("annotations")
        digest = Digest.parse(item.sk.rpartition("#")[2])
        return Descriptor(item.media_type, digest, int(item.size_bytes), item.artifact_type, annotations)


def _referrer(pk: str, manifest: Manifest, key: str) -> Item:
    """A referrer's entry; annotations too large for it are read from the manifest when somebody asks."""
    assert manifest.subject is not None
    annotations = manifest.annotations
    is_small = annotations is None or len(json.dumps(annotations)) <= _ANNOTATIONS_BYTES
    return ReferrerItem(
        pk,
        keys.referrer(str(manifest.subject.digest), str(manifest.digest)),
        media_type=manifest.media_type,
        size_bytes=len(manifest.content),
        artifact_type=manifest.artifact_type,
        annotations=annotations if is_small else None,
        key=None if is_small else key,
    )


def _object(repository: Repository, push: Push) -> str:
    digest = push.manifest.digest
    return keys.manifest_object(repository.name.project, repository.name.repository, digest.algorithm, digest.hex)


def _partition(repository: Repository) -> str:
    return keys.repository(repository.project_id, repository.name.repository)


def _now_us() -> int:
    """The moment of writing, which orders history rows; the registry's own `now` is too coarse for that."""
    return time.time_ns() // 1000
