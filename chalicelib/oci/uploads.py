"""Uploads of blobs: start, receive, finish, cancel, and what becomes of quarrels between requests.

Source: OCI distribution-spec 1.1, "Pushing blobs".
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib import telemetry
from chalicelib.cache import Cache
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.oci.digest import ALGORITHMS, Digest
from chalicelib.oci.finisher import Finisher, mismatch, unknown
from chalicelib.oci.ports import BlobStore, Link, ObjectStore, SessionMoved, SessionStore
from chalicelib.oci.reference import Repository
from chalicelib.oci.session import (
    Content,
    ContentRange,
    Phase,
    Session,
    check_announced,
    check_size,
    check_start,
    range_of,
)
from chalicelib.oci.transfer import Transfer
from chalicelib.oci.upload_state import Keys, UploadState

if TYPE_CHECKING:
    from hashlib import _Hash

_PATH = re.compile(r"/v2/(.+)/blobs/uploads/([^/]+)")
_METHODS = "DELETE, GET, HEAD, PATCH, PUT"
_HASHES_KEPT = 1_000
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Started:
    """A new upload and the URL its bytes go to."""

    upload_id: str
    location: str


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that a request named and proved its right to."""

    state: UploadState
    location: str

    def headers(self, size_bytes: int) -> dict[str, str]:
        """Say where to go on and how much has arrived."""
        return {
            "Location": self.location,
            "Range": range_of(size_bytes),
            "Docker-Upload-UUID": self.state.upload_id,
        }


@dataclass(frozen=True, slots=True)
class Receiving:
    """A PATCH (no digest) or a PUT whose body may be read now."""

    upload: Upload
    transfer: Transfer
    chunk: ContentRange | None
    length: int | None
    digest: Digest | None


