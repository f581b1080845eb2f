"""Artifacts as Harbor's API knows them: found by tag or digest, told with all that belongs to them, marked with labels.

Source: Harbor `src/controller/artifact/controller.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.oci.artifact import Accessory, Artifact, TagEntry
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.contents import Contents
from chalicelib.oci.digest import Digest
from chalicelib.oci.label import Label, LabelStore
from chalicelib.oci.manifest import Manifest, parse_manifest
from chalicelib.oci.ports import ManifestStore
from chalicelib.oci.reference import Repository, Tag, parse_reference
from chalicelib.parallel import each

SIGNATURES = ("signature.cosign", "signature.notation")


class Wanted(NamedTuple):
    """What to tell beside the artifact itself."""

    tags: bool = True
    labels: bool = False
    accessories: bool = False
    inherited: bool = False
    """Signatures of the indexes that name the artifact."""


class Detail(NamedTuple):
    """An artifact with what was asked for. None where it was not, or where the manifest is too large for a list."""

    artifact: Artifact
    manifest: Manifest | None
    pulled_at: int | None
    attributes: Mapping[str, Any]
    tags: Sequence[TagEntry] | None = None
    labels: Sequence[Label] | None = None
    accessories: Sequence[Accessory] | None = None
    inherited: Sequence[tuple[Digest, Accessory]] | None = None


class Artifacts:
    """The artifacts of repositories."""

    def __init__(
        self, store: ArtifactStore, manifests: ManifestStore, contents: Contents, labels: LabelStore
    ) -> None:
        self._store, self._manifests, self._contents, self._labels = store, manifests, contents, labels

    def find(self, repository: Repository, reference: str) -> Artifact:
        """Find an artifact by tag (two reads) or digest (one). Raises NOT_FOUND."""
        digest = self._digest(repository, reference)
        artifact = None if digest is None else self._store.load(repository, [digest]).get(digest)
        if artifact is None:
            raise unknown(repository, reference)
        return artifact

    def _digest(self, repository: Repository, reference: str) -> Digest | None:
        try:
            parsed = parse_reference(reference)
        except RegistryError:
            return None
        return self._manifests.resolve(repository, parsed) if isinstance(parsed, Tag) else parsed

    def has_tag(self, repository: Repository, artifact: Artifact, tag: str) -> bool:
        """Say whether a tag, or what may be none, points at an artifact. One read."""
        return self._manifests.resolve(repository, Tag(tag)) == artifact.digest

    def get(self, repository: Repository, reference: str, wanted: Wanted, *, now: int) -> Detail:
        """Tell everything about one artifact. Raises NOT_FOUND. About ten reads, one more for a manifest above 64 KiB."""
        digest = self._digest(repository, reference)
        found = self.details(repository, [digest] if digest else [], wanted, now=now)
        if not found:
            raise unknown(repository, reference)
        detail = found[0]
        return detail if detail.manifest else detail._replace(manifest=self.manifest(repository, detail.artifact))

    def details(
        self, repository: Repository, digests: Sequence[Digest], wanted: Wanted, *, now: int
    ) -> Sequence[Detail]:
        """Tell about the artifacts of a page; those deleted meanwhile are left out. Per page: one batch read per 50 artifacts,
        one of pulls, of labels and of links to configs; per artifact: one query of tags, one more when it was ever pulled, one
        of accessories, two or more of inherited ones, and one GET of a config this process does not know."""
        found = self._store.load(repository, digests, is_with_content=True)
        artifacts = [found[digest] for digest in digests if digest in found]
        if not artifacts:
            return []
        pulled = self._store.pulled(repository, list(found))
        configs = {artifact.config_digest: artifact.row.type for artifact in artifacts if artifact.config_digest}
        attributes = self._contents.attributes(repository, configs, now=now)
        labels = self._labels.load({n for a in artifacts for n in a.labels}) if wanted.labels else {}
        parts = each(lambda a: self._parts(repository, a.digest, wanted, was_pulled=a.digest in pulled), artifacts)
        return [
            Detail(
                artifact,
                _parsed(artifact),
                pulled.get(artifact.digest),
                attributes.get(artifact.config_digest, {}) if artifact.config_digest else {},
                part.tags,
                _labels(artifact, labels, repository.project_id) if wanted.labels else None,
                part.accessories,
                part.inherited,
            )
            for artifact, part in zip(artifacts, parts, strict=True)
        ]

    def _parts(self, repository: Repository, digest: Digest, wanted: Wanted, *, was_pulled: bool) -> _Parts:
        return _Parts(
            self._store.tags_of(repository, digest, is_with_pulls=was_pulled) if wanted.tags else None,
            self._store.accessories(repository, digest) if wanted.accessories else None,
            self._inherited(repository, digest) if wanted.inherited else None,
        )

    def _inherited(self, repository: Repository, digest: Digest) -> Sequence[tuple[Digest, Accessory]]:
        return [
            (parent, accessory)
            for parent in self._store.parents(repository, digest)
            for accessory in self._store.accessories(repository, parent)
            if accessory.type in SIGNATURES
        ]

    def manifest(self, repository: Repository, artifact: Artifact) -> Manifest:
        """Read an artifact's manifest. Raises NOT_FOUND. Two reads at most."""
        stored = self._manifests.find(repository, artifact.digest)
        if stored is None:
            raise unknown(repository, str(artifact.digest))
        return parse_manifest(stored.content, stored.media_type, stored.digest)

    def add_label(self, repository: Repository, reference: str, label_id: int) -> None:
        """Mark an artifact with a label of the registry or of its project. Raises NOT_FOUND, CONFLICT, BAD_REQUEST when it has as
        many as it can. Three or four reads, one transaction."""
        label = self._labels.find(label_id)
        if label is None:
            raise RegistryError("NOT_FOUND", message=f"label {label_id} not found")
        if not label.is_for(repository.project_id):
            raise RegistryError("NOT_FOUND", message=f"project id {repository.project_id}, label {label_id} not found")
        artifact = self.find(repository, reference)
        if label_id in artifact.labels:
            message = f"label {label_id} is already added to the artifact {reference}"
            raise RegistryError("CONFLICT", message=message)
        if self._store.add_label(repository, artifact.digest, label_id):
            return
        if not (self._drop_dead_labels(repository, artifact) and self._store.add_label(repository, artifact.digest, label_id)):
            raise RegistryError("BAD_REQUEST", message=f"the artifact has {len(artifact.labels)} labels, which is the most")

    def _drop_dead_labels(self, repository: Repository, artifact: Artifact) -> bool:
        """Take off the labels that were deleted; say whether there were any."""
        dead = artifact.labels - self._labels.load(artifact.labels).keys()
        for label_id in dead:
            self._store.remove_label(repository, artifact.digest, label_id)
        return bool(dead)

    def remove_label(self, repository: Repository, reference: str, label_id: int) -> None:
        """Take a label off an artifact. Raises NOT_FOUND. One or two reads, one write."""
        artifact = self.find(repository, reference)
        if label_id not in artifact.labels:
            message = f"reference with label {label_id} and artifact {reference[:140]} not found"
            raise RegistryError("NOT_FOUND", message=message)
        self._store.remove_label(repository, artifact.digest, label_id)


class _Parts(NamedTuple):
    tags: Sequence[TagEntry] | None
    accessories: Sequence[Accessory] | None
    inherited: Sequence[tuple[Digest, Accessory]] | None


def _parsed(artifact: Artifact) -> Manifest | None:
    if artifact.content is None:
        return None
    return parse_manifest(artifact.content, artifact.row.manifest_media_type, artifact.digest)


def _labels(artifact: Artifact, labels: Mapping[int, Label], project_id: int) -> list[Label]:
    """Labels that were deleted are still numbered on artifacts, and are passed over."""
    found = (labels[number] for number in sorted(artifact.labels) if number in labels)
    return [label for label in found if label.is_for(project_id)]


def unknown(repository: Repository, reference: str) -> RegistryError:
    """The error for an artifact that is not there."""
    between = "@" if ":" in reference else ":"
    return RegistryError("NOT_FOUND", message=f"artifact {repository}{between}{reference[:140]} not found")
