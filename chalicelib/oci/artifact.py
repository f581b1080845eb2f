"""What Harbor's API tells about a manifest: its type, its size, its number, its place in the repository's list. Pure.

Harbor calls a manifest with all it holds an *artifact*. Types are derived as Harbor derives them, so that its clients filter
and show the same: from `artifactType` or the config's media type; unknown ones by the pattern
`application/vnd.<organization>.<type>.config.<version>+json`. Source: Harbor 2.x, `src/controller/artifact`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import INDEX_TYPES, Manifest

IMAGE, CHART, WASM, CNAB, SBOM, CNAI, UNKNOWN = "IMAGE", "CHART", "WASM", "CNAB", "SBOM", "CNAI", "UNKNOWN"
LABELS_MAX = 100
"""Labels one artifact may have."""

_WASM_CONFIG = "application/vnd.wasm.config.v1+json"
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(INDEX_TYPES, IMAGE),
    "application/vnd.oci.image.config.v1+json": IMAGE,
    "application/vnd.docker.container.image.v1+json": IMAGE,
    "application/vnd.cncf.helm.config.v1+json": CHART,
    _WASM_CONFIG: WASM,
    "application/vnd.cnab.manifest.v1": CNAB,
    "application/vnd.goharbor.harbor.sbom.v1": SBOM,
    "application/vnd.cncf.model.manifest.v1+json": CNAI,
}
_OTHER = re.compile(r"application/vnd\.[^.]*\.(.*)\.config\.[^.]*\+json")
_ACCESSORIES: Mapping[str, str] = {
    "application/vnd.cncf.notary.signature": "signature.notation",
    "application/vnd.dev.cosign.artifact.sig.v1+json": "signature.cosign",
    "application/vnd.dev.sigstore.bundle.v0.3+json": "signature.cosign",
    "application/vnd.goharbor.harbor.sbom.v1": "sbom.harbor",
}


class ArtifactRow(NamedTuple):
    """An artifact as the list of its repository has it: enough to page, sort and filter."""

    digest: Digest
    pushed_us: int
    """When it was pushed, in microseconds since 1970: the order of the list."""
    size_bytes: int
    """The manifest and its distinct blobs; an index and its children."""
    type: str
    """Harbor's word: IMAGE, CHART, ..., UNKNOWN."""
    media_type: str
    """Harbor's: the config's media type, an index's own."""
    manifest_media_type: str
    artifact_type: str | None

    @property
    def pushed_at(self) -> int:
        """When it was pushed, Unix seconds."""
        return self.pushed_us // 1_000_000


class Listed(NamedTuple):
    """A stored manifest's row and where it is."""

    row: ArtifactRow
    is_shown: bool
    """It is in the repository's list; accessories and the untagged children of an index are not."""
    is_tagged: bool
    """It has or had a tag: an index that names it does not take it from the list."""
    is_accessory: bool


class Artifact(NamedTuple):
    """Everything stored about a manifest. `content` is its bytes when they were asked for and are in the table (64 KiB)."""

    row: ArtifactRow
    manifest_bytes: int
    config_digest: Digest | None
    subject: Digest | None
    pushed_by: str
    is_shown: bool
    labels: frozenset[int] = frozenset()
    content: bytes | None = None

    @property
    def digest(self) -> Digest:
        """The manifest's digest."""
        return self.row.digest


class Accessory(NamedTuple):
    """A manifest that names another one as its subject."""

    digest: Digest
    size_bytes: int
    type: str
    """Harbor's word, see `accessory_type`."""
    artifact_type: str | None
    pushed_at: int


class TagEntry(NamedTuple):
    """A tag as it is now. Times are Unix seconds; `pulled_at` is None when it never was, or was not asked for."""

    name: str
    digest: Digest
    tagged_at: int
    pulled_at: int | None = None


class RepositoryRow(NamedTuple):
    """A repository as the list of all of them has it."""

    name: str
    """With the project: `<project>/<repository>`."""
    project_id: int
    repository_id: int
    created_at: int


class RepositoryRecord(NamedTuple):
    """A repository with its numbers. Times are Unix seconds."""

    row: RepositoryRow
    description: str | None
    updated_at: int
    artifact_count: int
    pull_count: int
    pulled_at: int | None


class Statistics(NamedTuple):
    """How often a repository was pulled from, and when last (Unix seconds)."""

    pull_count: int = 0
    pulled_at: int | None = None


def row_of(manifest: Manifest, child_bytes: Iterable[int], pushed_us: int) -> ArtifactRow:
    """Describe a pushed manifest; `child_bytes` are the sizes of the artifacts an index names."""
    media_type = _media_type(manifest)
    blobs = {blob.digest: blob.size_bytes for blob in manifest.blobs}
    return ArtifactRow(
        manifest.digest,
        pushed_us,
        len(manifest.content) + sum(blobs.values()) + sum(child_bytes),
        artifact_type_of(manifest.artifact_type or media_type, media_type),
        media_type,
        manifest.media_type,
        manifest.artifact_type,
    )


def artifact_type_of(resolved: str, media_type: str) -> str:
    """Harbor's type of an artifact: known by `resolved` (its artifactType, else its media type), else read from `media_type`."""
    if resolved in _TYPES:
        return _TYPES[resolved]
    match = _OTHER.fullmatch(media_type)
    return match[1].upper() if match else UNKNOWN


def accessory_type(artifact_type: str | None) -> str:
    """Harbor's type of an accessory by its artifact type: `signature.cosign`, ..., `subject.accessory`."""
    return _ACCESSORIES.get(artifact_type or "", "subject.accessory")


def repository_id(project_id: int, name: str) -> int:
    """A repository's number in Harbor's API; `name` is without the project. The same for the same name in one project."""
    return _number("repository", str(project_id), name)


def artifact_id(project_id: int, name: str, digest: Digest) -> int:
    """An artifact's number in Harbor's API."""
    return _number("artifact", str(project_id), name, str(digest))


def tag_id(project_id: int, name: str, tag: str) -> int:
    """A tag's number in Harbor's API."""
    return _number("tag", str(project_id), name, tag)


def _number(*parts: str) -> int:
    """1 to 2**53 - 1, which JavaScript reads exactly; of 10 million two are the same with a chance of 1 in 180."""
    first = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])
    return (first >> 11) or 1


def _media_type(manifest: Manifest) -> str:
    annotations = manifest.annotations or {}
    if manifest.media_type in INDEX_TYPES:
        return annotations.get("org.opencontainers.artifactType") or manifest.media_type
    is_wasm = annotations.get("module.wasm.image/variant") == "compat" or annotations.get("run.oci.handler") == "wasm"
    return _WASM_CONFIG if is_wasm else manifest.blobs[0].media_type
