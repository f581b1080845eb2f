"""What is played around LocalStack's API Gateway: authorizer and gateway responses as they were applied, and what leaves it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from localstack.authorizer import Verdict
from localstack.community.deployed_api import DeployedApi
from localstack.community.rest_front import reply_of
from localstack.proxy_event import HttpRequest

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:moorage-authorizer:live"
CHALLENGE = 'Bearer realm="http://127.0.0.1/service/token"'


class Gateway:
    """API Gateway's control plane, with one API that has an authorizer on `{proxy+}` only."""

    def __init__(self, **authorizer: Any) -> None:
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
        known = {
            "id": "a1",
            "name": "credentials",
            "type": "TOKEN",
            "authorizerUri": uri,
            "authorizerResultTtlInSeconds": 300,
        }
        self.authorizer = {**known, "identitySource": "method.request.header.Authorization", **authorizer}
        self.header = f"'{CHALLENGE}'"

    def get_gateway_responses(self, restApiId: str) -> Any:
        made = {"application/json": '{"errors":[{"code":"UNAUTHORIZED","message":"Unauthorized"}]}'}
        default = {"application/json": '{"errors":[{"code":"UNSUPPORTED","message":$context.error.messageString}]}'}
        parameters = {"gatewayresponse.header.WWW-Authenticate": self.header}
        return {"items": [
            {"responseType": "UNAUTHORIZED", "statusCode": "401", "responseParameters": parameters, "responseTemplates": made},
            {"responseType": "DEFAULT_4XX", "responseTemplates": default},
        ]}  # fmt: skip

    def get_authorizers(self, restApiId: str) -> Any:
        return {"items": [self.authorizer]}

    def get_resources(self, restApiId: str, **more: Any) -> Any:
        custom = {"authorizationType": "CUSTOM", "authorizerId": "a1"}
        return {"items": [
            {"path": "/", "resourceMethods": {"ANY": {"authorizationType": "NONE"}}},
            {"path": "/{proxy+}", "resourceMethods": {"ANY": custom}},
        ]}  # fmt: skip


class Function:
    """An authorizer that lets one token through, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, arn: str, event: Mapping[str, Any]) -> Any:
        self.asked.append((arn, event["authorizationToken"]))
        if event["authorizationToken"] != "Bearer good":
            raise RuntimeError("Unauthorized")
        statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
        return {"principalId": "caller", "policyDocument": {"Statement": [statement]}}


def test_the_applied_authorizer_is_asked_once_a_token() -> None:
    function = Function()
    authorizer = DeployedApi(Gateway(), "api", function).authorizer("GET", "/library/x/manifests/latest")
    assert authorizer is not None
    assert [authorizer.judge("Bearer good", "arn:x", None)[0] for _ in range(2)] == [Verdict.ALLOW] * 2
    assert authorizer.judge("Bearer bad", "arn:x", None)[0] is Verdict.UNAUTHORIZED
    assert authorizer.judge("", "arn:x", None)[0] is Verdict.UNAUTHORIZED
    assert function.asked == [(FUNCTION, "Bearer good"), (FUNCTION, "Bearer bad")]


def test_a_method_without_an_authorizer_has_none() -> None:
    assert DeployedApi(Gateway(), "api", Function()).authorizer("GET", "/") is None


@pytest.mark.parametrize(
    "other", [{"type": "REQUEST"}, {"identitySource": "method.request.header.X"}, {"authorizerUri": "x"}]
)
def test_an_authorizer_that_cannot_be_played_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the authorizer credentials"):
        DeployedApi(Gateway(**other), "api", Function())


def test_a_header_that_is_not_static_is_refused() -> None:
    gateway = Gateway()
    gateway.header = "method.request.header.X"
    with pytest.raises(ValueError, match="not static"):
        DeployedApi(gateway, "api", Function())


@pytest.mark.parametrize(
    ("kind", "status", "code", "challenged"),
    [("UNAUTHORIZED", 401, "UNAUTHORIZED", True), ("REQUEST_TOO_LARGE", 413, "UNSUPPORTED", False)],
)
def test_gateway_responses_are_those_that_were_applied(kind: str, status: int, code: str, challenged: bool) -> None:
    reply = DeployedApi(Gateway(), "api", Function()).answer(kind, 'says "no"', status, "id")
    assert reply.status == status
    assert json.loads(reply.body)["errors"][0]["code"] == code
    assert ((b"www-authenticate", CHALLENGE.encode()) in reply.headers) is challenged


def test_without_a_gateway_response_it_is_api_gateways_own() -> None:
    reply = DeployedApi(Gateway(), "api", Function()).answer("API_CONFIGURATION_ERROR", 'a "word"', 500, "id")
    assert (reply.status, json.loads(reply.body)) == (500, {"message": 'a "word"'})


def test_a_functions_challenge_is_renamed_as_on_aws() -> None:
    reply = reply_of(HttpRequest("GET", "/v2/"), 401, [("WWW-Authenticate", "Bearer"), ("Server", "x")], b"{}")
    assert reply.headers == [(b"x-amzn-remapped-www-authenticate", b"Bearer"), (b"content-length", b"2")]


@pytest.mark.parametrize("content", [b"\x00\xff", b"\x89PNG" * 100, bytes(range(256))])
def test_base64_that_localstack_left_is_decoded(content: bytes) -> None:
    reply = reply_of(HttpRequest("GET", "/ui/logo"), 200, [("Content-Type", "image/png")], base64.b64encode(content))
    assert reply.body == content


@pytest.mark.parametrize("content", [b"", b"{}", b'{"a":1}', b"abc", b"ab cd==="])
def test_what_is_no_base64_stays(content: bytes) -> None:
    assert reply_of(HttpRequest("GET", "/v2/"), 200, [("Content-Type", "application/json")], content).body == content


def test_head_tells_the_length_of_what_get_would_send() -> None:
    reply = reply_of(HttpRequest("HEAD", "/v2/x"), 200, [("Content-Length", "123")], b"")
    assert (dict(reply.headers)[b"content-length"], reply.body) == (b"123", b"")
