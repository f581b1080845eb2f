"""An artifact copied from one repository into another: blobs are mounted, manifests put again byte for byte.

Source: Harbor `src/controller/artifact/controller.go`, copyDeeply.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.errors import RegistryError
from chalicelib.oci.artifact import Artifact
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.blobs import Blobs
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, is_manifest_type, parse_manifest
from chalicelib.oci.manifests import MAX_TAGS, Manifests
from chalicelib.oci.ports import ManifestStore
from chalicelib.oci.reference import Repository, Tag
from chalicelib.parallel import each

MANIFESTS_MAX = 500
"""What one copy may consist of: more would not end within a request."""


class Copying:
    """Copies artifacts."""

    def __init__(self, store: ArtifactStore, manifest_store: ManifestStore, manifests: Manifests, blobs: Blobs) -> None:
        self._store, self._manifest_store = store, manifest_store
        self._manifests, self._blobs = manifests, blobs

    def copy(self, source: Repository, artifact: Artifact, target: Repository, *, by: str, now: int) -> None:
        """Copy an artifact with its tags, with what an index names and with all accessories. The artifact itself comes last, so
        that whoever finds it finds everything. Can be repeated. Per manifest two batch reads, a transaction for each blob the
        target lacks, and one for the manifest. Raises DENIED for an accessory and for want of quota, BAD_REQUEST when it is too
        much, MANIFEST_BLOB_UNKNOWN when something went meanwhile."""
        if artifact.subject is not None:
            raise RegistryError("DENIED", message="the operation isn't supported for an artifact accessory")
        tags = [Tag(tag.name) for tag in self._store.tags_of(source, artifact.digest)]
        for manifest in self._parts(source, artifact.digest, now):
            self._mount(source, target, manifest, now)
            self._put(target, manifest, tags if manifest.digest == artifact.digest else [], by, now)

    def _parts(self, source: Repository, root: Digest, now: int) -> Sequence[Manifest]:
        """Everything to copy: first what an artifact needs, then the artifact. Depth first, each manifest once."""
        loaded: dict[Digest, Manifest] = {}
        ordered: dict[Digest, Manifest] = {}
        waiting: list[tuple[Digest, bool]] = [(root, False)]
        while waiting:
            digest, has_all = waiting.pop()
            if has_all:
                ordered[digest] = loaded[digest]
                continue
            if digest in loaded:
                continue
            if len(loaded) == MANIFESTS_MAX:
                raise RegistryError("BAD_REQUEST", message=f"the artifact has more than {MANIFESTS_MAX} parts to copy")
            stored = self._manifests.get(source, digest, now=now)
            loaded[digest] = manifest = parse_manifest(stored.content, stored.media_type, digest)
            waiting.append((digest, True))
            waiting += [(child.digest, False) for child in manifest.manifests if is_manifest_type(child.media_type)]
            waiting += [(accessory.digest, False) for accessory in self._store.accessories(source, digest)]
        return list(ordered.values())

    def _mount(self, source: Repository, target: Repository, manifest: Manifest, now: int) -> None:
        """An index may name blobs too. What the source lacks, the PUT refuses."""
        others = [child for child in manifest.manifests if not (child.is_foreign or is_manifest_type(child.media_type))]
        links = self._manifest_store.gather(target, manifest, ()).links
        wanted = dict.fromkeys(part.digest for part in (*manifest.required_blobs, *others))
        missing = [digest for digest in wanted if digest not in links]
        each(lambda digest: self._blobs.mount(target, source, digest, now=now), missing)

    def _put(self, target: Repository, manifest: Manifest, tags: Sequence[Tag], by: str, now: int) -> None:
        for start in range(0, max(len(tags), 1), MAX_TAGS):
            self._manifests.put(
                target,
                manifest.digest,
                manifest.content,
                manifest.media_type,
                tags=tags[start : start + MAX_TAGS],
                by=by,
                now=now,
            )
