"""Tags of objects that come in parts: MiniStack forgets what CreateMultipartUpload names, and Terraform sees it gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from localstack.s3_multipart import Answer, Complete, Query

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


def noting_tags(s3: Any, create: Callable[..., Answer]) -> Callable[..., Answer]:
    """CreateMultipartUpload that keeps `x-amz-tagging` with the upload."""

    def created(bucket: str, key: str, headers: dict[str, str]) -> Answer:
        answer = create(bucket, key, headers)
        found = _UPLOAD_ID.search(answer[2]) if headers.get("x-amz-tagging") else None
        if found:
            s3._multipart_uploads[found.group(1).decode()]["tagging"] = headers["x-amz-tagging"]
        return answer

    return created


def tagging(s3: Any, complete: Complete) -> Complete:
    """CompleteMultipartUpload that gives the object the tags of its upload."""

    def completed(bucket: str, key: str, body: bytes, query: Query, headers: dict[str, str]) -> Answer:
        named = s3._multipart_uploads.get(query.get("uploadId", [""])[0], {}).get("tagging")
        answer = complete(bucket, key, body, query, headers)
        if named and answer[0] == 200:
            version = s3._buckets[bucket]["objects"][key].get("version_id")
            s3._object_tags[bucket, key, version] = dict(parse_qsl(named, keep_blank_values=True))
        return answer

    return completed
