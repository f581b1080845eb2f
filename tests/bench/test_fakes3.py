"""The benchmark's S3 stub must behave like S3 where a registry would notice, and count exactly."""

from __future__ import annotations

import http.client
import shutil
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.programs import build_tools
from bench.registries import CountedEndpoint, start_s3

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")

MB = 1 << 20


@dataclass
class S3:
    endpoint: CountedEndpoint

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        host = urllib.parse.urlsplit(self.endpoint.url).netloc
        connection = http.client.HTTPConnection(host, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, named)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content, {name.lower(): value for name, value in response.getheaders()}

    def text(self, method: str, path: str, body: bytes = b"", **headers: str) -> str:
        return self(method, path, body, **headers)[1].decode()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("fakes3")
    endpoint = start_s3(build_tools(folder / "bin"), folder, delay_ms=0)
    stub = S3(endpoint)
    assert stub("PUT", "/bucket")[0] == 200
    yield stub
    endpoint.process.stop()


def test_counts_calls_by_operation_and_bucket(s3: S3) -> None:
    s3("PUT", "/other")
    s3.endpoint.reset()
    s3("PUT", "/bucket/a", b"one")
    s3("GET", "/bucket/a")
    s3("HEAD", "/bucket/a")
    s3("GET", "/bucket?list-type=2")
    s3("PUT", "/other/a", b"one")
    assert s3.endpoint.counts("bucket") == {"GetObject": 1, "HeadObject": 1, "ListObjectsV2": 1, "PutObject": 1}
    assert s3.endpoint.counts() == {"GetObject": 1, "HeadObject": 1, "ListObjectsV2": 1, "PutObject": 2}


def test_serves_ranges_and_keeps_the_content_type(s3: S3) -> None:
    s3("PUT", "/bucket/r", b"0123456789", Content_Type="text/special")
    status, content, headers = s3("GET", "/bucket/r", Range="bytes=2-4")
    assert (status, content, headers["content-type"]) == (206, b"234", "text/special")


def test_if_none_match_keeps_the_first_object(s3: S3) -> None:
    assert s3("PUT", "/bucket/once", b"first", If_None_Match="*")[0] == 200
    assert s3("PUT", "/bucket/once", b"second", If_None_Match="*")[0] == 412
    assert s3("GET", "/bucket/once")[1] == b"first"


def test_multipart_joins_parts_and_copied_ranges(s3: S3) -> None:
    source = bytes(range(256)) * (6 * MB // 256)
    s3("PUT", "/bucket/source", source)
    upload = _between(s3.text("POST", "/bucket/joined?uploads"), "<UploadId>", "</UploadId>")
    first = s3.text(
        "PUT",
        f"/bucket/joined?partNumber=1&uploadId={upload}",
        x_amz_copy_source="/bucket/source",
        x_amz_copy_source_range=f"bytes=100-{len(source) - 1}",
    )
    last = s3("PUT", f"/bucket/joined?partNumber=2&uploadId={upload}", b"tail")[2]["etag"]
    etags = [_between(first, "<ETag>", "</ETag>").replace("&#34;", '"'), last]
    assert s3("POST", f"/bucket/joined?uploadId={upload}", _completion(etags))[0] == 200
    assert s3("DELETE", "/bucket/source")[0] == 204
    assert s3("GET", "/bucket/joined")[1] == source[100:] + b"tail"
    assert s3("GET", "/bucket/joined", Range=f"bytes={len(source) - 102}-")[1] == source[-2:] + b"tail"


@pytest.mark.parametrize(("sizes", "etags_of", "code"), [
    ((MB, 4), (0, 1), "EntityTooSmall"),
    ((5 * MB, 4), (0, 0), "InvalidPart"),
])
def test_complete_refuses_what_s3_refuses(s3: S3, sizes: tuple[int, ...], etags_of: tuple[int, ...], code: str) -> None:
    upload = _between(s3.text("POST", "/bucket/refused?uploads"), "<UploadId>", "</UploadId>")
    etags = [
        s3("PUT", f"/bucket/refused?partNumber={number}&uploadId={upload}", bytes(size))[2]["etag"]
        for number, size in enumerate(sizes, 1)
    ]
    status, content, _ = s3("POST", f"/bucket/refused?uploadId={upload}", _completion([etags[i] for i in etags_of]))
    assert status == 400
    assert code in content.decode()
    assert s3("DELETE", f"/bucket/refused?uploadId={upload}")[0] == 204
    assert s3("GET", "/bucket/refused")[0] == 404


def test_list_pages_through_keys_and_common_prefixes(s3: S3) -> None:
    for number in range(5):
        s3("PUT", f"/bucket/list/{number}/x", b"1")
        s3("PUT", f"/bucket/list/{number}/y", b"1")
    page = s3.text("GET", "/bucket?list-type=2&prefix=list/&delimiter=/&max-keys=3")
    assert page.count("<CommonPrefixes>") == 3
    token = _between(page, "<NextContinuationToken>", "</NextContinuationToken>")
    page = s3.text("GET", f"/bucket?list-type=2&prefix=list/&delimiter=/&continuation-token={token}")
    assert "list/3/" in page
    assert page.count("<CommonPrefixes>") == 2
    assert "<IsTruncated>false" in page


def test_a_body_that_ends_early_is_not_stored(s3: S3) -> None:
    host, port = urllib.parse.urlsplit(s3.endpoint.url).netloc.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("PUT", "/bucket/short")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"only this")
    connection.close()
    assert s3("GET", "/bucket/short")[0] == 404


def test_aws_chunks_are_taken_apart(s3: S3) -> None:
    body = b"5;chunk-signature=aa\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    s3("PUT", "/bucket/chunked", body, x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert s3("GET", "/bucket/chunked")[1] == b"hello!"


def test_hollow_objects_keep_their_size(s3: S3) -> None:
    s3("PUT", "/bucket/large", b"x" * (2 * MB))
    s3.endpoint.hollow()
    assert s3("GET", "/bucket/large")[1] == bytes(2 * MB)


def test_a_body_written_over_an_old_one_is_exact_and_leaves_copies_alone(s3: S3) -> None:
    s3("PUT", "/bucket/first", b"1" * (3 * MB))
    s3("PUT", "/bucket/copy", x_amz_copy_source="/bucket/first")
    s3("DELETE", "/bucket/first")
    s3("PUT", "/bucket/second", b"2" * (3 * MB))
    s3("DELETE", "/bucket/second")
    s3("PUT", "/bucket/third", b"3" * (2 * MB))
    assert s3("GET", "/bucket/third")[1] == b"3" * (2 * MB)
    assert s3("GET", "/bucket/copy")[1] == b"1" * (3 * MB)


def _between(text: str, before: str, after: str) -> str:
    return text.split(before, maxsplit=1)[1].split(after, maxsplit=1)[0]


def _completion(etags: list[str]) -> bytes:
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, 1))
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
