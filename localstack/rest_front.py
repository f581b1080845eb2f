"""Makes MiniStack's REST APIs do to requests and answers what API Gateway does; see `docs/adr/0001-front-door.md`.

MiniStack runs authorizers and gateway responses, but it hands paths to functions decoded and repeated headers joined, passes
headers that AWS renames, has no size limits, and calls functions that API Gateway has no permission to call. So, in its process,
its Lambda proxy integration is replaced by the one that `make run` has.
"""

from __future__ import annotations

import fnmatch
import json
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from localstack.http_reply import MalformedAnswer, Reply, proxy_reply
from localstack.proxy_event import ACCOUNT, REGION, Event, HttpRequest, method_arn, proxy_event
from localstack.request_body import REQUEST_BYTES
from localstack.rest_api import is_too_large

_request: ContextVar[HttpRequest] = ContextVar("request")
_INTERNAL = "Internal server error"


class RestFront:
    """REST APIs of MiniStack, asked with a request as it came over the wire."""

    def __init__(self, apigateway: Any, lambda_service: Any) -> None:
        self._apigateway, self._lambda = apigateway, lambda_service
        self._call_authorizer = apigateway._invoke_authorizer_lambda
        apigateway._invoke_authorizer_lambda = self._authorizer
        apigateway._update_authorizer = _with_numbers(apigateway._update_authorizer)
        apigateway._invoke_lambda_proxy_v1 = self._integration
        apigateway._gateway_error_response = _with_status(apigateway._gateway_error_response)
        apigateway._execute_in_scope = self._below_limit(apigateway._execute_in_scope)

    async def answer(self, api_id: str, request: HttpRequest) -> Reply:
        """Answer a request to the stage that the first part of its path names."""
        _request.set(request)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        path, method = request.inner_path, request.method
        answered = await self._apigateway.handle_execute(api_id, request.stage, method, path, headers, b"", {})
        return answered if isinstance(answered, Reply) else _as_reply(answered, is_head=method == "HEAD")

    def timed_out(self, api_id: str, request: HttpRequest) -> Reply:
        """The gateway response for a function that took too long."""
        stage = self._apigateway.stages_for_api(api_id).get(request.stage) or {}
        known = {"api_id": api_id, "stage_name": request.stage, "stage": stage, "headers": {}, "query_params": {}}
        known |= {"path_params": {}, "resource_path": "", "request_id": request.id}
        account, region = self._apigateway.find_api_scope(api_id)
        with self._apigateway.request_scope(account, region):
            error = self._error("INTEGRATION_TIMEOUT", "Endpoint request timed out", 504)
            return _as_reply(self._apigateway._gateway_error_response(error, known), is_head=request.method == "HEAD")

    def _below_limit(self, execute: Any) -> Any:
        async def executed(known: Any, api_id: str, stage_name: str, *more: Any) -> Any:
            if len(_request.get().body) <= REQUEST_BYTES:
                return await execute(known, api_id, stage_name, *more)
            known["stage"] = self._apigateway.stages_for_api(api_id).get(stage_name) or {}
            return self._error("REQUEST_TOO_LARGE", "Request Entity Too Large", 413)

        return executed

    async def _authorizer(self, authorizer: Mapping[str, Any], event: Any, account: str, region: str) -> Any:
        function = self._apigateway._extract_lambda_ref_from_integration_uri(authorizer.get("authorizerUri", ""))
        api = event["methodArn"].partition("/")[0]
        if self._may_call(function, f"{api}/authorizers/{authorizer['id']}"):
            return await self._call_authorizer(authorizer, event, account, region)
        return None  # API Gateway's AUTHORIZER_CONFIGURATION_ERROR

    async def _integration(self, integration: Mapping[str, Any], api_id: str, *known: Any, **more: Any) -> Any:
        """Stands in for MiniStack's `_invoke_lambda_proxy_v1`; third in `known` is the resource, last its parameters."""
        request = _request.get()
        event = _event(request, api_id, known[2], known[-1], more.get("authorizer_context"))
        if is_too_large(event):
            return self._error("REQUEST_TOO_LARGE", "Request Entity Too Large", 413)
        function = self._apigateway._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
        account, region = more["owner_account_id"], more["owner_region"]
        if not self._may_call(function, method_arn(request, api_id)):
            return self._error("API_CONFIGURATION_ERROR", _INTERNAL, 500)
        result, missing = await self._apigateway._call_lambda_raw(function, event, account_id=account, region=region)
        return self._reply(request, None if missing else result)

    def _reply(self, request: HttpRequest, result: Mapping[str, Any] | None) -> Any:
        """Source: Lambda developer guide, "Handling Lambda errors with an API Gateway API": refused is 500, failed is 502."""
        if result is None or result.get("throttle"):
            return self._error("API_CONFIGURATION_ERROR", _INTERNAL, 500)
        problem = f"it failed: {_told(result)}" if result.get("error") else ""
        try:
            if not problem:
                body = result.get("body")
                answer = json.loads(body) if isinstance(body, str | bytes) else body
                return proxy_reply(answer, request.id, as_rest_api=True, is_head=request.method == "HEAD")
        except (MalformedAnswer, ValueError) as error:
            problem = f"its answer cannot be sent: {error}"
        print(f"{request.method} {request.path}: the function: {problem}", file=sys.stderr)
        return self._error("DEFAULT_5XX", _INTERNAL, 502)

    def _may_call(self, function: str, arn: str) -> bool:
        """Whether API Gateway has permission, by `aws_lambda_permission`; a function that is not there is found missing later."""
        record, _, _ = self._lambda._get_base_func_record_for_ref(function)
        if record is None or any(permits(statement, function, arn) for statement in record["policy"]["Statement"]):
            return True
        print(f"API Gateway has no permission to call {function} for {arn}", file=sys.stderr)
        return False

    def _error(self, kind: str, message: str, status: int) -> Any:
        error = self._apigateway._gw_error(kind, message)
        error.status = status
        return error


