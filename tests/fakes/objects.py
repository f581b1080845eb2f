"""An object store in memory that refuses what S3 refuses: small parts, wrong ETags, parts out of order, lost uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.oci.ports import MultipartGone
from chalicelib.oci.session import PART_MIN_BYTES, PARTS_MAX, Content, Part


@dataclass
class FakeMultipart:
    key: str
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)


class FakeObjects:
    """`calls` lists what was asked, in order; `started_at` is when multipart uploads and tail objects were made."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.multiparts: dict[str, FakeMultipart] = {}
        self.completed: dict[str, tuple[str, ...]] = {}
        self.calls: list[str] = []
        self.started_at = 0
        self._count = 0
        self._lock = Lock()

    def blob_key(self, upload_id: str) -> str:
        return f"blobs/{upload_id}/{self._next()}"

    def tail_key(self, upload_id: str) -> str:
        return f"uploads/{upload_id}/{self._next()}"

    def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        sha256: bytes | None = None,
    ) -> None:
        body = _bytes(content)
        assert key not in self.objects or key.startswith("manifests/"), "an object was overwritten"
        assert sha256 is None or sha256 == hashlib.sha256(body).digest(), "BadDigest"
        self._called("put")
        self.objects[key] = body

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        self._called("get")
        return self.objects[key][start : None if end is None else end + 1]

    def size(self, key: str) -> int | None:
        self._called("size")
        return len(self.objects[key]) if key in self.objects else None

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._called("delete")
            self.objects.pop(key, None)

    def start_multipart(self, key: str) -> str:
        self._called("start_multipart")
        multipart_id = f"m{self._next()}"
        self.multiparts[multipart_id] = FakeMultipart(key)
        return multipart_id

    def put_part(self, key: str, multipart_id: str, number: int, content: Content) -> str:
        self._called("put_part")
        return self._part(key, multipart_id, number, _bytes(content))

    def copy_part(self, key: str, multipart_id: str, number: int, source_key: str) -> str:
        self._called("copy_part")
        return self._part(key, multipart_id, number, self.objects[source_key])

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[Part]) -> None:
        self._called("complete_multipart")
        etags = tuple(part.etag for part in parts)
        if self.completed.get(multipart_id) == etags:
            return
        found = self._multipart(key, multipart_id).parts
        numbers = [part.number for part in parts]
        assert numbers == sorted(set(numbers)), "InvalidPartOrder"
        assert all(number in found and found[number][0] == etag for number, etag in zip(numbers, etags, strict=True))
        assert all(len(found[number][1]) >= PART_MIN_BYTES for number in numbers[:-1]), "EntityTooSmall"
        assert numbers, "a multipart upload needs a part"
        self.objects[key] = b"".join(found[number][1] for number in numbers)
        self.completed[multipart_id] = etags
        del self.multiparts[multipart_id]

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        self._called("abort_multipart")
        self.multiparts.pop(multipart_id, None)

    def abandoned_multiparts(self, before: int) -> Iterator[tuple[str, str]]:
        if self.started_at < before:
            yield from [(multipart.key, multipart_id) for multipart_id, multipart in self.multiparts.items()]

    def abandoned_tails(self, before: int) -> Iterator[str]:
        if self.started_at < before:
            yield from [key for key in self.objects if key.startswith("uploads/")]

    def signed_url(self, method: str, key: str, *, expires_s: int, now: int) -> str:
        return f"https://objects.test/{key}?method={method}&until={now + expires_s}"

    def _part(self, key: str, multipart_id: str, number: int, body: bytes) -> str:
        assert 1 <= number <= PARTS_MAX
        with self._lock:
            self._count += 1
            etag = f'"{self._count}-{hashlib.sha256(body).hexdigest()[:16]}"'
        self._multipart(key, multipart_id).parts[number] = (etag, body)
        return etag

    def _multipart(self, key: str, multipart_id: str) -> FakeMultipart:
        found = self.multiparts.get(multipart_id)
        if found is None or found.key != key:
            raise MultipartGone(multipart_id)
        return found

    def _next(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def _called(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)


def _bytes(content: Content) -> bytes:
    return bytes(content) if isinstance(content, (bytes, memoryview)) else b"".join(content)