class Uploads:
    """The uploads of a registry. Methods block; the upload service runs them on threads."""

    def __init__(
        self, settings: Settings, *, blobs: BlobStore, sessions: SessionStore, objects: ObjectStore, state_keys: Keys
    ) -> None:
        self._base = settings.upload_url or settings.public_url
        self._public = settings.public_url
        self._life_s = settings.upload_s
        self._sessions, self._objects, self._keys = sessions, objects, state_keys
        self._finisher = Finisher(blobs, objects)
        self._hashes: Cache[str, tuple[int, _Hash]] = Cache(_HASHES_KEPT)

    def start(
        self,
        repository: Repository,
        principal: str,
        *,
        algorithm: str | None = None,
        stays_on_host: bool = False,
        now: int,
    ) -> Started:
        """Begin an upload: no write, the signed URL is all there is. `stays_on_host` keeps a client that goes nowhere else at the
        registry's own address, which behind API Gateway takes a few MiB. Raises DIGEST_INVALID for an unknown algorithm."""
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise RegistryError("DIGEST_INVALID", {"digest-algorithm": algorithm[:40]}, message="use sha256 or sha512")
        upload_id = str(uuid.uuid4())
        state = UploadState(upload_id, repository, principal, now + self._life_s, algorithm or "sha256")
        base = self._public if stays_on_host else self._base
        return Started(upload_id, _location(base, str(repository), upload_id, state.sign(self._keys)))

    def monolithic(self, repository: Repository, digest: Digest, body: bytes, *, now: int) -> Link:
        """Store a blob that came in one piece. Raises DIGEST_INVALID (400), DENIED (403) when the quota has no room for it."""
        found = Digest.of(body, digest.algorithm)
        if found != digest:
            raise mismatch(digest, found)
        key = self._objects.blob_key(str(uuid.uuid4()))
        self._objects.put(key, body, sha256=bytes.fromhex(digest.hex) if digest.algorithm == "sha256" else None)
        return self._finisher.record(repository, digest, key, len(body), now)

    def matches(self, request: Request) -> bool:
        """Say whether a request is on an upload that was started, so that `answer` (or `begin`) is its way."""
        return _PATH.fullmatch(request.path) is not None

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request on an upload, body and all. Raises RegistryError."""
        if request.method in ("GET", "HEAD"):
            return self._status(request, now)
        if request.method == "DELETE":
            return self._cancel(request, now)
        receiving = self.begin(request, now=now)
        if isinstance(receiving, Response):
            return receiving
        transfer, rest = receiving.transfer, memoryview(request.body)
        transfer.hash(rest)
        try:
            while len(rest) > transfer.next_part_bytes:
                part, rest = rest[: transfer.next_part_bytes], rest[transfer.next_part_bytes :]
                transfer.job(part)()
        except (RegistryError, SessionMoved) as error:
            self.abandon(receiving, error)
            raise
        return self.end(receiving, rest, now=now)

    def begin(self, request: Request, *, now: int) -> Receiving | Response:
        """Judge a PATCH or PUT before its body is read; a repeated closing PUT is answered at once.
        Raises BLOB_UPLOAD_UNKNOWN, RANGE_INVALID, SIZE_INVALID, DIGEST_INVALID, UNSUPPORTED."""
        if request.method not in ("PATCH", "PUT"):
            raise RegistryError("UNSUPPORTED", headers={"Allow": _METHODS})
        upload, length = self._identify(request, now), _length(request)
        digest = Digest.parse(request.parameter("digest") or "") if request.method == "PUT" else None
        text = request.header("content-range")
        chunk = ContentRange.parse(text) if text else None
        check_announced(chunk, length)
        session = self._sessions.load(upload.state.upload_id)
        if session is not None and session.phase is Phase.FINISHING and session.digest == str(digest):
            with self._closed_if_denied(session):
                self._finisher.resume(upload.state.repository, session, now)
            return self._created(upload, Digest.parse(session.digest))
        session = self._open(upload, session)
        try:
            check_start(session, chunk)
        except RegistryError as error:
            error.headers.update(upload.headers(session.size_bytes))
            raise
        running = self._running(session, digest.algorithm if digest else upload.state.algorithm, now)
        return Receiving(upload, Transfer(self._objects, self._sessions, session, running), chunk, length, digest)

    def end(self, receiving: Receiving, rest: Content, *, now: int) -> Response:
        """Make a request's bytes durable, `rest` being those no job has: 202 for a PATCH, 201 for a PUT.
        Raises SIZE_INVALID, RANGE_INVALID, DIGEST_INVALID, BLOB_UPLOAD_UNKNOWN, DENIED (quota)."""
        upload, transfer = receiving.upload, receiving.transfer
        try:
            check_size(receiving.chunk, receiving.length, transfer.size_bytes)
        except RegistryError as error:
            self.abandon(receiving, error)
            raise
        try:
            if receiving.digest:
                return self._finish(upload, transfer, rest, receiving.digest, now)
            after = transfer.accept(rest)
        except SessionMoved as error:
            self.abandon(receiving, error)
            raise
        if transfer.running is not None:
            self._hashes.put(after.upload_id, (after.version, transfer.running), now)
        return Response(202, upload.headers(after.size_bytes))

    def abandon(self, receiving: Receiving, error: BaseException) -> None:
        """Forget a request that failed before its session was saved: its body did not arrive whole or could not be stored.
        The session stays as it was. Raises RANGE_INVALID when the request lost against another one of the same upload."""
        receiving.transfer.discard()
        if isinstance(error, SessionMoved):
            upload = receiving.upload
            session = self._open(upload, self._sessions.load(upload.state.upload_id))
            raise RegistryError("RANGE_INVALID", headers=upload.headers(session.size_bytes)) from None

    def sweep(self, *, now: int) -> int:
        """Free what abandoned uploads hold, once they are too old to go on; return how many things went. A request that began
        in time gets as long again to end."""
        count, before = 0, now - 2 * self._life_s
        for key, multipart_id in self._objects.abandoned_multiparts(before):
            self._objects.abort_multipart(key, multipart_id)
            count += 1
        for key in self._objects.abandoned_tails(before):
            self._objects.delete([key])
            count += 1
        return count

    def _identify(self, request: Request, now: int) -> Upload:
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise RegistryError("NOT_FOUND", {"path": request.path[:300]})
        text = request.parameter("_state")
        state = UploadState.verify(text, match[1], match[2], self._keys, now=now)
        telemetry.identified(state.principal)
        return Upload(state, _location(self._base, match[1], match[2], text or ""))

    def _open(self, upload: Upload, session: Session | None) -> Session:
        """The session to go on with; a fresh one when none was saved. Raises BLOB_UPLOAD_UNKNOWN when it is over."""
        if session is None:
            return Session(upload.state.upload_id, upload.state.expires_at)
        if session.phase is not Phase.OPEN:
            raise unknown(session.upload_id)
        return session

    def _running(self, session: Session, algorithm: str, now: int) -> _Hash | None:
        if not session.size_bytes:
            return hashlib.new(algorithm, usedforsecurity=False)
        version, running = self._hashes.get(session.upload_id, now) or (0, None)
        if running is None or version != session.version:
            return None
        return running.copy()

    def _status(self, request: Request, now: int) -> Response:
        upload = self._identify(request, now)
        session = self._open(upload, self._sessions.load(upload.state.upload_id))
        return Response(204, upload.headers(session.size_bytes))

    def _cancel(self, request: Request, now: int) -> Response:
        upload = self._identify(request, now)
        for _ in range(_ATTEMPTS):
            session = self._open(upload, self._sessions.load(upload.state.upload_id))
            if self._close(session):
                return Response(204, {"Docker-Upload-UUID": session.upload_id})
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _close(self, session: Session) -> bool:
        """Leave the mark of an upload that is over, then free what it held. False when another request was faster."""
        closed = replace(session, version=session.version + 1, phase=Phase.CLOSED, pieces=(), digest="")
        try:
            self._sessions.save(session if session.version else None, closed)
        except SessionMoved:
            return False
        self._objects.delete([piece.key for piece in session.pieces])
        if session.multipart_id:
            self._objects.abort_multipart(session.key, session.multipart_id)
        return True

    def _finish(self, upload: Upload, transfer: Transfer, rest: Content, digest: Digest, now: int) -> Response:
        before = transfer.before
        known = transfer.digest
        if known is None and not transfer.size_bytes and before.digest:
            known = Digest.parse(before.digest)
        is_checked = known is not None and known.algorithm == digest.algorithm
        if known is not None and is_checked and known != digest:
            transfer.discard()
            self._close(before)
            raise mismatch(digest, known)
        taken = transfer.take(rest, digest)
        with self._closed_if_denied(taken):
            self._finisher.make(upload.state.repository, taken, now, is_checked=is_checked)
        return self._created(upload, digest)

    @contextmanager
    def _closed_if_denied(self, taken: Session) -> Iterator[None]:
        """When the quota refuses the blob the upload is over; its bytes are freed already."""
        try:
            yield
        except RegistryError as error:
            if error.code == "DENIED":
                self._close(taken)
            raise

    def _created(self, upload: Upload, digest: Digest) -> Response:
        location = f"{self._public}/v2/{upload.state.repository}/blobs/{digest}"
        headers = {"Location": location, "Docker-Content-Digest": str(digest)}
        return Response(201, {**headers, "Docker-Upload-UUID": upload.state.upload_id})


def _location(base: str, name: str, upload_id: str, state: str) -> str:
    return f"{base}/v2/{name}/blobs/uploads/{upload_id}?_state={state}"


def _length(request: Request) -> int | None:
    text = request.header("content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise RegistryError("SIZE_INVALID", message="Content-Length is not a number of bytes")
    return int(text)