def permits(statement: Mapping[str, Any], function: str, arn: str) -> bool:
    """Whether a statement of a function's policy lets API Gateway call the function or alias for a method or authorizer."""
    if (statement["Effect"], statement["Principal"]) != ("Allow", {"Service": "apigateway.amazonaws.com"}):
        return False
    conditions = [pair for kind in statement.get("Condition", {}).values() for pair in kind.items()]
    # Terraform's provider writes no account into `execution_arn` where it was told not to ask for one (`var.emulator`).
    accounted = (f":{REGION}::", f":{REGION}:{ACCOUNT}:")
    sources = [value.replace(*accounted) for name, value in conditions if name.lower() == "aws:sourcearn"]
    return statement["Resource"] == function and all(fnmatch.fnmatchcase(arn, source) for source in sources)


def _event(
    request: HttpRequest, api_id: str, resource: Mapping[str, Any], parameters: object, caller: Mapping[str, str] | None
) -> Event:
    event = proxy_event(request, api_id)
    event["resource"] = resource["path"]
    event["requestContext"] |= {"resourceId": resource["id"], "resourcePath": resource["path"]}
    if not parameters:
        event["pathParameters"] = None
    if caller is not None:
        event["requestContext"]["authorizer"] = dict(caller)
    return event


def _with_numbers(update: Any) -> Any:
    """An update brings the cache's seconds as text, and MiniStack hands text back, which Terraform cannot read as a number."""

    def updated(api_id: str, authorizer_id: str, data: dict[str, Any]) -> Any:
        for change in data.get("patchOperations", ()):
            if change.get("path") == "/authorizerResultTtlInSeconds":
                change["value"] = int(change["value"])
        return update(api_id, authorizer_id, data)

    return updated


def _with_status(render: Any) -> Any:
    """DEFAULT_5XX has no status of its own here: it keeps that of what went wrong, where MiniStack answers 500."""

    def rendered(error: Any, known: Any) -> Any:
        status, headers, body = render(error, known)
        own = getattr(error, "status", status) if error.response_type == "DEFAULT_5XX" else status
        return own, headers, body

    return rendered


def _as_reply(answered: tuple[int, Mapping[str, str | Sequence[str]], bytes], *, is_head: bool) -> Reply:
    status, headers, body = answered
    pairs = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return Reply(status, [*pairs, (b"content-length", b"%d" % len(body))], b"" if is_head else body)


def _told(result: Mapping[str, Any]) -> str:
    body = result.get("body")
    return str(body.get("errorMessage", body) if isinstance(body, Mapping) else body)[:2000]
