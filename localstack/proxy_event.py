"""Turns an HTTP request into the event that a Lambda proxy integration of a REST API receives (payload format 1.0).

Source: AWS, "Input format of a Lambda function for proxy integration"; the dropped headers are those LocalStack verified on AWS.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

Event: TypeAlias = dict[str, Any]

REGION = "us-east-1"
ACCOUNT = "000000000000"
_DROPPED = frozenset((
    "connection", "content-length", "content-md5", "expect", "keep-alive", "max-forwards", "proxy-authenticate", "server",
    "te", "trailer", "transfer-encoding", "upgrade", "www-authenticate",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came: `path` still percent-encoded and with the stage in it, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    client_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def stage(self) -> str:
        """The first segment of the path."""
        return self.path[1:].partition("/")[0]

    @property
    def inner_path(self) -> str:
        """The path without the stage."""
        return self.path[len(self.stage) + 1 :] or "/"

    def header(self, name: bytes) -> str:
        """The last value of a header, or empty."""
        found = ""
        for key, value in self.headers:
            if key == name:
                found = value.decode("latin-1")
        return found


def proxy_event(request: HttpRequest, api_id: str, *, as_rest_api: bool = True) -> Event:
    """Make the event. `as_rest_api` drops the headers that a REST API keeps to itself."""
    several = _headers(request, as_rest_api)
    inner = request.inner_path
    rest = inner[1:]
    resource = "/{proxy+}" if rest else "/"
    query = _query(request.query)
    return {
        "resource": resource,
        "path": inner,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": rest} if rest else None,
        "stageVariables": None,
        "requestContext": _context(request, resource, api_id),
        # With the binary media type `*/*` API Gateway encodes every body.
        "body": base64.b64encode(request.body).decode() if request.body else None,
        "isBase64Encoded": bool(request.body),
    }


def method_arn(request: HttpRequest, api_id: str) -> str:
    """The resource that an authorizer's policy speaks about."""
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/{request.stage}/{request.method}/{request.inner_path[1:]}"


def _context(request: HttpRequest, resource: str, api_id: str) -> Event:
    now = time.time()
    return {
        "resourcePath": resource,
        "httpMethod": request.method,
        "path": request.path,
        "stage": request.stage,
        "accountId": ACCOUNT,
        "apiId": api_id,
        "requestId": request.id,
        "extendedRequestId": request.id,
        "resourceId": resource,
        "protocol": request.protocol,
        "requestTimeEpoch": int(now * 1000),
        "domainName": request.header(b"host").partition(":")[0],
        "identity": {"sourceIp": request.client_ip, "userAgent": request.header(b"user-agent")},
    }


def _headers(request: HttpRequest, as_rest_api: bool) -> dict[str, list[str]]:
    several: dict[str, list[str]] = {}
    for raw_name, value in request.headers:
        name = raw_name.decode("latin-1")
        if as_rest_api and name in _DROPPED:
            continue
        several.setdefault(name, []).append(value.decode("latin-1"))
    if as_rest_api:
        several["x-forwarded-for"] = [", ".join([*several.get("x-forwarded-for", ()), request.client_ip])]
        several.setdefault("x-forwarded-proto", ["http"])
    return several


def _query(text: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True) if text else ():
        query.setdefault(name, []).append(value)
    return query
