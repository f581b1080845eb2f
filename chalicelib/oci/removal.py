"""An artifact removed as Harbor removes it: with its accessories, and with the children of an index that nothing else needs.

Over `/v2/` only the manifest goes, as the OCI specification says. Source: Harbor `src/controller/artifact/controller.go`,
deleteDeeply.
"""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.oci.artifact import Artifact
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import INDEX_TYPES, parse_manifest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.reference import Repository


class Removal:
    """Removes artifacts."""

    def __init__(self, store: ArtifactStore, manifests: Manifests) -> None:
        self._store, self._manifests = store, manifests

    def remove(self, repository: Repository, artifact: Artifact, *, by: str, now: int) -> None:
        """Remove an artifact with its tags and what lives only with it. The artifact goes first: who is interrupted leaves
        artifacts in the list that can be removed like any other, and never one without its signature.
        Raises PRECONDITION when an index names it, MANIFEST_UNKNOWN when somebody else removed it."""
        if self._is_named(repository, artifact.digest):
            raise RegistryError("PRECONDITION", message="the deleting artifact is referenced by others")
        waiting = self._needs(repository, artifact.digest, now)
        self._manifests.delete(repository, artifact.digest, by=by)
        seen = {artifact.digest}
        while waiting:
            digest, is_accessory = waiting.pop()
            if digest in seen or self._is_needed(repository, digest, is_accessory=is_accessory):
                continue
            seen.add(digest)
            waiting += self._needs(repository, digest, now)
            self._remove(repository, digest, by)

    def _needs(self, repository: Repository, digest: Digest, now: int) -> list[tuple[Digest, bool]]:
        """What belongs to an artifact, and whether as an accessory: what names it as its subject, what it names as an index."""
        found = [(accessory.digest, True) for accessory in self._store.accessories(repository, digest)]
        loaded = self._store.load(repository, [digest]).get(digest)
        if loaded is not None and loaded.row.manifest_media_type in INDEX_TYPES:
            stored = self._manifests.get(repository, digest, now=now)
            children = parse_manifest(stored.content, stored.media_type, digest).manifests
            found += [(child.digest, False) for child in children]
        return found

    def _is_needed(self, repository: Repository, digest: Digest, *, is_accessory: bool) -> bool:
        """An accessory lives and dies with its subject; a child of an index lives on with a tag of its own."""
        is_tagged = not is_accessory and bool(self._store.tags_of(repository, digest, limit=1))
        return is_tagged or self._is_named(repository, digest)

    def _is_named(self, repository: Repository, digest: Digest) -> bool:
        return bool(self._store.parents(repository, digest, limit=1))

    def _remove(self, repository: Repository, digest: Digest, by: str) -> None:
        try:
            self._manifests.delete(repository, digest, by=by)
        except RegistryError as error:
            if error.code != "MANIFEST_UNKNOWN":
                raise
