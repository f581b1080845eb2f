"""DynamoDB's reads without botocore's cost: one signed POST on a kept connection.

A pull is one read, and botocore spends four times the CPU of everything else the registry does for it (measured in
`docs/adr/0006-lean-reads.md`); it also loads 70 ms of service model that a pulling function never needs. So GetItem, BatchGetItem
and Query are sent here; writes stay with PynamoDB's connection, whose retries and idempotency tokens matter there.
Source: DynamoDB low-level API (JSON 1.0 over HTTP), AWS Signature Version 4 (header form), retries as the DynamoDB developer
guide's "Error handling" says.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.aws.presign import Credentials, sdk_credentials
from chalicelib.errors import RegistryError

if TYPE_CHECKING:
    from chalicelib.config import Settings

_ATTEMPTS = 5
_TIMEOUT_S = 5
_CONTENT_TYPE = "application/x-amz-json-1.0"
_TRY_AGAIN = ("ProvisionedThroughputExceeded", "Throttling", "RequestLimitExceeded", "InternalServerError")


class ReadFailed(Exception):
    """DynamoDB refused a read for good; the text is its error, never a credential."""


class Wire:
    """Signed reads from one endpoint; safe under threads (a connection each)."""

    def __init__(self, settings: Settings) -> None:
        endpoint = urlsplit(settings.dynamodb_endpoint_url or f"https://dynamodb.{settings.region}.amazonaws.com")
        self._is_tls, self._host = endpoint.scheme == "https", endpoint.netloc
        self._region = settings.region
        self._local = threading.local()
        self._credentials: Credentials | None = None
        self._key: tuple[str, str, bytes] = ("", "", b"")

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a read and return its answer, binary attributes decoded. Raises ReadFailed, UNAVAILABLE after five tries."""
        body = json.dumps(request, separators=(",", ":")).encode()
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.025 * 2**attempt))  # noqa: S311
            try:
                status, answer = self._send(operation, body)
            except (OSError, http.client.HTTPException):
                self._local.connection = None
                continue
            if status == 200:
                return _decoded(json.loads(answer))
            if status < 500 and not any(code in answer.decode(errors="replace") for code in _TRY_AGAIN):
                raise ReadFailed(f"{operation}: {status} {answer.decode(errors='replace')[:500]}")
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _send(self, operation: str, body: bytes) -> tuple[int, bytes]:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
            connection = self._local.connection = kind(self._host, timeout=_TIMEOUT_S)
        connection.request("POST", "/", body, self._headers(operation, body))
        response = connection.getresponse()
        answer = response.read()
        if response.will_close:
            self._local.connection = None
        return response.status, answer

    def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        if self._credentials is None:
            self._credentials = sdk_credentials()
        credentials = self._credentials.get_frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {"content-type": _CONTENT_TYPE, "host": self._host, "x-amz-date": moment}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        headers["x-amz-target"] = f"DynamoDB_20120810.{operation}"
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self._region}/dynamodb/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = self._signing_key(credentials.secret_key, moment[:8])
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        cached_secret, cached_day, key = self._key
        if (cached_secret, cached_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for text in (day, self._region, "dynamodb", "aws4_request"):
                key = hmac.new(key, text.encode(), "sha256").digest()
            self._key = (secret, day, key)
        return key


def _decoded(answer: dict[str, Any]) -> dict[str, Any]:
    """Turn binary attributes from base64 into bytes, as botocore does."""
    items = answer.get("Items") or [item for found in answer.get("Responses", {}).values() for item in found]
    if "Item" in answer:
        items = [answer["Item"]]
    for item in items:
        for value in item.values():
            if "B" in value:
                value["B"] = b64decode(value["B"])
    return answer
