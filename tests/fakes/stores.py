"""Blobs and manifests in dictionaries: the ports' promises without a database. `tests/contracts` holds them to it."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.errors import RegistryError
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest
from chalicelib.oci.ports import REFERRERS_BYTES, Gathered, Link, Page, Push, StoredManifest, TagMoved
from chalicelib.oci.reference import Repository, Tag


class FakeBlobs:
    def __init__(self) -> None:
        self.links: dict[tuple[Repository, Digest], Link] = {}
        self.blobs: dict[Digest, Link] = {}

    def link(self, repository: Repository, digest: Digest) -> Link | None:
        return self.links.get((repository, digest))

    def project_blob(self, project_id: int, digest: Digest) -> Link | None:
        found = [link for (r, d), link in self.links.items() if r.project_id == project_id and d == digest]
        return found[0] if found else None

    def commit(self, repository: Repository, digest: Digest, key: str, size_bytes: int, *, now: int) -> Link:
        blob = self.blobs.setdefault(digest, Link(digest, key, size_bytes, now))
        self.links[repository, digest] = link = replace(blob, touched_at=now)
        return link

    def mount(self, repository: Repository, link: Link, *, now: int) -> Link | None:
        if self.blobs.get(link.digest) is None:
            return None
        self.links[repository, link.digest] = mounted = replace(link, touched_at=now)
        return mounted

    def unlink(self, repository: Repository, digest: Digest) -> bool:
        return self.links.pop((repository, digest), None) is not None

    def touch(self, repository: Repository, link: Link, *, now: int) -> None:
        if (repository, link.digest) not in self.links:
            raise RegistryError("BLOB_UNKNOWN")
        self.links[repository, link.digest] = replace(link, touched_at=now)


class FakeManifests:
    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs
        self.manifests: dict[tuple[Repository, Digest], tuple[Manifest, int]] = {}
        self.pointers: dict[tuple[Repository, Tag], Digest] = {}
        self.known: set[Repository] = set()

    def find(self, repository: Repository, digest: Digest) -> StoredManifest | None:
        if (repository, digest) not in self.manifests:
            return None
        manifest, at = self.manifests[repository, digest]
        return StoredManifest(digest, manifest.media_type, manifest.content, at)

    def resolve(self, repository: Repository, tag: Tag) -> Digest | None:
        return self.pointers.get((repository, tag))

    def gather(self, repository: Repository, manifest: Manifest, tags: list[Tag]) -> Gathered:
        digests = [d.digest for d in (*manifest.blobs, *manifest.manifests)]
        return Gathered(
            {d: self._blobs.links[repository, d] for d in digests if (repository, d) in self._blobs.links},
            {d: len(self.manifests[repository, d][0].content) for d in digests if (repository, d) in self.manifests},
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
        for link in push.stale_links:
            self._blobs.touch(repository, link, now=now)
        self.known.add(repository)
        self.manifests.setdefault((repository, push.manifest.digest), (push.manifest, now))
        self.pointers.update({(repository, tag): push.manifest.digest for tag in push.tags})

    def untag(self, repository: Repository, tag: Tag, *, by: str) -> bool:
        return self.pointers.pop((repository, tag), None) is not None

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        for key in [k for k, d in self.pointers.items() if k[0] == repository and d == digest]:
            del self.pointers[key]
        return self.manifests.pop((repository, digest), None) is not None

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
            str(manifest.digest): manifest.descriptor()
            for (r, _), (manifest, _) in self.manifests.items()
            if r == repository and manifest.subject and manifest.subject.digest == subject
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
