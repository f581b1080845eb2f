"""From a session that a closing PUT has taken to a blob.

The order of a closing PUT: the bytes are stored, the session is taken (phase FINISHING, which fences off every other
request), the object is made and checked, the blob is recorded. A process may die between any two of them: the PUT can be
repeated and goes on from there.
"""

from __future__ import annotations

import hashlib

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import BlobStore, Link, MultipartGone, ObjectStore
from chalicelib.oci.reference import Repository
from chalicelib.oci.session import MIB, Session

_READ_BYTES = 4 * MIB


class Finisher:
    """Makes objects and records blobs."""

    def __init__(self, blobs: BlobStore, objects: ObjectStore) -> None:
        self._blobs, self._objects = blobs, objects

    def make(self, repository: Repository, taken: Session, now: int, *, is_checked: bool) -> None:
        """Finish a session in phase FINISHING; may be repeated. Unless the digest is checked already, the object is read back.
        Raises DIGEST_INVALID, BLOB_UPLOAD_UNKNOWN when the bytes are gone, DENIED when the quota has no room for them."""
        if taken.multipart_id:
            try:
                self._objects.complete_multipart(taken.key, taken.multipart_id, taken.parts)
            except MultipartGone:
                is_checked = False
        if not is_checked:
            self._check(taken)
        self.record(repository, Digest.parse(taken.digest), taken.key, taken.size_bytes, now)

    def resume(self, repository: Repository, taken: Session, now: int) -> None:
        """Go on with a closing PUT that stopped half-way; nothing is left to do when it had succeeded. Its twin, which may still
        run, drops the object when the quota refuses it: so look again whether the object is there."""
        digest = Digest.parse(taken.digest)
        if self._blobs.link(repository, digest) is not None:
            return
        self.make(repository, taken, now, is_checked=False)
        link = self._blobs.link(repository, digest)
        if link is not None and link.key == taken.key and self._objects.size(taken.key) is None:
            self._blobs.unlink(repository, digest)
            raise unknown(taken.upload_id)

    def record(self, repository: Repository, digest: Digest, key: str, size_bytes: int, now: int) -> Link:
        """Record an object as a blob; drop it when the registry has the blob already, and when the project's quota has no room
        for it (DENIED, 403)."""
        try:
            link = self._blobs.commit(repository, digest, key, size_bytes, now=now)
        except RegistryError as error:
            if error.code == "DENIED" and self._blobs.link(repository, digest) is None:
                self._objects.delete([key])
            raise
        if link.key != key:
            self._objects.delete([key])
        return link

    def _check(self, taken: Session) -> None:
        """Read back what this process did not hash, in steps that need little memory."""
        expected = Digest.parse(taken.digest)
        running = hashlib.new(expected.algorithm, usedforsecurity=False)
        if self._objects.size(taken.key) != taken.size_bytes:
            raise unknown(taken.upload_id)
        for start in range(0, taken.size_bytes, _READ_BYTES):
            end = min(start + _READ_BYTES, taken.size_bytes) - 1
            running.update(self._objects.get(taken.key, start=start, end=end))
        found = Digest.of_hash(running)
        if found != expected:
            self._objects.delete([taken.key])
            raise mismatch(expected, found)


def mismatch(expected: Digest, found: Digest) -> RegistryError:
    """The bytes are not those that were announced."""
    return RegistryError("DIGEST_INVALID", {"expected": str(expected), "received": str(found)})


def unknown(upload_id: str) -> RegistryError:
    """The upload is over, or its bytes are gone."""
    return RegistryError("BLOB_UPLOAD_UNKNOWN", {"uuid": upload_id})
