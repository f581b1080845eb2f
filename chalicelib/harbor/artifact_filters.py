"""What a list of artifacts is filtered and sorted by: their rows, and what must be read beside them when it is asked for.

Source: Harbor `src/pkg/artifact/dao/dao.go` (`tags=*`, `tags=nil`, `tags=~v1`, `labels=(1 2)`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chalicelib.harbor.paging import Asked
from chalicelib.harbor.query import Criterion, Kind
from chalicelib.oci.artifact import ArtifactRow, artifact_id
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository

_TAGS, _LABELS, _PULLED = "tags", "labels", "pull_time"
_ANY, _NONE = "*", "nil"
_TAGS_A_QUERY = 5000


class Marks(NamedTuple):
    """What is not in the rows: names of tags, numbers of labels, times of pulls."""

    tags: Mapping[Digest, Sequence[str]] = {}
    labels: Mapping[Digest, frozenset[int]] = {}
    pulled: Mapping[Digest, int] = {}


def narrowed(asked: Asked) -> Asked:
    """Turn `tags=*` and `tags=nil` into criteria of their own."""
    criteria = tuple(_criterion(criterion) for criterion in asked.criteria)
    return Asked(asked.page, asked.page_size, criteria, asked.orders)


def _criterion(criterion: Criterion) -> Criterion:
    if criterion.field == _TAGS and criterion.kind is Kind.EXACT and criterion.values[0] in (_ANY, _NONE):
        return Criterion("is_tagged", Kind.EXACT, (str(criterion.values[0] == _ANY).lower(),))
    return criterion


def marks(store: ArtifactStore, repository: Repository, asked: Asked, rows: Sequence[ArtifactRow]) -> Marks:
    """Read what criteria and orders ask for: tags (one query per 5,000), labels (the same), pulls (one batch read per hundred
    artifacts)."""
    fields = {criterion.field for criterion in asked.criteria} | {order.field for order in asked.orders}
    return Marks(
        _tags(store, repository) if fields & {_TAGS, "is_tagged"} else {},
        store.labelled(repository) if _LABELS in fields else {},
        store.pulled(repository, [row.digest for row in rows]) if _PULLED in fields else {},
    )


def _tags(store: ArtifactStore, repository: Repository) -> Mapping[Digest, Sequence[str]]:
    found: dict[Digest, list[str]] = {}
    after: str | None = None
    while True:
        page = store.tag_page(repository, after=after, limit=_TAGS_A_QUERY)
        for tag in page.items:
            found.setdefault(tag.digest, []).append(tag.name)
        if page.after is None:
            return found
        after = page.after


def fields(row: ArtifactRow, repository: Repository, found: Marks) -> Mapping[str, Any]:
    """What an artifact is compared by. A never pulled one has no time, and is in no range that has a beginning."""
    tags, pulled_at = found.tags.get(row.digest, ()), found.pulled.get(row.digest)
    return {
        "id": artifact_id(repository.project_id, repository.name.repository, row.digest),
        "digest": str(row.digest),
        "type": row.type,
        "media_type": row.media_type,
        "manifest_media_type": row.manifest_media_type,
        "artifact_type": row.artifact_type or "",
        "size": row.size_bytes,
        "push_time": datetime.fromtimestamp(row.pushed_at, UTC),
        "pull_time": None if pulled_at is None else datetime.fromtimestamp(pulled_at, UTC),
        "repository_name": str(repository),
        "project_id": repository.project_id,
        "is_tagged": bool(tags),
        _TAGS: list(tags),
        _LABELS: sorted(found.labels.get(row.digest, ())),
    }
