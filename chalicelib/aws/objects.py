"""S3 through presigned requests on kept connections: the `ObjectStore` port.

boto3 costs a millisecond of CPU a call and copies bodies; `http.client` sends memoryviews as they are. Source: Amazon S3 API
reference (PutObject, GetObject, CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload, ...).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from time import strptime
from xml.sax.saxutils import escape

from chalicelib.aws import keys
from chalicelib.aws.presign import Credentials, Presigner, bucket_address, sdk_credentials
from chalicelib.aws.s3_http import Answer, Connections, S3Error, operation_of, xml_pages, xml_text
from chalicelib.config import Settings
from chalicelib.oci.ports import MultipartGone
from chalicelib.oci.session import Content, Part

_SIGNED_S = 900


class S3Objects:
    """The objects of one registry's bucket. Safe under threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float], credentials: Credentials | None = None) -> None:
        found = credentials or sdk_credentials(settings)
        address = bucket_address(settings.bucket, settings.region, settings.s3_endpoint_url)
        public = bucket_address(settings.bucket, settings.region, settings.s3_public_url)
        self._signer = Presigner(address, settings.region, found)
        self._public = Presigner(public, settings.region, found)
        self._connections = Connections(address, settings.bucket)
        self._bucket, self._clock = settings.bucket, clock

    def blob_key(self, upload_id: str) -> str:
        """See `ObjectStore.blob_key`."""
        return keys.blob_object(upload_id, secrets.token_hex(8))

    def tail_key(self, upload_id: str) -> str:
        """See `ObjectStore.tail_key`."""
        return keys.tail_object(upload_id, secrets.token_hex(8))

    def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        sha256: bytes | None = None,
    ) -> None:
        """See `ObjectStore.put`. One PutObject."""
        checksum = base64.b64encode(sha256 or _sha256(content)).decode()
        signed = {"x-amz-checksum-sha256": checksum}
        self._call("PUT", key, headers=signed, unsigned={"Content-Type": content_type}, body=content)

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """See `ObjectStore.get`. One GetObject."""
        is_whole = start == 0 and end is None
        ranged = {} if is_whole else {"Range": f"bytes={start}-{'' if end is None else end}"}
        try:
            return self._call("GET", key, unsigned=ranged).body
        except S3Error as error:
            if error.status == 404:
                raise KeyError(key) from None
            raise

    def size(self, key: str) -> int | None:
        """See `ObjectStore.size`. One HeadObject."""
        try:
            return int(self._call("HEAD", key).headers["content-length"])
        except S3Error as error:
            if error.status == 404:
                return None
            raise

    def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`. One DeleteObject each: there are rarely two."""
        for key in keys:
            self._call("DELETE", key)

    def start_multipart(self, key: str) -> str:
        """See `ObjectStore.start_multipart`. One CreateMultipartUpload."""
        return xml_text(self._call("POST", key, query=[("uploads", "")]).body, "UploadId")

    def put_part(self, key: str, multipart_id: str, number: int, content: Content) -> str:
        """See `ObjectStore.put_part`. One UploadPart."""
        query = [("partNumber", str(number)), ("uploadId", multipart_id)]
        return self._multipart("PUT", key, query, body=content).headers["etag"]

    def copy_part(self, key: str, multipart_id: str, number: int, source_key: str) -> str:
        """See `ObjectStore.copy_part`. One UploadPartCopy, which may answer 200 and fail all the same."""
        query = [("partNumber", str(number)), ("uploadId", multipart_id)]
        source = {"x-amz-copy-source": f"{self._bucket}/{source_key}"}
        try:
            return xml_text(self._multipart("PUT", key, query, headers=source).body, "ETag")
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise KeyError(source_key) from None
            raise

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[Part]) -> None:
        """See `ObjectStore.complete_multipart`. One CompleteMultipartUpload, which may answer 200 and fail all the same."""
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        xml_text(self._multipart("POST", key, [("uploadId", multipart_id)], body=body).body, "ETag")

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """See `ObjectStore.abort_multipart`. One AbortMultipartUpload."""
        try:
            self._multipart("DELETE", key, [("uploadId", multipart_id)])
        except MultipartGone:
            return

    def abandoned_multiparts(self, before: int) -> Iterator[tuple[str, str]]:
        """See `ObjectStore.abandoned_multiparts`. One ListMultipartUploads a thousand."""
        marker: list[tuple[str, str]] = []
        while True:
            body = self._call("GET", "", query=[("uploads", ""), ("prefix", keys.BLOB_OBJECTS), *marker]).body
            for upload in xml_pages(body, "Upload"):
                if _time(upload["Initiated"]) < before:
                    yield upload["Key"], upload["UploadId"]
            if xml_text(body, "IsTruncated", "false") != "true":
                return
            marker = [
                ("key-marker", xml_text(body, "NextKeyMarker")),
                ("upload-id-marker", xml_text(body, "NextUploadIdMarker")),
            ]

    def abandoned_tails(self, before: int) -> Iterator[str]:
        """See `ObjectStore.abandoned_tails`. One ListObjectsV2 a thousand."""
        marker: list[tuple[str, str]] = []
        while True:
            body = self._call("GET", "", query=[("list-type", "2"), ("prefix", keys.TAIL_OBJECTS), *marker]).body
            for found in xml_pages(body, "Contents"):
                if _time(found["LastModified"]) < before:
                    yield found["Key"]
            if xml_text(body, "IsTruncated", "false") != "true":
                return
            marker = [("continuation-token", xml_text(body, "NextContinuationToken"))]

    def signed_url(self, method: str, key: str, *, expires_s: int, now: int) -> str:
        """See `ObjectStore.signed_url`."""
        return self._public.url(method, key, now=now, expires_s=expires_s)

    def _multipart(
        self, method: str, key: str, query: list[tuple[str, str]], *, headers: dict[str, str] = {}, body: Content = b""
    ) -> Answer:
        try:
            return self._call(method, key, query=query, headers=headers, body=body)
        except S3Error as error:
            if error.code == "NoSuchUpload":
                raise MultipartGone(multipart_id_of(query)) from None
            raise

    def _call(
        self,
        method: str,
        key: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] = {},
        unsigned: dict[str, str] = {},
        body: Content = b"",
    ) -> Answer:
        def target() -> str:
            now = int(self._clock())
            return self._signer.target(method, key, now=now, expires_s=_SIGNED_S, query=query, headers=headers)

        operation = operation_of(method, query, is_copy="x-amz-copy-source" in headers)
        return self._connections.request(method, target, {**headers, **unsigned}, body, operation=operation)


def multipart_id_of(query: Sequence[tuple[str, str]]) -> str:
    """Name the multipart upload of a request, for errors."""
    return dict(query).get("uploadId", "")


def _sha256(content: Content) -> bytes:
    running = hashlib.sha256()
    for piece in [content] if isinstance(content, (bytes, memoryview)) else content:
        running.update(piece)
    return running.digest()


def _time(text: str) -> int:
    return timegm(strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
