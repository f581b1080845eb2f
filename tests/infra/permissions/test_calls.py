"""Requests become IAM actions as AWS's tables say."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.infra.permissions.calls import Call, Seen, calls, signer
from tests.infra.permissions.roles import place

OBJECT = "/bucket/blobs/some/object"


def s3(method: str, path: str = OBJECT, query: str = "", status: int = 200, **headers: str) -> set[tuple[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {tuple(call) for call in calls(Seen(method, path, query, named, b"", status), "s3")}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (s3("GET"), {("s3:GetObject", "objects/blobs")}),
        (s3("HEAD"), {("s3:GetObject", "objects/blobs")}),
        (s3("HEAD", status=404), {("s3:GetObject", "objects/blobs"), ("s3:ListBucket", "bucket")}),
        (s3("PUT"), {("s3:PutObject", "objects/blobs")}),
        (s3("PUT", query="partNumber=1&uploadId=x"), {("s3:PutObject", "objects/blobs")}),
        (s3("PUT", query="partNumber=1&uploadId=x", x_amz_copy_source="/bucket/uploads/tail"),
         {("s3:PutObject", "objects/blobs"), ("s3:GetObject", "objects/uploads")}),
        (s3("POST", query="uploads="), {("s3:PutObject", "objects/blobs")}),
        (s3("POST", query="uploadId=x"), {("s3:PutObject", "objects/blobs")}),
        (s3("GET", query="uploadId=x"), {("s3:ListMultipartUploadParts", "objects/blobs")}),
        (s3("DELETE", query="uploadId=x"), {("s3:AbortMultipartUpload", "objects/blobs")}),
        (s3("DELETE"), {("s3:DeleteObject", "objects/blobs")}),
        (s3("GET", "/bucket", "list-type=2&prefix=a"), {("s3:ListBucket", "bucket")}),
        (s3("GET", "/bucket/", "uploads=&X-Amz-Date=1"), {("s3:ListBucketMultipartUploads", "bucket")}),
        (s3("GET", "/bucket", "acl"), {("s3:?", "bucket")}),
    ],
)  # fmt: skip
def test_requests_to_s3(found: set[tuple[str, str]], wanted: set[tuple[str, str]]) -> None:
    assert found == wanted


@pytest.mark.parametrize(
    ("service", "target", "request_", "wanted"),
    [
        ("dynamodb", "DynamoDB_20120810.Query", {"TableName": "t"}, {("dynamodb:Query", "table")}),
        ("dynamodb", "DynamoDB_20120810.TransactWriteItems",
         {"TransactItems": [{"Put": {}}, {"Update": {}}, {"Delete": {}}, {"ConditionCheck": {}}]},
         {(f"dynamodb:{name}", "table") for name in ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")}),
        ("dynamodb", "DynamoDB_20120810.BatchWriteItem", {"RequestItems": {}}, {("dynamodb:BatchWriteItem", "table")}),
        ("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "name/identity/key"},
         {("secretsmanager:GetSecretValue", "secret/identity/key")}),
        ("sqs", "AmazonSQS.SendMessageBatch", {"QueueUrl": "http://host/0/jobs"}, {("sqs:SendMessage", "queue/jobs")}),
        ("sqs", "AmazonSQS.ReceiveMessage", {"QueueUrl": "http://host/0/jobs"}, {("sqs:ReceiveMessage", "queue/jobs")}),
        ("iam", "", {}, {("iam:?", "/")}),
    ],
)  # fmt: skip
def test_requests_in_json(
    service: str, target: str, request_: Mapping[str, object], wanted: set[tuple[str, str]]
) -> None:
    seen = Seen("POST", "/", "", {"x-amz-target": target}, json.dumps(request_).encode(), 200)
    assert set(calls(seen, service)) == {Call(*one) for one in wanted}


def test_who_signed_is_in_the_header_or_in_the_url() -> None:
    header = "AWS4-HMAC-SHA256 Credential=KEY/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    assert signer("", {"authorization": header}) == ("KEY", "dynamodb")
    assert signer("X-Amz-Credential=KEY%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=1", {}) == ("KEY", "s3")
    assert signer("", {"authorization": "Bearer x"}) == ("", "")


@pytest.mark.parametrize(
    ("arn", "wanted"),
    [
        ("arn:aws:dynamodb:us-east-1:0:table/n", "table"),
        ("arn:aws:dynamodb:us-east-1:0:table/other", "arn:aws:dynamodb:us-east-1:0:table/other"),
        ("arn:aws:s3:::b", "bucket"),
        ("arn:aws:s3:::b/blobs/*", "objects/blobs"),
        ("arn:aws:s3:::b/*", "objects/*"),
        ("arn:aws:secretsmanager:us-east-1:0:secret:n/identity/key-a1b2c3", "secret/identity/key"),
        ("arn:aws:sqs:us-east-1:0:n-scan-jobs", "queue/n-scan-jobs"),
        ("*", "*"),
    ],
)
def test_resources_of_a_role(arn: str, wanted: str) -> None:
    assert place(arn, "n", "b") == wanted
