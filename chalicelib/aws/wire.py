"""AWS's JSON services without botocore's cost: one signed POST on a kept connection.

A pull is one DynamoDB read, and botocore spends four times the CPU of everything else the registry does for it; its client also
takes a quarter of a second to import at each cold start (`docs/adr/0006-lean-reads.md`). So DynamoDB's reads and the secrets of a
cold start are sent here; DynamoDB's writes stay with PynamoDB's connection, whose retries and idempotency tokens matter there.
Source: JSON 1.0 and 1.1 protocols of AWS services over HTTP, AWS Signature Version 4 (header form), retries as the DynamoDB
developer guide's "Error handling" says.
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
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chalicelib import telemetry
from chalicelib.aws.presign import Credentials, sdk_credentials
from chalicelib.config import Settings
from chalicelib.errors import RegistryError

_ATTEMPTS = 5
_TIMEOUT_S = 5
_TOO_FAST = ("ProvisionedThroughputExceeded", "Throttling", "RequestLimitExceeded")
_TRY_AGAIN = (*_TOO_FAST, "InternalServerError")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that speaks JSON: its name in signatures and hosts, and what its requests look like."""

    name: str
    target: str
    content_type: str


DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0")
SQS = Service("sqs", "AmazonSQS", "application/x-amz-json-1.0")
SECRETS_MANAGER = Service("secretsmanager", "secretsmanager", "application/x-amz-json-1.1")


class CallFailed(Exception):
    """The service refused a request for good. `code` is its error's name; the request, which may hold secrets, is not told."""

    def __init__(self, operation: str, status: int, answer: bytes) -> None:
        try:
            error = json.loads(answer)
        except ValueError:
            error = {}
        self.code = str(error.get("__type", "")).rpartition("#")[2]
        super().__init__(f"{operation}: {status} {self.code} {str(error.get('message') or error.get('Message'))[:300]}")


class Wire:
    """Signed requests to one service; safe under threads (a connection each)."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        endpoint_url: str,
        *,
        timeout_s: float = _TIMEOUT_S,
        attempts: int = _ATTEMPTS,
    ) -> None:
        self._timeout_s, self._attempts = timeout_s, attempts
        suffix = "amazonaws.com.cn" if settings.region.startswith("cn-") else "amazonaws.com"
        endpoint = urlsplit(endpoint_url or f"https://{service.name}.{settings.region}.{suffix}")
        self._is_tls, self._host = endpoint.scheme == "https", endpoint.netloc
        self._service, self._settings, self._region = service, settings, settings.region
        self._local = threading.local()
        self._credentials: Credentials | None = None
        self._key: tuple[str, str, bytes] = ("", "", b"")

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request that may be repeated and return its answer. Raises CallFailed, UNAVAILABLE when no try helped."""
        with telemetry.aws_call(self._service.name, operation, _resource(request)) as call:
            return self._repeat(operation, request, call)

    def _repeat(
        self, operation: str, request: dict[str, Any], call: telemetry.Call | telemetry.Unmeasured
    ) -> dict[str, Any]:
        body = json.dumps(request, separators=(",", ":")).encode()
        for attempt in range(self._attempts):
            if attempt:
                call.retried()
                time.sleep(random.uniform(0, 0.025 * 2**attempt))  # noqa: S311
            try:
                status, answer = self._send(operation, body, call)
            except (OSError, http.client.HTTPException):
                self._local.connection = None
                continue
            if status == 200:
                found: dict[str, Any] = json.loads(answer)
                return found
            failure = CallFailed(operation, status, answer)
            if failure.code.startswith(_TOO_FAST):
                call.throttled()
            if status < 500 and not failure.code.startswith(_TRY_AGAIN):
                raise failure
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _send(
        self, operation: str, body: bytes, call: telemetry.Call | telemetry.Unmeasured
    ) -> tuple[int, bytes]:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
            connection = self._local.connection = kind(self._host, timeout=self._timeout_s)
        connection.request("POST", "/", body, self._headers(operation, body))
        response = connection.getresponse()
        answer = response.read()
        call.answered(response.status, response.headers)
        if response.will_close:
            self._local.connection = None
        return response.status, answer

    def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        if self._credentials is None:
            self._credentials = sdk_credentials(self._settings)
        credentials = self._credentials.get_frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {"content-type": self._service.content_type, "host": self._host, "x-amz-date": moment}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        headers["x-amz-target"] = f"{self._service.target}.{operation}"
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self._region}/{self._service.name}/aws4_request"
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
            for text in (day, self._region, self._service.name, "aws4_request"):
                key = hmac.new(key, text.encode(), "sha256").digest()
            self._key = (secret, day, key)
        return key


def _resource(request: dict[str, Any]) -> str:
    """The table or queue that a request is about."""
    return request.get("TableName") or request.get("QueueUrl") or next(iter(request.get("RequestItems", ())), "")


def decoded(answer: dict[str, Any]) -> dict[str, Any]:
    """Turn DynamoDB's binary attributes from base64 into bytes, as botocore does."""
    items = answer.get("Items") or [item for found in answer.get("Responses", {}).values() for item in found]
    if "Item" in answer:
        items = [answer["Item"]]
    for item in items:
        for value in item.values():
            if "B" in value:
                value["B"] = b64decode(value["B"])
    return answer
