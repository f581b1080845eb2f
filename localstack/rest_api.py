"""One REST API of API Gateway, played in this process: authorizer, Lambda proxy integration, limits and gateway responses."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from localstack.authorizer import TokenAuthorizer, Verdict
from localstack.http_reply import (
    ACCESS_DENIED,
    AUTHORIZER_FAILED,
    FAILED,
    TOO_LARGE,
    UNAUTHORIZED,
    GatewayResponse,
    MalformedAnswer,
    Reply,
    gateway_reply,
    proxy_reply,
)
from localstack.proxy_event import Event, HttpRequest, method_arn, proxy_event

Handler: TypeAlias = Callable[[Event, Any], Any]

LAMBDA_REQUEST_BYTES = 6_291_456
INTEGRATION_TIMEOUT_S = 29.0
_REFUSALS = {
    Verdict.UNAUTHORIZED: UNAUTHORIZED,
    Verdict.DENIED: ACCESS_DENIED,
    Verdict.FAILED: AUTHORIZER_FAILED,
}


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What a function may ask about its invocation."""

    aws_request_id: str
    function_name: str
    deadline: float = field(default_factory=lambda: time.monotonic() + INTEGRATION_TIMEOUT_S)
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 1024
    log_stream_name: str = "local"

    @property
    def invoked_function_arn(self) -> str:
        """The function's name as AWS writes it."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where AWS would keep its logs."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be stopped."""
        return max(0, int(1000 * (self.deadline - time.monotonic())))


class RestApi:
    """Answers requests by calling a Lambda handler. Safe for threads when the handler is.

    `strict` plays what a REST API does to requests and answers; otherwise both pass as they are and no authorizer is asked.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        *,
        authorizer: TokenAuthorizer | None = None,
        challenge: str = "",
        strict: bool = True,
    ) -> None:
        self.name = name
        self._handler = handler
        self._authorizer = authorizer if strict else None
        self._challenge = challenge
        self._strict = strict

    def answer(self, request: HttpRequest) -> Reply:
        """Answer one request; never raises."""
        context = LambdaContext(request.id, f"moorage-{self.name}")
        event = proxy_event(request, self.name, as_rest_api=self._strict)
        if self._authorizer is not None:
            token = request.header(b"authorization")
            verdict, caller = self._authorizer.judge(token, method_arn(request, self.name), context)
            if verdict is not Verdict.ALLOW:
                return self.refusal(_REFUSALS[verdict], request)
            event["requestContext"]["authorizer"] = dict(caller)
        if self._strict and is_too_large(event):
            return self.refusal(TOO_LARGE, request)
        return self._invoke(event, context, request)

    def refusal(self, made: GatewayResponse, request: HttpRequest) -> Reply:
        """Render a gateway response of this API."""
        # `docker manifest` of 20.10 takes a registry whose 401 does not name its version for one of version 1.
        version = (b"docker-distribution-api-version", b"registry/2.0")
        challenge = [(b"www-authenticate", self._challenge.encode()), version] if made.status == 401 else []
        reply = gateway_reply(made, request.id, *challenge)
        return Reply(reply.status, reply.headers) if request.method == "HEAD" else reply

    def _invoke(self, event: Event, context: LambdaContext, request: HttpRequest) -> Reply:
        try:
            answer = self._handler(event, context)
            return proxy_reply(answer, request.id, as_rest_api=self._strict, is_head=request.method == "HEAD")
        except MalformedAnswer as error:
            print(f"{request.method} {request.path}: Lambda's answer cannot be sent: {error}", file=sys.stderr)
        except Exception:  # noqa: BLE001 - a function that fails is API Gateway's 502, and the traceback is its log
            traceback.print_exc()
        return self.refusal(FAILED, request)


def is_too_large(event: Event) -> bool:
    """Whether Lambda would not take the event."""
    body = event["body"] or ""
    if len(body) < LAMBDA_REQUEST_BYTES // 2:
        return False
    return len(body) + len(json.dumps({**event, "body": ""})) > LAMBDA_REQUEST_BYTES
