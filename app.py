"""Every way into Moorage's Lambda functions and nothing else: API Gateway requests, the TOKEN authorizer, schedules.

Chalice is the transport, and this is the only file that imports it. Its own routing is two greedy resources; paths are read from
`requestContext.path`, which has the stage in it (`/v2/...`, `/service/...`). Source: AWS, "Input format of a Lambda function for
proxy integration"; `docs/adr/0001-front-door.md` for why REST API stages are named `v2`, `api`, `service` and `ui`.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import unquote

from chalice.app import Chalice
from chalice.app import Response as ChaliceResponse

from chalicelib import balancer, bootstrap, scanning, telemetry
from chalicelib.api import Api
from chalicelib.config import Settings
from chalicelib.http import Request

R = TypeVar("R")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LARGE_BYTES = 2 * 1024 * 1024
_TRACE = "_X_AMZN_TRACE_ID"
"""Lambda says here, anew for each request, which trace it belongs to and whether that is sampled."""
_TEXT = ("application/json", "text/", "+json", "application/xml")

_current_request: ContextVar[Any] = ContextVar("current_request", default=None)
_lambda_context: ContextVar[Any] = ContextVar("lambda_context", default=None)


class Moorage(Chalice):
    """Chalice, made safe for threads and for paths it does not know."""

    @property
    def current_request(self) -> Any:
        """The request of this thread or task: Chalice keeps one for the whole application."""
        return _current_request.get()

    @current_request.setter
    def current_request(self, value: Any) -> None:
        _current_request.set(value)

    @property
    def lambda_context(self) -> Any:
        """The Lambda context of this thread or task."""
        return _lambda_context.get()

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        _lambda_context.set(value)

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer a proxy event of a REST API, an HTTP API (payload format 1.0) or a load balancer. Any resource of the API is
        ours, so an unknown one cannot add to Chalice's route table."""
        if balancer.is_balancer(event):
            translated = balancer.as_rest_event(event, proxies=_settings().proxies)
            return balancer.as_balancer_answer(self(translated, context), event)
        event["requestContext"]["resourcePath"] = "/{proxy+}"
        return super().__call__(event, context)


app = Moorage(app_name="moorage")
app.api.binary_types = []  # With `*/*` here Chalice answers 400 to requests without Accept, which docker sends.


class _Answer(ChaliceResponse):
    """An answer whose body is text where it is text, so that 4 MiB manifests fit into Lambda's 6 MB, and base64 else."""

    def to_dict(self, binary_types: Any = None) -> Any:  # noqa: ARG002 - Chalice's signature
        """Render as API Gateway's proxy answer."""
        single = {name: value for name, value in self.headers.items() if isinstance(value, str)}
        several = {name: list(value) for name, value in self.headers.items() if not isinstance(value, str)}
        answer: dict[str, Any] = {"statusCode": self.status_code, "headers": single, "multiValueHeaders": several}
        is_text = not self.body or _is_better_as_text(self.body, single.get("Content-Type", ""))
        answer["body"] = self.body.decode() if is_text else base64.b64encode(self.body).decode()
        answer["isBase64Encoded"] = not is_text
        return answer


def _is_better_as_text(body: bytes, content_type: str) -> bool:
    """Text stays text unless Lambda's answer, which is JSON, would grow by escapes more than by base64 (4 MiB of quotes)."""
    if not any(word in content_type for word in _TEXT):
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return len(body) < _LARGE_BYTES or len(json.dumps(text, ensure_ascii=False).encode()) < len(body) * 4 // 3


@app.route("/{proxy+}", methods=_METHODS, content_types=[])
def answer() -> ChaliceResponse:
    """Turn the event into the core's request and its response into Chalice's."""
    response = _api().handle(_request(app.current_request.to_original_event()), now=int(time.time()))
    return _Answer(response.body, headers=dict(response.headers), status_code=response.status)  # type: ignore[arg-type, unused-ignore]


