"""One request's bytes on their way into an upload session.

The shell fills memory, asks `job` for the work of storing it, and runs the work on threads of its own (the upload service)
or at once (Lambda). What a transfer writes is unseen until `SessionStore.save`: objects have keys used once, part numbers are
either in a multipart upload of its own or reserved, so that requests at odds cannot overwrite each other's bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import MultipartGone, ObjectStore, SessionMoved, SessionStore
from chalicelib.oci.session import (
    PART_MIN_BYTES,
    PARTS_MAX,
    PIECES_MAX,
    Content,
    Part,
    Phase,
    Piece,
    Session,
    content_size,
    part_size,
)

if TYPE_CHECKING:
    from hashlib import _Hash

Job = Callable[[], None]
_RESERVED_AT_MOST = 64


class Transfer:
    """Bytes that follow those of `before`. Call it from one thread; run the jobs it plans anywhere, also side by side."""

    def __init__(self, objects: ObjectStore, sessions: SessionStore, before: Session, running: _Hash | None) -> None:
        self.before = before
        self.running = running
        """Hash of all bytes of the upload, or None when this process did not see them all."""
        self.size_bytes = 0
        self._objects, self._sessions = objects, sessions
        self._lock = Lock()
        self._is_own_multipart = not before.multipart_id
        self._key, self._multipart_id = before.key, before.multipart_id
        self._numbers: list[int] = []
        self._planned = 0
        self._parts: dict[int, Part] = {}
        self._pieces = before.pieces
        self._written: list[str] = []

    @property
    def front_bytes(self) -> int:
        """Bytes of earlier requests that the next part takes along through memory; a large piece is copied inside the store."""
        return 0 if self._is_copied else _sum(self._pieces)

    @property
    def next_part_bytes(self) -> int:
        """How many new bytes the next part should have."""
        return part_size(len(self.before.parts) + self._planned) - self.front_bytes

    @property
    def digest(self) -> Digest | None:
        """The digest of all bytes so far, when it is known."""
        return None if self.running is None else Digest.of_hash(self.running)

    def hash(self, content: bytes | memoryview) -> None:
        """Count and hash bytes in the order they came."""
        self.size_bytes += len(content)
        if self.running is not None:
            self.running.update(content)

    def job(self, content: Content) -> Job:
        """Plan a part of the pieces so far and `content`; the returned work blocks. The part must reach 5 MiB unless it is
        the last. The work raises SessionMoved, BLOB_UPLOAD_UNKNOWN, and TOO_LARGE (413) when S3 takes no more parts."""
        copy = self._copy_job() if self._is_copied else None
        front, self._pieces = self._pieces, ()
        index, self._planned = self._planned, self._planned + 1

        def store() -> None:
            if copy is not None:
                copy()
            number, multipart_id = self._number(index), self._multipart()
            body = self._joined(front, content)
            try:
                etag = self._objects.put_part(self._key, multipart_id, number, body)
            except MultipartGone:
                raise self._unknown() from None
            self._parts[index] = Part(number, etag, content_size(body))

        return store

    def accept(self, rest: Content) -> Session:
        """Make a PATCH durable; `rest` are the bytes that no job has, and all jobs are done.
        Raises SessionMoved."""
        if not self.size_bytes:
            return self.before
        new = content_size(rest)
        if new and self._is_copied:
            self._copy_job()()
        if new and not self._has_parts and not self._pieces:
            self._put_whole(rest)
        elif new and self.front_bytes + new >= PART_MIN_BYTES:
            self.job(rest)()
        elif new:
            self._put_piece(rest)
        return self._save(Phase.OPEN, str(self.digest or ""))

    def take(self, rest: Content, digest: Digest) -> Session:
        """Take the session for a closing PUT: store `rest`, then save phase FINISHING with all that making the blob needs.
        Raises SessionMoved."""
        new = content_size(rest)
        if self._has_parts or (self._is_copied and new):
            if self._is_copied and not new:
                self._copy_job()()
            elif new or self._pieces:
                self.job(rest)()
        elif new or len(self._pieces) != 1:
            front, self._pieces = self._pieces, ()
            self._put_whole(self._joined(front, rest))
        return self._save(Phase.FINISHING, str(digest))

    def discard(self) -> None:
        """Remove what this transfer wrote and nobody will see: its objects and its own multipart upload."""
        written, self._written = self._written, []
        self._objects.delete(written)
        if self._is_own_multipart and self._multipart_id:
            self._objects.abort_multipart(self._key, self._multipart_id)
            self._multipart_id = ""

    @property
    def _is_copied(self) -> bool:
        """The only piece is large enough to be a part by itself."""
        return _sum(self._pieces) >= PART_MIN_BYTES

    @property
    def _has_parts(self) -> bool:
        return bool(self.before.parts) or self._planned > 0

    def _copy_job(self) -> Job:
        (piece,), self._pieces = self._pieces, ()
        index, self._planned = self._planned, self._planned + 1

        def copy() -> None:
            number, multipart_id = self._number(index), self._multipart()
            try:
                etag = self._objects.copy_part(self._key, multipart_id, number, piece.key)
            except MultipartGone:
                raise self._unknown() from None
            except KeyError:
                raise SessionMoved(piece.key) from None
            self._parts[index] = Part(number, etag, piece.size_bytes)

        return copy

    def _unknown(self) -> RegistryError:
        """Its parts were freed: the upload was abandoned for too long."""
        return RegistryError("BLOB_UPLOAD_UNKNOWN", {"uuid": self.before.upload_id})

    def _put_whole(self, content: Content) -> None:
        """Write an object that is the blob if nothing follows. Its SHA-256 is at hand when it is all that was hashed."""
        key = self._objects.blob_key(self.before.upload_id)
        self._written.append(key)
        is_sha256 = self.running is not None and self.running.name == "sha256"
        sha256 = self.running.digest() if self.running is not None and is_sha256 else None
        self._objects.put(key, content, sha256=sha256)
        self._pieces = (Piece(key, content_size(content)),)

    def _put_piece(self, content: Content) -> None:
        if len(self._pieces) >= PIECES_MAX:
            content, self._pieces = self._joined(self._pieces, content), ()
        key = self._objects.tail_key(self.before.upload_id)
        self._written.append(key)
        self._objects.put(key, content)
        self._pieces = (*self._pieces, Piece(key, content_size(content)))

    def _joined(self, pieces: Sequence[Piece], content: Content) -> Content:
        if not pieces:
            return content
        rest = [content] if isinstance(content, (bytes, memoryview)) else content
        try:
            return [*(self._objects.get(piece.key) for piece in pieces), *rest]
        except KeyError as error:  # who wins takes the pieces away
            raise SessionMoved(*error.args) from None

    def _multipart(self) -> str:
        with self._lock:
            if not self._multipart_id:
                self._key = self._objects.blob_key(self.before.upload_id)
                self._multipart_id = self._objects.start_multipart(self._key)
            return self._multipart_id

    def _number(self, index: int) -> int:
        """Parts keep the order of their indexes. In an upload that other requests may use too, numbers are reserved."""
        with self._lock:
            while not self._is_own_multipart and len(self._numbers) <= index:
                count = min(max(len(self._numbers), 1), _RESERVED_AT_MOST)
                first = self._sessions.reserve_parts(self.before, count)
                self._numbers += range(first, first + count)
            number = index + 1 if self._is_own_multipart else self._numbers[index]
        if number > PARTS_MAX:
            raise RegistryError("TOO_LARGE", message="the blob needs more parts than S3 has for one object")
        return number

    def _save(self, phase: Phase, digest: str) -> Session:
        before = self.before
        parts = (*before.parts, *(self._parts[index] for index in sorted(self._parts)))
        is_whole = phase is Phase.FINISHING and not parts
        after = Session(
            before.upload_id,
            before.expires_at,
            before.version + 1,
            phase,
            before.size_bytes + self.size_bytes,
            self._pieces[0].key if is_whole else self._key,
            self._multipart_id,
            parts,
            () if phase is Phase.FINISHING else self._pieces,
            digest,
        )
        try:
            self._sessions.save(before if before.version else None, after)
        except SessionMoved:
            # A save whose answer was lost is repeated by the client library and finds itself.
            if self._sessions.load(before.upload_id) != after:
                raise
        kept = {after.key, *(piece.key for piece in after.pieces)}
        self._objects.delete([piece.key for piece in before.pieces if piece.key not in kept])
        return after


def _sum(pieces: Sequence[Piece]) -> int:
    return sum(piece.size_bytes for piece in pieces)
