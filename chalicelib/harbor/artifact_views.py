"""JSON views of artifacts, tags and accessories. Source: Harbor `src/server/v2.0/handler/model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.harbor.icons import icon_of
from chalicelib.harbor.labels import label_view
from chalicelib.harbor.views import moment, place, present
from chalicelib.oci import additions
from chalicelib.oci.artifact import Accessory, TagEntry, artifact_id, repository_id, tag_id
from chalicelib.oci.artifacts import Detail
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import INDEX_TYPES
from chalicelib.oci.reference import Repository
from chalicelib.oci.references import Reference, references

NEVER = "0001-01-01T00:00:00.000Z"
"""How Harbor says that something was never pulled."""


def artifact_view(detail: Detail, repository: Repository) -> dict[str, Any]:
    """Render an artifact with what was read of it."""
    artifact, row, manifest = detail.artifact, detail.artifact.row, detail.manifest
    number = _artifact_id(repository, row.digest)
    return present({
        "id": number,
        "type": row.type,
        "media_type": row.media_type,
        "manifest_media_type": row.manifest_media_type,
        "artifact_type": row.artifact_type or "",
        "project_id": repository.project_id,
        "repository_id": repository_id(repository.project_id, repository.name.repository),
        "repository_name": str(repository),
        "digest": str(row.digest),
        "size": row.size_bytes,
        "icon": icon_of(row.type),
        "push_time": moment(row.pushed_at),
        "pull_time": _pulled(detail.pulled_at),
        "extra_attrs": present(detail.attributes),
        "annotations": dict(manifest.annotations or {}) if manifest else None,
        "references": [_reference(repository, number, found) for found in references(manifest)] if manifest else None,
        "addition_links": _links(repository, artifact.digest, row.type, row.manifest_media_type),
        "tags": None if detail.tags is None else [tag_view(repository, tag) for tag in detail.tags],
        "labels": None if detail.labels is None else [label_view(label) for label in detail.labels],
        "accessories": _accessories(repository, row.digest, detail.accessories),
        "inherited_accessories": [accessory_view(repository, *found) for found in detail.inherited or ()] or None,
    })  # fmt: skip


def tag_view(repository: Repository, tag: TagEntry) -> dict[str, Any]:
    """Render a tag."""
    project_id, name = repository.project_id, repository.name.repository
    return {
        "id": tag_id(project_id, name, tag.name),
        "repository_id": repository_id(project_id, name),
        "artifact_id": artifact_id(project_id, name, tag.digest),
        "name": tag.name,
        "push_time": moment(tag.tagged_at),
        "pull_time": _pulled(tag.pulled_at),
        "immutable": False,
    }


def accessory_view(repository: Repository, subject: Digest, accessory: Accessory) -> dict[str, Any]:
    """Render an accessory. It is an artifact too, and has the same number as both."""
    number = _artifact_id(repository, accessory.digest)
    return {
        "id": number,
        "artifact_id": number,
        "subject_artifact_id": _artifact_id(repository, subject),
        "subject_artifact_digest": str(subject),
        "subject_artifact_repo": str(repository),
        "size": accessory.size_bytes,
        "digest": str(accessory.digest),
        "type": accessory.type,
        "icon": icon_of(accessory.type),
        "creation_time": moment(accessory.pushed_at),
    }


def _accessories(
    repository: Repository, subject: Digest, found: Sequence[Accessory] | None
) -> list[dict[str, Any]] | None:
    return None if found is None else [accessory_view(repository, subject, accessory) for accessory in found]


def _reference(repository: Repository, parent: int, found: Reference) -> dict[str, Any]:
    return present({
        "parent_id": parent,
        "child_id": _artifact_id(repository, found.digest),
        "child_digest": str(found.digest),
        "platform": _platform(found.platform),
        "annotations": dict(found.annotations) or None,
        "urls": list(found.urls) or None,
    })  # fmt: skip


def _platform(platform: Mapping[str, Any]) -> dict[str, Any] | None:
    """Harbor's description has quotes inside these names, and so have its answers."""
    return {f"'{name}'" if "." in name else name: value for name, value in platform.items()} or None


def _links(repository: Repository, digest: Digest, type_: str, media_type: str) -> dict[str, Any]:
    """Where additions are."""
    home = f"/api/v2.0{place(repository.name.project, repository.name.repository)}/artifacts/{digest}/additions"
    names = additions.of_type(type_, is_index=media_type in INDEX_TYPES)
    return {addition: {"href": f"{home}/{addition}", "absolute": False} for addition in names}


def _artifact_id(repository: Repository, digest: Digest) -> int:
    return artifact_id(repository.project_id, repository.name.repository, digest)


def _pulled(at: int | None) -> str:
    return NEVER if at is None else moment(at)
