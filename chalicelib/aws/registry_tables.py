"""The items of repositories, artifacts, blobs and quotas; like `tables`, of which they are a part.

Source: DynamoDB developer guide, "Best practices for single-table design".
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
)

from chalicelib.aws.tables import Item


class CatalogItem(Item, discriminator="catalog"):
    """`C <project>/<repository>`"""

    project_id = NumberAttribute()
    created_at = NumberAttribute(null=True)
    repository_id = NumberAttribute(null=True)


class QuotaShardItem(Item, discriminator="quota_shard"):
    """`Q#<project id> <shard>`, bytes; room and used of all shards add up to the limit."""

    used = NumberAttribute()
    room = NumberAttribute()


class QuotaLimitItem(Item, discriminator="quota_limit"):
    """`Q#<project id> L`; the limit in bytes, -1 = none. `is_over`: more was used than the limit, the shards are in debt."""

    limit_bytes = NumberAttribute()
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    warned = BooleanAttribute(default=False)
    is_over = BooleanAttribute(default=False)
    is_closed = BooleanAttribute(default=False)


class RepositoryItem(Item, discriminator="repository"):
    """`R#<project id>#<repository> M`; `leaving` marks one whose deletion has begun, a push takes the mark away."""

    created_at = NumberAttribute()
    updated_at = NumberAttribute(null=True)
    repository_id = NumberAttribute(null=True)
    description = UnicodeAttribute(null=True)
    leaving = UnicodeAttribute(null=True)


_SHORT = {
    "application/vnd.oci.image.manifest.v1+json": "om",
    "application/vnd.oci.image.index.v1+json": "oi",
    "application/vnd.docker.distribution.manifest.v2+json": "dm",
    "application/vnd.docker.distribution.manifest.list.v2+json": "dl",
    "application/vnd.oci.image.config.v1+json": "oc",
    "application/vnd.docker.container.image.v1+json": "dc",
    "application/vnd.cncf.helm.config.v1+json": "hc",
}
_LONG = {short: long for long, short in _SHORT.items()}


class MediaTypeAttribute(UnicodeAttribute):
    """A media type; the frequent ones, which rows by the thousand repeat, take two letters. Others have a slash in them."""

    def serialize(self, value: Any) -> Any:
        """Shorten."""
        return _SHORT.get(value, value)

    def deserialize(self, value: Any) -> Any:
        """Lengthen."""
        return _LONG.get(value, value)


class ArtifactRowItem(Item, discriminator="ar"):
    """`R# I#<time>#<digest>`, `J#...`; short names: a call reads 1 MB. `artifact_type` is absent when it is `media_type`."""

    size_bytes = NumberAttribute(attr_name="s")
    type = UnicodeAttribute(attr_name="t")
    media_type = MediaTypeAttribute(attr_name="m")
    manifest_media_type = MediaTypeAttribute(attr_name="n")
    artifact_type = UnicodeAttribute(attr_name="a", null=True)


class EdgeItem(Item, discriminator="edge"):
    """`R# E#<part>#<digest>`"""


class LabelsItem(Item, discriminator="labels"):
    """`R# LB#<digest>`"""

    labels = NumberSetAttribute(null=True)


class StatisticsItem(Item, discriminator="statistics"):
    """`R# S`"""

    pull_count = NumberAttribute()
    pulled_at = NumberAttribute()


class PulledItem(Item, discriminator="pulled"):
    """`R# V#<digest>` and `V#<digest>#<tag>`"""

    pulled_at = NumberAttribute()


class ReleaseItem(Item, discriminator="release"):
    """`W#<0..3> <project id>#<repository>#<digest>`; `key` is the manifest's object, `nonce` the deletion that wrote it."""

    project = UnicodeAttribute()
    key = UnicodeAttribute()
    nonce = UnicodeAttribute()
    at = NumberAttribute()
    is_tracked = BooleanAttribute(default=True)


class ManifestItem(Item, discriminator="manifest"):
    """`R# A#<digest>`; `content` is absent when the bytes are in S3 only. `row` is the letter of its row: I or J."""

    media_type = UnicodeAttribute()
    size_bytes = NumberAttribute()
    content = BinaryAttribute(null=True, legacy_encoding=False)
    key = UnicodeAttribute()
    subject = UnicodeAttribute(null=True)
    artifact_type = UnicodeAttribute(null=True)
    pushed_at = NumberAttribute()
    pushed_by = UnicodeAttribute()
    pushed_us = NumberAttribute(null=True)
    row = UnicodeAttribute(null=True)
    is_tagged = BooleanAttribute(null=True)
    type = UnicodeAttribute(null=True)
    config_type = UnicodeAttribute(null=True)
    config_digest = UnicodeAttribute(null=True)
    total_bytes = NumberAttribute(null=True)


class TagItem(Item, discriminator="tag"):
    """`R# T#<tag>`"""

    digest = UnicodeAttribute()
    tagged_at = NumberAttribute()


class TagOfItem(Item, discriminator="tag_of"):
    """`R# D#<digest>#<tag>`"""

    tagged_at = NumberAttribute(null=True)


class HistoryItem(Item, discriminator="history"):
    """`R# H#<tag>#<time>`; no digest: the tag was removed."""

    digest = UnicodeAttribute(null=True)
    by = UnicodeAttribute()


class DeletionItem(Item, discriminator="deletion"):
    """`R# X#<digest>#<time>`"""

    by = UnicodeAttribute()


class ReferrerItem(Item, discriminator="referrer"):
    """`R# F#<subject>#<digest>`; `annotations` is absent when too large, then `key` says where the manifest is."""

    media_type = UnicodeAttribute()
    size_bytes = NumberAttribute()
    artifact_type = UnicodeAttribute(null=True)
    annotations = JSONAttribute(null=True)
    key = UnicodeAttribute(null=True)
    total_bytes = NumberAttribute(null=True)
    pushed_at = NumberAttribute(null=True)


class LinkItem(Item, discriminator="link"):
    """`R# B#<digest>`; `leaving` marks one that is about to be released, a push takes the mark away."""

    key = UnicodeAttribute()
    size_bytes = NumberAttribute()
    touched_at = NumberAttribute()
    leaving = UnicodeAttribute(null=True)


class ProjectBlobItem(Item, discriminator="project_blob"):
    """`PB#<project id>#<digest> B`; `charged_bytes` is what the first link charged to the quota and the last gives back."""

    key = UnicodeAttribute()
    size_bytes = NumberAttribute()
    repositories = NumberAttribute()
    charged_bytes = NumberAttribute(null=True)


class BlobItem(Item, discriminator="blob"):
    """`B#<digest> B`; `home` is the repository it was uploaded to, `<project id> <project>/<repository>`."""

    key = UnicodeAttribute()
    size_bytes = NumberAttribute()
    touched_at = NumberAttribute()
    links = NumberAttribute()
    home = UnicodeAttribute(null=True)