def _observed(run: Callable[[Any, Any], R]) -> Callable[[Any, Any], R]:
    """Make a function that answers no requests tell of each run: how long it took, and why it failed."""

    @functools.wraps(run)
    def observed(event: Any, context: Any) -> R:
        bootstrap.observe(_settings())
        name = getattr(context, "aws_request_id", "")
        with telemetry.run(run.__name__, correlation_id=name, trace=os.environ.get(_TRACE, "")):
            return run(event, context)

    return observed


@_observed
def authorize(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """TOKEN authorizer of the registry API: let a credential through that the registry itself will look at again.

    The policy covers the whole API since API Gateway caches it by the token. Raises `Exception("Unauthorized")`, the text that
    makes API Gateway answer 401 with the challenge of its gateway response.
    """
    request = Request("GET", "/v2/", headers={"authorization": [event.get("authorizationToken") or ""]})
    if not bootstrap.access(_settings()).is_credential(request, now=int(time.time())):
        telemetry.refused("UNAUTHORIZED")
        raise Exception("Unauthorized")
    api = event["methodArn"].split("/")[0]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/*"}
    return {"principalId": "caller", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@_observed
def sweep_uploads(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Schedule, hourly: free what abandoned uploads hold. Idempotent. `{"freed": multipart uploads and tails that went}`."""
    return {"freed": bootstrap.uploads(_settings()).sweep(now=int(time.time()))}


@_observed
def sweep_releases(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Schedule, hourly: finish deletions that stopped half-way or were put off. Idempotent. `{"finished": deletions}`."""
    return {"finished": bootstrap.manifests(_settings()).release_pending(now=int(time.time()))}


@_observed
def sweep_projects(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Schedule, hourly: take away what removed projects left. Idempotent. `{"cleared": projects}`."""
    return {"cleared": bootstrap.project_records(_settings()).sweep()}


@_observed
def provision(event: dict[str, Any], context: Any) -> dict[str, bool]:  # noqa: ARG001 - Lambda's signature
    """Once per deployment, called by Terraform: make keys, the user `admin` and the project `library` where they are missing.
    Idempotent. The first password is in the secret `MOORAGE_ADMIN_SECRET` alone. `{"made_admin": whether it was made now}`."""
    return {"made_admin": bootstrap.furnishing(_settings()).furnish_deployment(now=int(time.time()))}


@_observed
def rotate_keys(event: dict[str, Any], context: Any) -> dict[str, str | None]:  # noqa: ARG001 - Lambda's signature
    """Schedule, monthly: new keys for tokens and uploads; twice within a day does nothing. `{"kid": the new key or null}`."""
    return {"kid": bootstrap.rotate_keys(_settings(), now=int(time.time()))}


@_observed
def dispatch_scans(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Queue of S3's notifications: a job for each pushed manifest. Answers which messages must come again
    (`ReportBatchItemFailures`). Source: Lambda developer guide, "Using Lambda with Amazon SQS"."""
    failed = scanning.dispatch(_settings()).take(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@_observed
def purge_audit(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Schedule, hourly: count the audit log's hours that are over, purge when that is due. Idempotent. `{"purged": rows}`."""
    return {"purged": bootstrap.purge(_settings()).take_turn(now=int(time.time()))}


@functools.cache
def _settings() -> Settings:
    return Settings.from_environ(os.environ)


@functools.cache
def _api() -> Api:
    return bootstrap.registry(_settings())


bootstrap.observe(Settings.from_environ(os.environ))  # now, since Lambda gives its start more CPU than its requests


def _request(event: dict[str, Any]) -> Request:
    context = event["requestContext"]
    body = event.get("body") or ""
    return Request(
        method=context["httpMethod"],
        path=unquote(context["path"]),
        query=event.get("multiValueQueryStringParameters") or {},
        headers={name.lower(): values for name, values in (event.get("multiValueHeaders") or {}).items()},
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
        client_ip=(context.get("identity") or {}).get("sourceIp") or "",
        request_id=context.get("requestId") or "",
        trace=os.environ.get(_TRACE, ""),
    )


__all__ = [
    "answer",
    "app",
    "authorize",
    "dispatch_scans",
    "provision",
    "purge_audit",
    "rotate_keys",
    "sweep_projects",
    "sweep_releases",
    "sweep_uploads",
]
