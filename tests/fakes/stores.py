"""Blobs and manifests in dictionaries: the ports' promises without a database. `tests/contracts` holds them to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from chalicelib.errors import RegistryError
from chalicelib.oci import quota
from chalicelib.oci.artifact import Listed, Statistics, row_of
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest
from chalicelib.oci.ports import REFERRERS_BYTES, Gathered, Link, Page, Push, StoredManifest, TagMoved
from chalicelib.oci.quota import UNLIMITED, Usage
from chalicelib.oci.reference import Repository, Tag


@dataclass
class Stored:
    """A manifest that was pushed."""

    manifest: Manifest
    at: int
    by: str
    us: int
    is_tagged: bool


class FakeBlobs:
    def __init__(self) -> None:
        self.links: dict[tuple[Repository, Digest], Link] = {}
        self.blobs: dict[Digest, Link] = {}
        self.manifests: dict[tuple[Repository, Digest], Stored] = {}
        self.limits: dict[int, int] = {}

    def link(self, repository: Repository, digest: Digest) -> Link | None:
        return self.links.get((repository, digest))

    def project_blob(self, project_id: int, digest: Digest) -> Link | None:
        found = [link for (r, d), link in self.links.items() if r.project_id == project_id and d == digest]
        return found[0] if found else None

    def commit(self, repository: Repository, digest: Digest, key: str, size_bytes: int, *, now: int) -> Link:
        self._charge(repository, digest, size_bytes)
        blob = self.blobs.setdefault(digest, Link(digest, key, size_bytes, now))
        self.links[repository, digest] = link = replace(blob, touched_at=now)
        return link

    def mount(self, repository: Repository, link: Link, *, now: int, is_shared: bool = False) -> Link | None:
        if self.blobs.get(link.digest) is None:
            return None
        self._charge(repository, link.digest, link.size_bytes)
        self.links[repository, link.digest] = mounted = replace(link, touched_at=now)
        return mounted

    def unlink(self, repository: Repository, digest: Digest) -> bool:
        return self.links.pop((repository, digest), None) is not None

    def touch(self, repository: Repository, link: Link, *, now: int) -> None:
        if (repository, link.digest) not in self.links:
            raise RegistryError("BLOB_UNKNOWN")
        self.links[repository, link.digest] = replace(link, touched_at=now)

    def usage(self, project_id: int) -> Usage:
        blobs = {d: link.size_bytes for (r, d), link in self.links.items() if r.project_id == project_id}
        manifests = [len(s.manifest.content) for (r, _), s in self.manifests.items() if r.project_id == project_id]
        return Usage(self.limits.get(project_id, UNLIMITED), sum(blobs.values()) + sum(manifests))

    def set_limit(self, project_id: int, limit_bytes: int, *, now: int) -> Usage:
        self.limits[project_id] = limit_bytes
        return self.usage(project_id)

    def _charge(self, repository: Repository, digest: Digest, size_bytes: int) -> None:
        if self.project_blob(repository.project_id, digest) is None:
            self.demand(repository.project_id, size_bytes)

    def demand(self, project_id: int, size_bytes: int) -> None:
        usage = self.usage(project_id)
        if usage.limit_bytes != UNLIMITED and usage.used_bytes + size_bytes > usage.limit_bytes:
            raise quota.exceeded(usage, size_bytes)


class FakeManifests:
    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs
        self.manifests = blobs.manifests
        self.pointers: dict[tuple[Repository, Tag], Digest] = {}
        self.tagged_at: dict[tuple[Repository, Tag], int] = {}
        self.known: dict[Repository, int] = {}
        self.labels: dict[tuple[Repository, Digest], frozenset[int]] = {}
        self.pulls: dict[Repository, Statistics] = {}
        self._clock = itertools.count(1)

    def find(self, repository: Repository, digest: Digest) -> StoredManifest | None:
        if (repository, digest) not in self.manifests:
            return None
        stored = self.manifests[repository, digest]
        return StoredManifest(digest, stored.manifest.media_type, stored.manifest.content, stored.at)

    def resolve(self, repository: Repository, tag: Tag) -> Digest | None:
        return self.pointers.get((repository, tag))

    def gather(self, repository: Repository, manifest: Manifest, tags: list[Tag]) -> Gathered:
        digests = [d.digest for d in (*manifest.blobs, *manifest.manifests)]
        children = {d for d in digests if (repository, d) in self.manifests}
        return Gathered(
            {d: self._blobs.links[repository, d] for d in digests if (repository, d) in self._blobs.links},
            {d: len(self.manifests[repository, d].manifest.content) for d in children},
            {t: self.pointers[repository, t] for t in tags if (repository, t) in self.pointers},
            is_known=(repository, manifest.digest) in self.manifests,
            is_repository_known=repository in self.known,
        )

    def put(self, repository: Repository, push: Push, *, now: int) -> None:
        for tag in push.tags:
            if self.pointers.get((repository, tag)) != push.gathered.tags.get(tag):
                raise TagMoved
        for link in push.stale_links:
            if (repository, link.digest) not in self._blobs.links:
                raise RegistryError("MANIFEST_BLOB_UNKNOWN")
        if (repository, push.manifest.digest) not in self.manifests:
            self._blobs.demand(repository.project_id, len(push.manifest.content))
        for link in push.stale_links:
            self._blobs.touch(repository, link, now=now)
        self.known.setdefault(repository, now)
        fresh = Stored(push.manifest, now, push.pushed_by, next(self._clock), is_tagged=False)
        self.manifests.setdefault((repository, push.manifest.digest), fresh).is_tagged |= bool(push.tags)
        for tag in push.tags:
            if self.pointers.get((repository, tag)) != push.manifest.digest:
                self.tagged_at[repository, tag] = now
            self.pointers[repository, tag] = push.manifest.digest

    def untag(self, repository: Repository, tag: Tag, *, by: str) -> bool:
        return self.pointers.pop((repository, tag), None) is not None

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        for key in [k for k, d in self.pointers.items() if k[0] == repository and d == digest]:
            del self.pointers[key]
        stored = self.manifests.pop((repository, digest), None)
        if stored is None:
            return False
        self.labels.pop((repository, digest), None)
        needed = {
            d.digest for (r, _), s in self.manifests.items() if r == repository for d in s.manifest.required_blobs
        }
        for blob in stored.manifest.required_blobs:
            if blob.digest not in needed:
                self._blobs.links.pop((repository, blob.digest), None)
        return True

    def delete_repository(self, repository: Repository, *, by: str) -> bool:
        if self.known.pop(repository, None) is None:
            return False
        self.pulls.pop(repository, None)
        for held in (self.manifests, self.pointers, self.labels, self._blobs.links):
            for key in [key for key in held if key[0] == repository]:
                del held[key]
        return True

    def release_pending(self, *, now: int) -> int:
        return 0

    def listed(self, repository: Repository, digest: Digest) -> Listed:
        """A manifest's row, and whether the list shows it: worked out anew each time."""
        stored = self.manifests[repository, digest]
        children = {child.digest for child in stored.manifest.manifests}
        sizes = [self.listed(repository, d).row.size_bytes for d in children if (repository, d) in self.manifests]
        is_named = any(
            child.digest == digest
            for (r, _), other in self.manifests.items()
            if r == repository
            for child in other.manifest.manifests
        )
        is_accessory = stored.manifest.subject is not None
        is_shown = not is_accessory and (stored.is_tagged or not is_named)
        return Listed(row_of(stored.manifest, sizes, stored.us), is_shown, stored.is_tagged, is_accessory)

    def is_repository(self, repository: Repository) -> bool:
        return repository in self.known

    def tags(self, repository: Repository, *, after: str | None, limit: int) -> Page[str]:
        return _page([str(tag) for r, tag in self.pointers if r == repository], after, limit)

    def repositories(self, *, after: str | None, limit: int) -> Page[str]:
        return _page([str(repository) for repository in self.known], after, limit)

    def referrers(
        self, repository: Repository, subject: Digest, *, artifact_type: str | None, after: str | None, limit: int
    ) -> Page[Descriptor]:
        found = {
            str(stored.manifest.digest): stored.manifest.descriptor()
            for (r, _), stored in self.manifests.items()
            if r == repository and stored.manifest.subject and stored.manifest.subject.digest == subject
        }
        page = _page([d for d, m in found.items() if artifact_type in (None, m.artifact_type)], after, limit)
        kept: list[Descriptor] = []
        for digest in page.items:
            if kept and sum(d.listed_bytes() for d in (*kept, found[digest])) > REFERRERS_BYTES:
                return Page(kept, str(kept[-1].digest))
            kept.append(found[digest])
        return Page(kept, page.after)


def _page(names: list[str], after: str | None, limit: int) -> Page[str]:
    names = sorted(name for name in names if after is None or name > after)
    return Page(names[:limit], names[limit - 1] if len(names) > limit else None)
