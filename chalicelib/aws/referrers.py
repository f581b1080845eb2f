"""Referrers in DynamoDB: an entry beside each manifest that names a subject, read a page at a time."""

from __future__ import annotations

import json
from typing import cast

from chalicelib.aws import keys
from chalicelib.aws.registry_tables import ReferrerItem
from chalicelib.aws.table import Table
from chalicelib.aws.tables import Item
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest
from chalicelib.oci.ports import REFERRERS_BYTES, ObjectStore, Page

_ANNOTATIONS_BYTES = 8 * 1024
_FILTER_ROUNDS = 4


def referrer_page(
    table: Table,
    objects: ObjectStore,
    pk: str,
    subject: Digest,
    *,
    artifact_type: str | None,
    after: str | None,
    limit: int,
) -> Page[Descriptor]:
    """See `ManifestStore.referrers`. One Query a page; with a filter at most four, then the page is short."""
    prefix = keys.referrer(str(subject))
    start = None if after is None else prefix + after
    found: list[Descriptor] = []
    room_bytes = REFERRERS_BYTES
    for _ in range(1 if artifact_type is None else _FILTER_ROUNDS):
        items = table.query(pk, prefix, after=start, limit=limit)
        for item in cast("list[ReferrerItem]", items):
            if artifact_type in (None, item.artifact_type):
                descriptor = _descriptor(objects, item)
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


def referrer_item(pk: str, manifest: Manifest, key: str, *, total_bytes: int, now: int) -> Item:
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
        total_bytes=total_bytes,
        pushed_at=now,
    )


def _descriptor(objects: ObjectStore, item: ReferrerItem) -> Descriptor:
    annotations = item.annotations
    if item.key is not None:
        annotations = json.loads(objects.get(item.key)).get("annotations")
    digest = Digest.parse(item.sk.rpartition("#")[2])
    return Descriptor(item.media_type, digest, int(item.size_bytes), item.artifact_type, annotations)
