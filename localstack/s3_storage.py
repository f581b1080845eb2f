"""MiniStack's S3 with large bodies on disk.

MiniStack 1.5.33 keeps the parts of an upload in memory, joins them there, and reads a whole object to answer a range. What
is replaced here keeps large layers out of memory; it touches private names, which is why the version is pinned exactly.
"""

from __future__ import annotations

import contextlib
import contextvars
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from localstack.s3_multipart import Answer, Query, completing, remove_files
from localstack.s3_tags import noting_tags, tagging

LARGE_BYTES = 1024 * 1024

_mapping = contextvars.ContextVar("mapping", default=False)


def keep_large_bodies_on_disk(s3: Any, spool: Path) -> None:
    """Change MiniStack's S3 module: parts wait in `spool`, and objects can be read through a mapping."""
    spool.mkdir(parents=True, exist_ok=True)
    for left in spool.iterdir():
        left.unlink()
    s3._upload_part = _spooling(s3, s3._upload_part, spool)
    s3._abort_multipart_upload = _forgetting(s3, s3._abort_multipart_upload)
    s3._create_multipart_upload = noting_tags(s3, s3._create_multipart_upload)
    s3._complete_multipart_upload = tagging(s3, completing(s3, s3._complete_multipart_upload))
    s3._read_body = _read_by_mapping(s3, s3._read_body)


@contextlib.contextmanager
def mapped_reads() -> Iterator[None]:
    """Inside, MiniStack is given a mapping of a large object's file, which it may slice but not send whole."""
    token = _mapping.set(True)
    try:
        yield
    finally:
        _mapping.reset(token)


def object_file(s3: Any, path: str) -> Path | None:
    """Where the large object of a path-style URL is on disk; None when it is small or unknown."""
    bucket, _, key = path.lstrip("/").partition("/")
    place = s3._object_disk_path(bucket, key) if bucket and key else None
    file = Path(place) if place else None
    return file if file is not None and file.is_file() and file.stat().st_size >= LARGE_BYTES else None


def _spooling(s3: Any, upload_part: Callable[..., Answer], spool: Path) -> Callable[..., Answer]:
    def spooled(bucket: str, key: str, body: bytes, query: Query, headers: dict[str, str]) -> Answer:
        answer = upload_part(bucket, key, body, query, headers)
        if answer[0] == 200:
            upload_id, number = query["uploadId"][0], int(query["partNumber"][0])
            part = s3._multipart_uploads[upload_id]["parts"][number]
            part["file"] = spool / f"{upload_id}.{number}"
            part["file"].write_bytes(body)
            part["body"] = None
        return answer

    return spooled


def _forgetting(s3: Any, abort: Callable[..., Answer]) -> Callable[..., Answer]:
    def aborted(bucket: str, key: str, query: Query) -> Answer:
        upload = s3._multipart_uploads.get(query.get("uploadId", [""])[0], {"parts": {}})
        answer = abort(bucket, key, query)
        if answer[0] == 204:
            remove_files(upload["parts"].values())
        return answer

    return aborted


def _read_by_mapping(s3: Any, read_body: Callable[..., bytes]) -> Callable[..., bytes | mmap.mmap]:
    def read(bucket: str, key: str, record: dict[str, Any]) -> bytes | mmap.mmap:
        file = object_file(s3, f"/{bucket}/{key}") if _mapping.get() and record.get("body") is None else None
        if file is None:
            return read_body(bucket, key, record)
        with file.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    return read
