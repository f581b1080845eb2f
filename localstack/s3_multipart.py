"""CompleteMultipartUpload as S3 does it: parts in order, none but the last below 5 MiB, joined on disk."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias
from xml.sax.saxutils import escape

MINIMUM_PART_BYTES = 5 * 1024 * 1024

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Query: TypeAlias = dict[str, list[str]]
Complete: TypeAlias = Callable[[str, str, bytes, Query, dict[str, str]], Answer]
Part: TypeAlias = Mapping[str, Any]

_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(r"<PartNumber>\s*(\d+)\s*</PartNumber>")
_ETAG = re.compile(r"<ETag>\s*(?:&quot;|&#34;|\")?([0-9a-f]*)")
_XML = {"Content-Type": "application/xml"}


def completing(s3: Any, complete: Complete) -> Complete:
    """MiniStack's operation, with S3's refusals before it, and without a copy in memory for the uploads that Moorage makes."""

    def completed(bucket: str, key: str, body: bytes, query: Query, headers: dict[str, str]) -> Answer:
        upload_id = query.get("uploadId", [""])[0]
        upload = s3._multipart_uploads.get(upload_id)
        if upload is None or (upload["bucket"], upload["key"]) != (bucket, key):
            return complete(bucket, key, body, query, headers)
        named = _named_parts(body)
        refusal = refuse_parts(upload["parts"], named)
        if refusal is not None:
            refused: Answer = s3._error(*refusal, 400, f"/{bucket}/{key}")
            return refused
        if not named or not _is_plain(s3, bucket, upload, headers):
            return _complete_in_memory(complete, upload, (bucket, key, body, query, headers))
        violated: Answer | None = s3._check_put_preconditions(headers, s3._buckets[bucket]["objects"].get(key))
        return violated or _complete_on_disk(s3, upload_id, upload, [upload["parts"][number] for number, _ in named])

    return completed


def refuse_parts(parts: Mapping[int, Part], named: Sequence[tuple[int, str]]) -> tuple[str, str] | None:
    """S3's error code and message for a list of parts that it does not take, or None."""
    numbers = [number for number, _ in named]
    if numbers != sorted(set(numbers)):
        return "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number."
    if any(number not in parts or etag != parts[number]["etag"].strip('"') for number, etag in named):
        return "InvalidPart", "One or more of the specified parts could not be found."
    if any(parts[number]["size"] < MINIMUM_PART_BYTES for number in numbers[:-1]):
        return "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"
    return None


def remove_files(parts: Iterable[Part]) -> None:
    """Free the space of parts that no upload holds any more."""
    for part in parts:
        if "file" in part:
            part["file"].unlink(missing_ok=True)


def _named_parts(body: bytes) -> list[tuple[int, str]]:
    found = []
    for part in _PART.findall(body.decode("utf-8", "replace")):
        number, etag = _NUMBER.search(part), _ETAG.search(part)
        found.append((int(number.group(1)) if number else 0, etag.group(1) if etag else ""))
    return found


def _is_plain(s3: Any, bucket: str, upload: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether the upload uses nothing that only MiniStack's own operation knows: versions, checksums, customer keys."""
    asked = [name for name in headers if name.startswith(("x-amz-checksum-", "x-amz-mp-", "x-amz-server-side-"))]
    kept = upload.get("preserved_headers", {})
    return not (
        asked
        or upload.get("checksum_algorithm")
        or s3._bucket_versioning.get(bucket)
        or any(name.startswith("x-amz-server-side-encryption-customer") for name in kept)
    )


def _complete_in_memory(
    complete: Complete, upload: Mapping[str, Any], request: tuple[str, str, bytes, Query, dict[str, str]]
) -> Answer:
    parts = [part for part in upload["parts"].values() if part["body"] is None]
    for part in parts:
        part["body"] = part["file"].read_bytes()
    answer = complete(*request)
    if answer[0] == 200:
        remove_files(parts)
    return answer


def _complete_on_disk(s3: Any, upload_id: str, upload: Mapping[str, Any], parts: Sequence[Part]) -> Answer:
    bucket, key = upload["bucket"], upload["key"]
    record = _record_of(s3, upload, parts)
    _join(parts, Path(s3._object_disk_path(bucket, key)))
    s3._buckets[bucket]["objects"][key] = record
    del s3._multipart_uploads[upload_id]
    remove_files(upload["parts"].values())
    s3._persist_object(bucket, key, record)
    event = "s3:ObjectCreated:CompleteMultipartUpload"
    s3._fire_s3_event_async(bucket, key, event, size=record["size"], etag=record["etag"], version_id=None)
    answer = (200, dict(_XML), _result(bucket, key, record["etag"]))
    s3._completed_multipart_uploads[upload_id] = {"key": key, "response": answer}
    return answer


def _record_of(s3: Any, upload: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    hashes = b"".join(bytes.fromhex(part["etag"].strip('"')) for part in parts)
    return {
        "body": None,
        "content_type": upload["content_type"],
        "content_encoding": upload.get("content_encoding"),
        "etag": f'"{hashlib.md5(hashes, usedforsecurity=False).hexdigest()}-{len(parts)}"',
        "last_modified": s3.now_iso(),
        "size": sum(part["size"] for part in parts),
        "metadata": upload["metadata"],
        "preserved_headers": upload.get("preserved_headers", {}),
        "storage_class": upload.get("storage_class") or "STANDARD",
        "parts": [{"PartNumber": number, "Size": part["size"]} for number, part in enumerate(parts, 1)],
        "checksums": {},
        "checksum_type": None,
    }


def _join(parts: Sequence[Part], place: Path) -> None:
    """Append the later parts to the first one's file and give that the object's name, at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    joined: Path = parts[0].get("file") or place.with_name(place.name + ".joined")
    if "file" not in parts[0]:
        joined.write_bytes(parts[0]["body"])
    with joined.open("ab") as target:
        for part in parts[1:]:
            if part["body"] is None:
                _append(target, part["file"])
            else:
                target.write(part["body"])
    joined.replace(place)


def _append(target: BinaryIO, file: Path) -> None:
    with file.open("rb") as source:
        shutil.copyfileobj(source, target, 1024 * 1024)


def _result(bucket: str, key: str, etag: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Location>/{escape(bucket)}/{escape(key)}</Location><Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key>"
        f"<ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>"
    ).encode()
