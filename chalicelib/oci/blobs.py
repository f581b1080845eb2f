"""Blobs: say where one is, mount it from another repository, take it out.

Bytes never pass here: GET and HEAD answer with a URL signed for that method. Source: OCI distribution-spec 1.1, "Pulling blobs",
"Mounting a blob from another repository", "Deleting blobs"; RFC 9110, section 14 (ranges).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import BlobStore, Link, ObjectStore, is_stale
from chalicelib.oci.reference import Repository

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Located:
    """A blob's size and where to read it."""

    url: str
    size_bytes: int


def check_range(header: str | None, size_bytes: int) -> None:
    """Refuse a Range no server could satisfy, before the redirect: S3 would answer the whole object to some of them.
    Several ranges and other units are left to S3. Raises RANGE_INVALID (416)."""
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None:
        return
    first, last = match.groups()
    if not first:
        is_satisfiable = bool(last) and int(last[:20]) > 0 and size_bytes > 0
    else:
        start = int(first[:20])
        is_satisfiable = start < size_bytes and (not last or int(last[:20]) >= start)
    if not is_satisfiable:
        raise RegistryError("RANGE_INVALID", headers={"Content-Range": f"bytes */{size_bytes}"})


class Blobs:
    """The blobs of repositories."""

    KEEP_S = 60
    """For so long a process may go on serving a blob that another process unlinked."""

    def __init__(self, store: BlobStore, objects: ObjectStore, *, url_s: int) -> None:
        self._store, self._objects, self._url_s = store, objects, url_s
        self._links: Cache[tuple[int, str, Digest], Link] = Cache(20_000, self.KEEP_S)

    def locate(
        self, repository: Repository, digest: Digest, method: str, *, range_header: str | None, now: int
    ) -> Located:
        """Find a blob and sign a URL for `method` (GET or HEAD). GET: no read when warm, else one. HEAD: one read; it is what
        pushers ask before they rely on a blob, so it must not say that a released one is there, and it moves the grace period
        (at most every 12 hours).
        Raises BLOB_UNKNOWN, RANGE_INVALID."""
        key = (repository.project_id, repository.name.repository, digest)
        link = None if method == "HEAD" else self._links.get(key, now)
        if link is None:
            link = self._store.link(repository, digest)
            if link is None:
                self._links.drop(key)
                raise RegistryError("BLOB_UNKNOWN", {"digest": str(digest)})
            if method == "HEAD" and is_stale(link, now):
                self._store.touch(repository, link, now=now)
            self._links.put(key, link, now)
        if method == "GET":
            check_range(range_header, link.size_bytes)
        url = self._objects.signed_url(method, link.key, expires_s=self._url_s, now=now)
        return Located(url, link.size_bytes)

    def mount(self, target: Repository, source: Repository | None, digest: Digest, *, now: int) -> bool:
        """Link a blob into `target`. `source` is a repository its reader may pull from; None looks in the target's project.
        False when the blob is not there: the client then uploads it. Idempotent. Raises DENIED (403) for want of quota."""
        project = target.project_id
        link = self._store.link(source, digest) if source else self._store.project_blob(project, digest)
        is_shared = source is None or source.project_id == project
        return link is not None and self._store.mount(target, link, now=now, is_shared=is_shared) is not None

    def remove(self, repository: Repository, digest: Digest) -> None:
        """Take a blob out of a repository. The bytes stay until garbage collection. Raises BLOB_UNKNOWN."""
        was_there = self._store.unlink(repository, digest)
        self._links.drop((repository.project_id, repository.name.repository, digest))
        if not was_there:
            raise RegistryError("BLOB_UNKNOWN", {"digest": str(digest)})
