"""Turns what a Lambda function returned into an HTTP answer, renaming and refusing what a REST API does.

Sources: AWS, "Output format of a Lambda function for proxy integration" and "Amazon API Gateway important notes" (remapped
headers); gateway responses as `infra/terraform` configures them.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

LAMBDA_RESPONSE_BYTES = 6_291_556
_REMAPPED = frozenset(("www-authenticate", "content-length", "date", "server", "connection"))
_DROPPED = frozenset(("transfer-encoding", "upgrade"))
_BODILESS = frozenset((204, 304))


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, complete but for Date."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""


class GatewayResponse(NamedTuple):
    """An answer that API Gateway makes itself: what Lambda never saw, or failed at."""

    status: int
    code: str
    message: str


UNAUTHORIZED = GatewayResponse(401, "UNAUTHORIZED", "Unauthorized")
ACCESS_DENIED = GatewayResponse(403, "DENIED", "User is not authorized to access this resource")
NO_SUCH_STAGE = GatewayResponse(404, "UNSUPPORTED", "there is no API at this path")
TOO_LARGE = GatewayResponse(413, "SIZE_INVALID", "Request Entity Too Large")
AUTHORIZER_FAILED = GatewayResponse(500, "UNKNOWN", "Internal server error")
FAILED = GatewayResponse(502, "UNKNOWN", "Internal server error")
TIMED_OUT = GatewayResponse(504, "UNKNOWN", "Endpoint request timed out")


class MalformedAnswer(Exception):
    """Lambda returned what a proxy integration may not return: API Gateway answers 502."""


def gateway_reply(made: GatewayResponse, request_id: str, *extra: tuple[bytes, bytes]) -> Reply:
    """Render a gateway response with the OCI error body that its template has."""
    body = json.dumps({"errors": [{"code": made.code, "message": made.message}]}).encode()
    return Reply(
        made.status,
        (
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-amzn-requestid", request_id.encode()),
            *extra,
        ),
        body,
    )


def proxy_reply(answer: object, request_id: str, *, as_rest_api: bool, is_head: bool) -> Reply:
    """Render a function's answer. Raises `MalformedAnswer`.

    As a REST API, the length told is always that of the returned body, on HEAD too, whatever Content-Length the function set.
    """
    if not isinstance(answer, Mapping):
        raise MalformedAnswer("the answer is not an object")
    status, body = _status(answer), _body(answer)
    headers = _headers(answer, as_rest_api)
    names = {name for name, _ in headers}
    if as_rest_api:
        headers.append((b"x-amzn-requestid", request_id.encode()))
        if b"content-type" not in names:
            headers.append((b"content-type", b"application/json"))
    if b"content-length" not in names and status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    return Reply(status, headers, b"" if is_head or status in _BODILESS else body)


def _status(answer: Mapping[str, Any]) -> int:
    try:
        status = int(answer["statusCode"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedAnswer("statusCode is missing or no number") from error
    if not 100 <= status <= 599:
        raise MalformedAnswer("statusCode is out of range")
    return status


def _body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedAnswer("body is not text")
    if len(body) > LAMBDA_RESPONSE_BYTES // 6 and _json_bytes(answer) > LAMBDA_RESPONSE_BYTES:
        raise MalformedAnswer("the answer exceeds Lambda's response limit")
    if not answer.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedAnswer("body is not base64") from error


def _json_bytes(answer: Mapping[str, Any]) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())


def _headers(answer: Mapping[str, Any], as_rest_api: bool) -> list[tuple[bytes, bytes]]:
    several = answer.get("multiValueHeaders") or {}
    single = answer.get("headers") or {}
    if not isinstance(several, Mapping) or not isinstance(single, Mapping):
        raise MalformedAnswer("headers are not an object")
    pairs = [(name, value) for name, values in several.items() for value in values]
    pairs += [(name, value) for name, value in single.items() if value not in several.get(name, ())]
    return [
        _header(str(name).lower(), value, as_rest_api) for name, value in pairs if str(name).lower() not in _DROPPED
    ]


def _header(name: str, value: object, as_rest_api: bool) -> tuple[bytes, bytes]:
    text = value if isinstance(value, str) else json.dumps(value)
    if "\r" in text or "\n" in text:
        raise MalformedAnswer(f"the value of {name} has a line break")
    if as_rest_api and name in _REMAPPED:
        name = f"x-amzn-remapped-{name}"
    try:
        return name.encode("latin-1"), text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise MalformedAnswer(f"the value of {name} is not latin-1") from error
