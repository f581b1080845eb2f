"""The emulator: what it keeps when it is killed, and where it is as strict as S3."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from localstack.launch import ROOT, Emulator, StartError
from tests.localstack.conftest import aws
from tests.localstack.processes import is_running, wait_for

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(emulator: Emulator) -> Any:
    client = aws(emulator.public_s3_url, "s3")
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="small", Body=b"0123456789")
    client.put_object(Bucket="bucket", Key="large/x y", Body=bytes(range(256)) * (2 * MIB // 256))
    return client


def presign(s3: Any, method: str, key: str) -> str:
    url: str = s3.generate_presigned_url(method, Params={"Bucket": "bucket", "Key": key}, ExpiresIn=60)
    return url


CONTENT = {"small": b"0123456789", "large/x y": bytes(range(256)) * (2 * MIB // 256)}


def test_terraform_is_answered_no_sooner_than_by_aws(emulator: Emulator) -> None:
    agent = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 terraform-provider-aws/5.100.0"
    with httpx.Client(headers={"User-Agent": agent}) as client:
        took = [client.get(f"{emulator.public_s3_url}/_ministack/health").elapsed.total_seconds() for _ in range(5)]
    assert min(took) >= 0.005


@pytest.mark.parametrize("key", list(CONTENT))
@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        (None, 200, slice(None)),
        ("bytes=2-5", 206, slice(2, 6)),
        ("bytes=3-", 206, slice(3, None)),
        ("bytes=-4", 206, slice(-4, None)),
        ("bytes=0-999999999", 206, slice(None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=", 200, slice(None)),
        ("bytes=5-2", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
    ],
)
def test_presigned_get_answers_ranges_as_s3(
    s3: Any, key: str, asked: str | None, status: int, span: slice | None
) -> None:
    answer = httpx.get(presign(s3, "get_object", key), headers={"Range": asked} if asked else {})
    assert answer.status_code == status
    if span is not None:
        wanted = CONTENT[key][span]
        assert answer.headers["content-length"] == str(len(wanted))
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(wanted).digest()
    if status == 206 and span is not None:
        start, stop, _ = span.indices(len(CONTENT[key]))
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT[key])}"
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT[key])}"


@pytest.mark.parametrize("key", list(CONTENT))
def test_presigned_head_tells_the_size_and_sends_nothing(s3: Any, key: str) -> None:
    answer = httpx.head(presign(s3, "head_object", key))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT[key]))


def test_presigned_put_stores_the_body(s3: Any) -> None:
    assert httpx.put(presign(s3, "put_object", "put"), content=b"hello").status_code == 200
    assert s3.get_object(Bucket="bucket", Key="put")["Body"].read() == b"hello"


def test_a_large_object_is_read_with_a_signed_header_too(s3: Any) -> None:
    assert s3.get_object(Bucket="bucket", Key="large/x y")["Body"].read() == CONTENT["large/x y"]


def test_a_conditional_get_of_a_large_object_is_answered_without_it(s3: Any) -> None:
    etag = s3.head_object(Bucket="bucket", Key="large/x y")["ETag"]
    answer = httpx.get(presign(s3, "get_object", "large/x y"), headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("key", list(CONTENT))
@pytest.mark.parametrize(
    ("change", "headers", "status", "code"),
    [
        (lambda url: url, {"Authorization": "Bearer token"}, 400, "Only one auth mechanism allowed"),
        (lambda url: url, {"Authorization": "Basic YTpi"}, 400, "<Code>InvalidArgument</Code>"),
        (lambda url: url.partition("?")[0], {}, 403, "<Code>AccessDenied</Code>"),
        (lambda url: url.partition("?")[0], {"Authorization": "Bearer token"}, 400, "Unsupported Authorization Type"),
        (lambda url: url[:-4] + "beef", {}, 403, "SignatureDoesNotMatch"),
        (lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), {}, 403, "SignatureDoesNotMatch"),
        (lambda url: url.partition("?")[0] + "?AWSAccessKeyId=a&Signature=b&Expires=9", {}, 400, "AWS4-HMAC-SHA256"),
    ],
)
def test_what_s3_refuses_is_refused(
    s3: Any, key: str, change: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = httpx.get(change(presign(s3, "get_object", key)), headers=headers)
    assert answer.status_code == status
    assert code in answer.text


def test_a_url_signed_for_get_does_not_serve_head(s3: Any) -> None:
    assert httpx.head(presign(s3, "get_object", "small")).status_code == 403


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config"])
def test_the_emulators_own_doors_are_shut(emulator: Emulator, path: str) -> None:
    assert httpx.post(emulator.url + path).status_code == 404


def upload(s3: Any, key: str, parts: list[bytes], order: list[int]) -> Any:
    upload_id = s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"]
    etags = {}
    for number, body in enumerate(parts, 1):
        sent = s3.upload_part(Bucket="bucket", Key=key, UploadId=upload_id, PartNumber=number, Body=body)
        etags[number] = sent["ETag"]
    named = [{"PartNumber": number, "ETag": etags.get(number, '"00"')} for number in order]
    return s3.complete_multipart_upload(Bucket="bucket", Key=key, UploadId=upload_id, MultipartUpload={"Parts": named})


@pytest.mark.parametrize(
    ("sizes", "order", "code"),
    [
        ([5 * MIB - 1, 10], [1, 2], "EntityTooSmall"),
        ([5 * MIB, 10], [2, 1], "InvalidPartOrder"),
        ([10], [1, 2], "InvalidPart"),
    ],
)
def test_complete_refuses_parts_as_s3(s3: Any, sizes: list[int], order: list[int], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        upload(s3, "refused", [os.urandom(size) for size in sizes], order)
    assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError):
        s3.head_object(Bucket="bucket", Key="refused")


def test_a_multipart_object_is_its_parts_joined(s3: Any, emulator: Emulator) -> None:
    parts = [os.urandom(5 * MIB), os.urandom(6 * MIB), b"end"]
    done = upload(s3, "joined", parts, [1, 2, 3])
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert s3.get_object(Bucket="bucket", Key="joined")["Body"].read() == b"".join(parts)
    assert s3.head_object(Bucket="bucket", Key="joined")["ContentLength"] == 11 * MIB + 3


def test_complete_keeps_an_object_that_must_not_be_replaced(s3: Any) -> None:
    upload_id = s3.create_multipart_upload(Bucket="bucket", Key="small")["UploadId"]
    sent = s3.upload_part(Bucket="bucket", Key="small", UploadId=upload_id, PartNumber=1, Body=b"new")
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(
            Bucket="bucket",
            Key="small",
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]},
            IfNoneMatch="*",
        )
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == CONTENT["small"]


def test_parts_leave_the_disk_when_their_upload_ends(tmp_path: Path) -> None:
    with Emulator.start(tmp_path) as emulator:
        s3 = aws(emulator.url, "s3")
        s3.create_bucket(Bucket="bucket")
        upload(s3, "whole", [os.urandom(5 * MIB), b"end"], [1, 2])
        upload_id = s3.create_multipart_upload(Bucket="bucket", Key="given up")["UploadId"]
        s3.upload_part(Bucket="bucket", Key="given up", UploadId=upload_id, PartNumber=1, Body=b"part")
        s3.abort_multipart_upload(Bucket="bucket", Key="given up", UploadId=upload_id)
        assert list((tmp_path / "s3-parts").iterdir()) == []


def make_table(endpoint: str) -> Any:
    dynamodb = aws(endpoint, "dynamodb")
    dynamodb.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def items(endpoint: str) -> set[str]:
    return {item["pk"]["S"] for item in aws(endpoint, "dynamodb").scan(TableName="table")["Items"]}


def test_a_killed_emulator_keeps_everything_up_to_its_last_snapshot(tmp_path: Path) -> None:
    emulator = Emulator.start(tmp_path, snapshot_s=0.1)
    dynamodb, s3 = make_table(emulator.url), aws(emulator.url, "s3")
    dynamodb.put_item(TableName="table", Item={"pk": {"S": "before"}})
    wait_for(lambda: is_saved(tmp_path, "before"))
    s3.create_bucket(Bucket="bucket")
    upload(s3, "object", [os.urandom(5 * MIB), b"end"], [1, 2])
    emulator.kill()
    with Emulator.start(tmp_path) as again:
        assert items(again.url) == {"before"}
        assert aws(again.url, "s3").head_object(Bucket="bucket", Key="object")["ContentLength"] == 5 * MIB + 3


def test_a_stopped_emulator_keeps_the_last_write(tmp_path: Path) -> None:
    with Emulator.start(tmp_path, snapshot_s=60) as emulator:
        make_table(emulator.url).put_item(TableName="table", Item={"pk": {"S": "last"}})
    with Emulator.start(tmp_path) as again:
        assert items(again.url) == {"last"}


def test_a_damaged_snapshot_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "dynamodb.json").write_text('{"half')
    with pytest.raises(StartError):
        Emulator.start(tmp_path)
    assert (tmp_path / "state" / "dynamodb.json").read_text() == '{"half'


PARENT = """
import sys, time
from pathlib import Path
from localstack.launch import Emulator
print(Emulator.start(Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def test_the_emulator_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_running(pid))


def is_saved(data: Path, text: str) -> bool:
    snapshot = data / "state" / "dynamodb.json"
    return snapshot.exists() and text in snapshot.read_text()
