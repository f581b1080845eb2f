"""Upload sessions: what is known of a blob while its bytes arrive, and the rules about sizes and ranges.

Source: OCI distribution-spec 1.1, "Pushing a blob in chunks"; S3 user guide, "Multipart upload limits": 10,000 parts, each but
the last at least 5 MiB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from chalicelib.errors import RegistryError

MIB = 1024 * 1024
PART_MIN_BYTES = 5 * MIB
PARTS_MAX = 10_000
PIECES_MAX = 16
"""More pieces than this are merged into one, so that reading them back stays cheap."""
_CONTENT_RANGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19})", re.ASCII)
_GROWTH = ((2, 16 * MIB), (1_000, 24 * MIB), (3_000, 32 * MIB))
_LARGEST_PART_BYTES = 64 * MIB

Content = bytes | memoryview | Sequence[bytes | memoryview]
"""Bytes in one piece or in several that follow each other."""


class Phase(Enum):
    """Where a session is in its life."""

    OPEN = "open"
    FINISHING = "finishing"
    """A closing PUT took the session for itself: its bytes become `digest`, and nobody else may touch them."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the multipart upload, bound to its bytes by the ETag."""

    number: int
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """An object with accepted bytes that are in no part yet. A blob that came as one piece is finished as it is."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Session:
    """The durable state of an upload. Its bytes are the parts, then the pieces. Version 0 was never saved."""

    upload_id: str
    expires_at: int
    version: int = 0
    phase: Phase = Phase.OPEN
    size_bytes: int = 0
    key: str = ""
    multipart_id: str = ""
    parts: tuple[Part, ...] = ()
    pieces: tuple[Piece, ...] = ()
    digest: str = ""
    """Digest of all bytes so far when one process saw them all; in phase FINISHING the digest they must have."""


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Where a chunk begins and how long it says it is."""

    start: int
    size_bytes: int

    @classmethod
    def parse(cls, text: str) -> ContentRange:
        """Read `<start>-<end>` (inclusive, without a unit). Raises SIZE_INVALID (400)."""
        match = _CONTENT_RANGE.fullmatch(text.strip())
        if match is None or int(match[2]) < int(match[1]):
            raise RegistryError(
                "SIZE_INVALID", {"content-range": text[:100]}, message="Content-Range must be <start>-<end> in bytes"
            )
        return cls(int(match[1]), int(match[2]) - int(match[1]) + 1)


def range_of(size_bytes: int) -> str:
    """Render how much has arrived: `0-<last byte>`; clients want `0-0` also when there is nothing."""
    return f"0-{max(size_bytes - 1, 0)}"


def part_size(index: int) -> int:
    """Say how large the part at `index` (from 0) should be. The first sizes suit images (few requests, little memory);
    the growth lets 10,000 parts hold half a terabyte."""
    for below, size_bytes in _GROWTH:
        if index < below:
            return size_bytes
    return _LARGEST_PART_BYTES


def content_size(content: Content) -> int:
    """Count the bytes of some content."""
    return len(content) if isinstance(content, (bytes, memoryview)) else sum(map(len, content))


def check_start(session: Session, chunk: ContentRange | None) -> None:
    """Refuse a chunk that does not begin where the session ends. Raises RANGE_INVALID (416)."""
    if chunk is not None and chunk.start != session.size_bytes:
        raise RegistryError("RANGE_INVALID", {"offset": session.size_bytes, "start": chunk.start})


def check_announced(chunk: ContentRange | None, length: int | None) -> None:
    """Refuse a Content-Range that contradicts Content-Length. Raises SIZE_INVALID (400)."""
    if chunk is not None and length is not None and chunk.size_bytes != length:
        raise RegistryError("SIZE_INVALID", {"content-range": chunk.size_bytes, "content-length": length})


def check_size(chunk: ContentRange | None, length: int | None, size_bytes: int) -> None:
    """Refuse a body that is not as long as it was announced. Raises SIZE_INVALID (400)."""
    for announced in (chunk.size_bytes if chunk else None, length):
        if announced is not None and announced != size_bytes:
            raise RegistryError("SIZE_INVALID", {"announced": announced, "received": size_bytes})
