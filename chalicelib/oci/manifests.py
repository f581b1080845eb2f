"""Manifests: pull, push, delete.

Source: OCI distribution-spec 1.1, "Pulling manifests", "Pushing manifests", "Pushing manifests with subject",
"Deleting manifests"; several `tag` parameters on PUT are from the next version of the specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, is_manifest_type, parse_manifest
from chalicelib.oci.ports import Gathered, Link, ManifestStore, Push, StoredManifest, TagMoved, is_stale
from chalicelib.oci.reference import Repository, Tag

MAX_TAGS = 10
_ATTEMPTS = 12
"""How often a push looks again. Each time somebody else got what it waited for; 20 deletions a second in the same repository
come in between one time in four."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a PUT stored."""

    digest: Digest
    subject: Digest | None
    tags: Sequence[Tag]


class Manifests:
    """The manifests of repositories."""

    def __init__(self, store: ManifestStore) -> None:
        self._store = store
        self._known: Cache[tuple[int, str, Digest], StoredManifest] = Cache(256)

    def get(self, repository: Repository, reference: Tag | Digest, *, now: int) -> StoredManifest:
        """Read a manifest. By tag: one read when its bytes are known here, else two. By digest: one read, so that a deleted
        manifest is gone at once. Raises MANIFEST_UNKNOWN (404)."""
        if isinstance(reference, Digest):
            return self._find(repository, reference, reference, now)
        digest = self._store.resolve(repository, reference)
        if digest is None:
            raise _unknown(reference)
        known = self._known.get((repository.project_id, repository.name.repository, digest), now)
        return known or self._find(repository, digest, reference, now)

    def _find(self, repository: Repository, digest: Digest, asked: Tag | Digest, now: int) -> StoredManifest:
        found = self._store.find(repository, digest)
        if found is None:
            raise _unknown(asked)
        if len(found.content) <= 64 * 1024:
            self._known.put((repository.project_id, repository.name.repository, digest), found, now)
        return found

    def put(
        self,
        repository: Repository,
        reference: Tag | Digest,
        content: bytes,
        content_type: str | None,
        *,
        tags: Sequence[Tag],
        by: str,
        now: int,
        are_tags_new: bool = False,
    ) -> Pushed:
        """Store a manifest under its digest and tags, byte for byte. Idempotent. `are_tags_new` demands that nothing has the tags
        yet, raising CONFLICT.
        Raises DIGEST_INVALID, MANIFEST_INVALID, TOO_LARGE, MANIFEST_BLOB_UNKNOWN, DENIED (quota); then nothing is stored."""
        named = list(dict.fromkeys([reference, *tags] if isinstance(reference, Tag) else tags))
        if len(named) > MAX_TAGS:
            raise RegistryError("TOO_MANY_TAGS", {"limit": MAX_TAGS})
        digest = _checked_digest(reference, content)
        manifest = parse_manifest(content, content_type, digest)
        subject = manifest.subject.digest if manifest.subject else None
        for attempt in range(_ATTEMPTS):
            gathered = self._store.gather(repository, manifest, named)
            if are_tags_new and gathered.tags:
                raise RegistryError("CONFLICT", message=f"tag {', '.join(map(str, gathered.tags))} already exists")
            stale = _check_references(manifest, gathered, now)
            try:
                self._store.put(repository, Push(manifest, named, gathered, stale, by, attempt > 0), now=now)
            except TagMoved:
                continue
            return Pushed(digest, subject, named)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def delete(self, repository: Repository, reference: Tag | Digest, *, by: str) -> None:
        """Remove a tag (the manifest stays) or a manifest with its tags. Raises MANIFEST_UNKNOWN (404)."""
        if isinstance(reference, Tag):
            was_there = self._store.untag(repository, reference, by=by)
        else:
            was_there = self._store.delete(repository, reference, by=by)
            self._known.drop((repository.project_id, repository.name.repository, reference))
        if not was_there:
            raise _unknown(reference)


def _checked_digest(reference: Tag | Digest, content: bytes) -> Digest:
    if isinstance(reference, Tag):
        return Digest.of(content)
    digest = Digest.of(content, reference.algorithm)
    if digest != reference:
        raise RegistryError("DIGEST_INVALID", {"expected": str(reference), "computed": str(digest)})
    return digest


def _check_references(manifest: Manifest, gathered: Gathered, now: int) -> list[Link]:
    """Refuse a manifest whose parts are missing or have another size (API Gateway's HEAD once made clients write wrong sizes).
    Return the links that must be touched with it. Pure."""
    stale: dict[Digest, Link] = {}
    for blob in manifest.required_blobs:
        link = gathered.links.get(blob.digest)
        _check_size(blob, None if link is None else link.size_bytes)
        if link is not None and is_stale(link, now):
            stale[blob.digest] = link
    for child in manifest.manifests:
        if is_manifest_type(child.media_type):
            _check_size(child, gathered.children.get(child.digest))
        elif not child.is_foreign:
            link = gathered.links.get(child.digest)
            size = link.size_bytes if link else gathered.children.get(child.digest)
            _check_size(child, size)
            if link is not None and is_stale(link, now):
                stale[child.digest] = link
    return list(stale.values())


def _check_size(part: Descriptor, stored_bytes: int | None) -> None:
    if stored_bytes is None:
        raise RegistryError("MANIFEST_BLOB_UNKNOWN", {"digest": str(part.digest)})
    if stored_bytes != part.size_bytes:
        detail = {"digest": str(part.digest), "size": part.size_bytes, "stored_size": stored_bytes}
        raise RegistryError("MANIFEST_INVALID", detail, message="a descriptor's size is not the stored size")


def _unknown(reference: Tag | Digest) -> RegistryError:
    return RegistryError("MANIFEST_UNKNOWN", {"reference": str(reference)})
