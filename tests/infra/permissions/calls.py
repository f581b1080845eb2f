"""Which IAM action on which resource a signed request needs. Pure.

Source: Service Authorization Reference (DynamoDB, S3, Secrets Manager, SQS); DynamoDB developer guide, "Using IAM with
DynamoDB transactions" (one needs the action of each item in it); S3 API reference, "Permissions" of each operation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

_TRANSACTION = {
    "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem",
}  # fmt: skip
_QUEUE_ACTIONS = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}
_SIGNED = re.compile(r"Credential=([^/,]+)/\d{8}/[^/]+/([a-z0-9]+)/aws4_request")
_PRESIGNED = re.compile(r"X-Amz-Credential=([^/&]+)/\d{8}/[^/]+/([a-z0-9]+)/aws4_request")


class Call(NamedTuple):
    """An IAM action and what it is done to: `table`, `bucket`, `objects/<prefix>`, `secret/<name>`, `queue/<name>`."""

    action: str
    resource: str


@dataclass(frozen=True)
class Seen:
    """A request as the endpoint got it. Header names are lower-case; `path` is as on the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int


def signer(query: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """Say whose key signed a request, and for which service; empty when nobody did."""
    found = _PRESIGNED.search(unquote(query)) or _SIGNED.search(headers.get("authorization", ""))
    return (found[1], found[2]) if found else ("", "")


def calls(seen: Seen, service: str) -> list[Call]:
    """Say what a request needs. A request that is not known needs `<service>:?`, which no role allows."""
    if service == "s3":
        return list(_s3(seen))
    target = seen.headers.get("x-amz-target", "")
    operation = target.rpartition(".")[2]
    request = json.loads(seen.body or b"{}")
    if service == "dynamodb":
        return list(_dynamodb(operation, request))
    if service == "secretsmanager":
        name = request.get("SecretId") or request.get("Name") or "?"
        return [Call(f"secretsmanager:{operation}", f"secret/{name.partition('/')[2] or name}")]
    if service == "sqs":
        queue = str(request.get("QueueUrl", "?")).rpartition("/")[2]
        return [Call(f"sqs:{_QUEUE_ACTIONS.get(operation, operation)}", f"queue/{queue}")]
    return [Call(f"{service}:?", seen.path)]


def _dynamodb(operation: str, request: Mapping[str, Any]) -> Iterator[Call]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in request["TransactItems"]:
            for kind in item:
                yield Call(f"dynamodb:{_TRANSACTION[kind]}", "table")
        return
    yield Call(f"dynamodb:{operation}", "table")


def _s3(seen: Seen) -> Iterator[Call]:
    """The endpoint is in path style: `/<bucket>/<key>`."""
    _, _, key = unquote(seen.path).lstrip("/").partition("/")
    fields = {part.partition("=")[0] for part in seen.query.split("&")}
    if not key:
        listing = {"list-type": "ListBucket", "uploads": "ListBucketMultipartUploads"}
        yield Call(f"s3:{next((action for field, action in listing.items() if field in fields), '?')}", "bucket")
        return
    place = f"objects/{key.partition('/')[0]}"
    if seen.method in ("GET", "HEAD"):
        yield Call("s3:ListMultipartUploadParts" if "uploadId" in fields else "s3:GetObject", place)
        if seen.status == 404:  # without it S3 answers 403 for an object that is not there
            yield Call("s3:ListBucket", "bucket")
    elif seen.method == "DELETE":
        yield Call("s3:AbortMultipartUpload" if "uploadId" in fields else "s3:DeleteObject", place)
    elif seen.method in ("PUT", "POST"):
        yield Call("s3:PutObject", place)
        source = unquote(seen.headers.get("x-amz-copy-source", ""))
        if source:
            yield Call("s3:GetObject", f"objects/{source.lstrip('/').split('/')[1]}")
    else:
        yield Call("s3:?", place)
