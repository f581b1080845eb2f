"""What Terraform deployed to API Gateway and LocalStack stores but does not run: authorizers and gateway responses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.authorizer import Authorize, TokenAuthorizer
from localstack.http_reply import Reply

_FUNCTION = re.compile(r"functions/(arn:[^/]+)/invocations")
_HEADER = "gatewayresponse.header."


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """A gateway response as it was applied: `status` is None where it keeps that of what went wrong."""

    status: int | None
    headers: Mapping[str, str]
    template: str

    def reply(self, message: str, default_status: int, request_id: str) -> Reply:
        """Render it. `$context.error.messageString` is the message in quotes."""
        text = self.template.replace("$context.error.messageString", json.dumps(message))
        body = text.replace("$context.error.message", message).replace("$context.requestId", request_id).encode()
        own = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        made = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        return Reply(self.status or default_status, [*made, (b"x-amzn-requestid", request_id.encode()), *own], body)


class DeployedApi:
    """One REST API's methods, authorizers and gateway responses, read once."""

    def __init__(self, gateway: Any, api_id: str, invoke: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """`gateway` is a client of API Gateway; `invoke` calls a function by its ARN and raises with its error's message."""
        self._answers = {
            made["responseType"]: _answer(made) for made in gateway.get_gateway_responses(restApiId=api_id)["items"]
        }
        authorizers = {made["id"]: made for made in gateway.get_authorizers(restApiId=api_id)["items"]}
        playing = {key: _authorizer(made, invoke) for key, made in authorizers.items()}
        resources = gateway.get_resources(restApiId=api_id, embed=["methods"], limit=500)["items"]
        self._methods = {
            (resource["path"], name): playing[method["authorizerId"]]
            if method["authorizationType"] == "CUSTOM"
            else None
            for resource in resources
            for name, method in resource.get("resourceMethods", {}).items()
        }

    def authorizer(self, method: str, path: str) -> TokenAuthorizer | None:
        """The authorizer of the method that a request reaches; paths are `/` and everything below it."""
        resource = "/" if path == "/" else "/{proxy+}"
        return self._methods.get((resource, method)) or self._methods.get((resource, "ANY"))

    def answer(self, kind: str, message: str, status: int, request_id: str) -> Reply:
        """The gateway response of a kind, or of its class's default, or what API Gateway says without any."""
        default = "DEFAULT_5XX" if status >= 500 else "DEFAULT_4XX"
        plain = GatewayAnswer(None, {}, '{"message":$context.error.messageString}')
        return (self._answers.get(kind) or self._answers.get(default) or plain).reply(message, status, request_id)


def _answer(made: Mapping[str, Any]) -> GatewayAnswer:
    status = made.get("statusCode")
    parameters = made.get("responseParameters") or {}
    headers = {
        name.removeprefix(_HEADER): _static(value) for name, value in parameters.items() if name.startswith(_HEADER)
    }
    template = (made.get("responseTemplates") or {}).get("application/json", '{"message":$context.error.messageString}')
    return GatewayAnswer(int(status) if status else None, headers, template)


def _static(value: str) -> str:
    """A static value is in single quotes; what is not, is looked up in the request on AWS, and has no place here."""
    if len(value) < 2 or (value[0], value[-1]) != ("'", "'"):
        raise ValueError(f"a gateway response's header is not static: {value}")
    return value[1:-1]


def _authorizer(made: Mapping[str, Any], invoke: Callable[[str, Mapping[str, Any]], Any]) -> TokenAuthorizer:
    if (made["type"], made.get("identitySource")) != ("TOKEN", "method.request.header.Authorization"):
        raise ValueError(f"the authorizer {made['name']} does not take the Authorization header")
    function = _FUNCTION.search(made["authorizerUri"])
    if function is None:
        raise ValueError(f"the authorizer {made['name']} names no function")
    arn = function[1]
    authorize: Authorize = lambda event, _context: invoke(arn, event)  # noqa: E731 - one line, and it needs the type
    return TokenAuthorizer(authorize, cache_s=made.get("authorizerResultTtlInSeconds", 300))
