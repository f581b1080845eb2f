"""Makes LocalStack's REST APIs do what API Gateway does and LocalStack's community edition does not.

LocalStack runs the proxy integration itself. Around it are played: the TOKEN authorizer and the gateway responses that were
applied, the limits, and the names under which a function's headers leave. Base64 is decoded here: LocalStack takes the binary
media type `*/*` for none.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import json
import re
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from localstack.authorizer import Verdict
from localstack.community.deployed_api import DeployedApi
from localstack.http_reply import Reply
from localstack.proxy_event import HttpRequest, method_arn, proxy_event
from localstack.rest_api import INTEGRATION_TIMEOUT_S, LAMBDA_REQUEST_BYTES
from localstack.secret import client

REQUEST_BYTES = 10 * 1024 * 1024
_THREADS = 16
_REFUSALS = {
    Verdict.UNAUTHORIZED: ("UNAUTHORIZED", "Unauthorized", 401),
    Verdict.DENIED: ("ACCESS_DENIED", "User is not authorized to access this resource", 403),
    Verdict.FAILED: ("AUTHORIZER_FAILURE", "Internal server error", 500),
}
_HOP = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length")
)
_RENAMED = frozenset(("www-authenticate",))
_MADE_HERE = frozenset(("connection", "keep-alive", "transfer-encoding", "date", "server", "content-length"))
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_FAILED = {500: "API_CONFIGURATION_ERROR", 502: "DEFAULT_5XX", 504: "INTEGRATION_TIMEOUT"}


class CommunityFront:
    """REST APIs of LocalStack, asked with a request as it came over the wire."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint)
        self._gateway, self._lambda = client(endpoint, "apigateway"), client(endpoint, "lambda")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="front")
        self._api = functools.cache(self._read)

    async def answer(self, api_id: str, request: HttpRequest) -> Reply:
        """Answer a request to the stage that the first part of its path names."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, api_id, request)

    def timed_out(self, api_id: str, request: HttpRequest) -> Reply:
        """The gateway response for a function that took too long."""
        return self._refusal(api_id, request, "INTEGRATION_TIMEOUT", "Endpoint request timed out", 504)

    def _answer(self, api_id: str, request: HttpRequest) -> Reply:
        if len(request.body) > REQUEST_BYTES:
            return self._refusal(api_id, request, "REQUEST_TOO_LARGE", "Request Entity Too Large", 413)
        authorizer = self._api(api_id).authorizer(request.method, request.inner_path)
        if authorizer is not None:
            verdict, _ = authorizer.judge(request.header(b"authorization"), method_arn(request, api_id), None)
            if verdict is not Verdict.ALLOW:
                return self._refusal(api_id, request, *_REFUSALS[verdict])
        if _event_bytes(request, api_id) > LAMBDA_REQUEST_BYTES:
            return self._refusal(api_id, request, "REQUEST_TOO_LARGE", "Request Entity Too Large", 413)
        return self._forward(api_id, request)

    def _forward(self, api_id: str, request: HttpRequest) -> Reply:
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=INTEGRATION_TIMEOUT_S + 5)
        query = f"?{request.query}" if request.query else ""
        try:
            connection.putrequest(
                request.method,
                f"/_aws/execute-api/{api_id}{request.path}{query}",
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in request.headers:
                if name.decode("latin-1") not in _HOP:
                    connection.putheader(name.decode("latin-1"), value)
            connection.putheader("content-length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
            headers, status = answer.getheaders(), answer.status
        finally:
            connection.close()
        if status in _FAILED and _is_gateways_own(body):
            print(
                f"{request.method} {request.path}: the function failed; its log in CloudWatch says why", file=sys.stderr
            )
            return self._refusal(api_id, request, _FAILED[status], "Internal server error", status)
        return reply_of(request, status, headers, body)

    def _refusal(self, api_id: str, request: HttpRequest, kind: str, message: str, status: int) -> Reply:
        reply = self._api(api_id).answer(kind, message, status, request.id)
        return Reply(reply.status, reply.headers) if request.method == "HEAD" else reply

    def _read(self, api_id: str) -> DeployedApi:
        return DeployedApi(self._gateway, api_id, self._invoke)

    def _invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        answered = self._lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        told = json.loads(answered["Payload"].read())
        if answered.get("FunctionError"):
            raise RuntimeError(told.get("errorMessage", ""))
        return told


def _event_bytes(request: HttpRequest, api_id: str) -> int:
    """As API Gateway counts it with the binary media type `*/*`: the body in base64."""
    event = proxy_event(HttpRequest(request.method, request.path, request.query, request.headers), api_id)
    return len(json.dumps(event)) + (len(request.body) + 2) // 3 * 4


def _is_gateways_own(body: bytes) -> bool:
    return body.strip() in (b'{"message": "Internal server error"}', b'{"message":"Internal server error"}')


def reply_of(request: HttpRequest, status: int, headers: list[tuple[str, str]], body: bytes) -> Reply:
    """What a client gets for what LocalStack answered: as API Gateway would have sent it."""
    if _is_base64(headers, body):
        body = base64.b64decode(body)
    kept = [
        (_renamed(name.lower()), value.encode("latin-1")) for name, value in headers if name.lower() not in _MADE_HERE
    ]
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    length = lengths[0].encode() if request.method == "HEAD" and lengths else b"%d" % len(body)
    if status not in (204, 304):
        kept.append((b"content-length", length))
    return Reply(status, kept, b"" if request.method == "HEAD" else body)


def _renamed(name: str) -> bytes:
    return f"x-amzn-remapped-{name}".encode() if name in _RENAMED else name.encode("latin-1")


def _is_base64(headers: list[tuple[str, str]], body: bytes) -> bool:
    """Whether this is base64 that nobody decoded. Nothing else that Moorage answers is made of these characters only."""
    kinds = [value for name, value in headers if name.lower() == "content-type"]
    if not body or len(body) % 4 or (kinds and kinds[0].startswith("text/")) or not _BASE64.fullmatch(body):
        return False
    try:
        base64.b64decode(body, validate=True)
    except binascii.Error:
        return False
    return True
