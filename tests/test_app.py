"""The Lambda handler: proxy events in, proxy answers out, whatever bytes are in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import app

LAMBDA_BYTES = 6_291_456
JSON = "application/vnd.oci.image.manifest.v1+json"


def rendered(body: bytes, content_type: str) -> dict[str, Any]:
    answer: dict[str, Any] = app._Answer(body, headers={"Content-Type": content_type, "OCI-Tag": ["a", "b"]}).to_dict()
    return answer


@pytest.mark.parametrize("body", [b"{}", b"x" * 4_194_304, b'"' * 4_194_304, b"\\" * 4_194_304, "\u00fc".encode() * 2_097_152])
def test_four_mebibytes_of_any_text_fit_into_lambdas_answer_and_come_back_exactly(body: bytes) -> None:
    answer = rendered(body, JSON)
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_BYTES
    text = answer["body"]
    assert (base64.b64decode(text) if answer["isBase64Encoded"] else text.encode()) == body


@pytest.mark.parametrize(("body", "content_type"), [(b"\xff\xfe", JSON), (b"\x00\x01", "application/octet-stream")])
def test_what_is_not_text_is_base64(body: bytes, content_type: str) -> None:
    answer = rendered(body, content_type)
    assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, body)


def test_a_header_with_several_values_becomes_several_lines() -> None:
    answer = rendered(b"{}", JSON)
    assert (answer["headers"], answer["multiValueHeaders"]) == ({"Content-Type": JSON}, {"OCI-Tag": ["a", "b"]})


def test_an_unknown_resource_or_method_adds_nothing_to_chalices_routes() -> None:
    before = dict(app.app.routes)
    context = {"httpMethod": "GET", "path": "/nowhere", "resourcePath": "/odd/{thing}", "requestId": "r", "identity": {}}
    event: dict[str, Any] = {
        "requestContext": context, "headers": {}, "multiValueHeaders": {}, "pathParameters": {}, "stageVariables": None,
        "multiValueQueryStringParameters": None, "body": None, "isBase64Encoded": False,
    }
    assert app.app(event, None)["statusCode"] == 404
    assert app.app({**event, "requestContext": {**context, "httpMethod": "BREW"}}, None)["statusCode"] == 405
    assert dict(app.app.routes) == before
