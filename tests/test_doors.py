"""The doors that are no REST API: events of an HTTP API and of a load balancer, as AWS documents them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app
from chalicelib import balancer
from chalicelib.api import Api
from chalicelib.config import Settings
from chalicelib.http import client_address
from tests.client import basic

AUTHORIZATION = basic("admin", "admin-secret")


@pytest.fixture(autouse=True)
def registry(api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handler finds the tests' registry, provisioned, in its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", settings.dynamodb_endpoint_url)
    monkeypatch.setenv("MOORAGE_TABLE", settings.table)
    monkeypatch.setenv("MOORAGE_BUCKET", settings.bucket)
    app._settings.cache_clear()
    app._api.cache_clear()
    yield
    app._settings.cache_clear()
    app._api.cache_clear()


def http_api_event(method: str, path: str, **headers: str) -> dict[str, Any]:
    """Payload format 1.0, route `ANY /v2/{proxy+}` of the stage `$default`.
    Source: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs"."""
    return {
        "version": "1.0", "resource": "/v2/{proxy+}", "path": path, "httpMethod": method,
        "headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None, "multiValueQueryStringParameters": None, "pathParameters": {"proxy": path[4:]},
        "stageVariables": None, "body": None, "isBase64Encoded": False,
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "httpMethod": method, "path": path, "protocol": "HTTP/1.1", "requestId": "id=", "resourceId": None,
            "resourcePath": "/v2/{proxy+}", "stage": "$default", "identity": {"sourceIp": "192.0.2.1", "userAgent": "x"},
        },
    }  # fmt: skip


def balancer_event(method: str, path: str, body: str = "", *, several: bool = True, **headers: str) -> dict[str, Any]:
    """Source: Elastic Load Balancing, "Use Lambda functions as targets"."""
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/console/6d0ecf831eec9f09"
    named = {
        "host": "registry.example.com",
        "x-forwarded-for": "10.9.9.9, 192.0.2.7",
        "x-amzn-trace-id": "Root=1-5c",
        **headers,
    }
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": arn}}, "httpMethod": method, "path": path, "body": body,
        "isBase64Encoded": False,
    }  # fmt: skip
    query = {"q": "name%3D~lib", "page_size": "5"} if "projects" in path else {}
    if several:
        lists = {"multiValueHeaders": named, "multiValueQueryStringParameters": query}
        return event | {key: {name: [value] for name, value in values.items()} for key, values in lists.items()}
    return event | {"headers": named, "queryStringParameters": query}


def test_an_http_apis_event_is_answered_with_the_challenge_of_the_application() -> None:
    answer = app.app(http_api_event("GET", "/v2/"), None)
    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"].startswith("Bearer realm=")


def test_an_http_apis_event_reaches_the_registry() -> None:
    answer = app.app(http_api_event("GET", "/v2/", authorization=AUTHORIZATION), None)
    assert answer["statusCode"] == 200
    answer = app.app(http_api_event("GET", "/v2/library/none/manifests/1", authorization=AUTHORIZATION), None)
    assert json.loads(answer["body"])["errors"][0]["code"] in ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("several", [True, False])
def test_a_balancers_event_reaches_the_console_with_its_query_decoded(several: bool) -> None:
    answer = app.app(balancer_event("GET", "/api/v2.0/projects", several=several, authorization=AUTHORIZATION), None)
    assert answer["statusCode"] == 200, answer
    assert [project["name"] for project in json.loads(answer["body"])] == ["library"]
    assert ("headers" in answer, "multiValueHeaders" in answer) == (not several, several), "as AWS demands, never both"
    headers = answer["multiValueHeaders" if several else "headers"]
    assert headers["X-Total-Count"] == (["1"] if several else "1")


def test_a_balancer_is_answered_with_every_header_and_the_id_of_its_trace() -> None:
    answer = app.app(balancer_event("GET", "/api/v2.0/systeminfo"), None)
    assert answer["multiValueHeaders"]["X-Request-Id"] == ["Root=1-5c"]
    answer = app.app(balancer_event("GET", "/v2/"), None)
    assert answer["multiValueHeaders"]["WWW-Authenticate"][0].startswith("Bearer realm=")


def test_a_body_through_a_balancer_is_the_body() -> None:
    body = base64.b64encode(b'{"project_name": ""}').decode()
    event = balancer_event("POST", "/api/v2.0/projects", body, authorization=AUTHORIZATION) | {"isBase64Encoded": True}
    assert (
        app.app(
            event | {"multiValueHeaders": event["multiValueHeaders"] | {"content-type": ["application/json"]}}, None
        )["statusCode"]
        == 400
    )


def test_whose_failed_logins_are_counted_is_not_what_a_client_writes() -> None:
    event = balancer_event("GET", "/service/token")
    assert balancer.as_rest_event(event, proxies=1)["requestContext"]["identity"]["sourceIp"] == "192.0.2.7"
    assert balancer.as_rest_event(event, proxies=2)["requestContext"]["identity"]["sourceIp"] == "10.9.9.9"


@pytest.mark.parametrize(
    ("lines", "proxies", "expected"),
    [
        ([], 0, "peer"), ([], 2, "peer"), (["1.1.1.1"], 0, "peer"), (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"), (["6.6.6.6, 1.1.1.1, 9.9.9.9"], 2, "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1"], 1, "1.1.1.1"), (["1.1.1.1"], 3, "1.1.1.1"), ([" , ,"], 1, "peer"),
    ],
)  # fmt: skip
def test_the_client_is_who_the_first_of_our_proxies_saw(lines: list[str], proxies: int, expected: str) -> None:
    assert client_address(lines, "peer", proxies=proxies) == expected


@given(st.lists(st.text(alphabet="1.,: a", max_size=20), max_size=4), st.integers(1, 4))
def test_what_a_client_writes_in_front_changes_nothing(forged: list[str], proxies: int) -> None:
    ours = [f"192.0.2.{number}" for number in range(proxies)]
    assert client_address([*forged, ", ".join(ours)], "peer", proxies=proxies) == "192.0.2.0"
