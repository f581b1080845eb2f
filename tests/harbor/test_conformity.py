"""The comparison of answers with the API description notices what is wrong: a check that cannot fail is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.http import Request, Response
from tests.harbor.client import HarborClient
from tests.harbor.conformity import Contradiction, assert_conforms

JSON_TYPE = {"Content-Type": "application/json", "X-Request-Id": "r"}
EMPTY = {"Content-Type": "text/plain", "X-Request-Id": "r"}
PAGE = {**JSON_TYPE, "X-Total-Count": "1"}
ERROR = {"errors": [{"code": "NOT_FOUND", "message": "no such project"}]}
NEXT = '</api/v2.0/projects?page=2&page_size=1>; rel="next"'


def conforms(path: str, status: int, body: Any, headers: Mapping[str, str] = JSON_TYPE, method: str = "GET") -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert_conforms(method, "/api/v2.0" + path, status, headers, content)


@pytest.mark.parametrize(
    ("path", "status", "body", "headers", "method"),
    [
        ("/projects", 200, [{"name": "p", "project_id": 1}], {**PAGE, "Link": NEXT}, "GET"),
        ("/projects", 200, [], {**PAGE, "X-Total-Count": "0"}, "GET"),
        ("/projects/p", 404, ERROR, JSON_TYPE, "GET"),
        ("/projects/p", 200, b"", EMPTY, "DELETE"),
        ("/projects", 201, b"", {**EMPTY, "Location": "/api/v2.0/projects/1"}, "POST"),
        ("/projects", 200, b"", EMPTY, "HEAD"),
        ("/ping", 200, b"Pong", {"Content-Type": "text/plain; charset=utf-8", "X-Request-Id": "r"}, "GET"),
        ("/nothing", 404, ERROR, JSON_TYPE, "GET"),
        ("/ping", 405, ERROR, {**JSON_TYPE, "Allow": "GET"}, "POST"),
        ("/retentions/1", 501, ERROR, JSON_TYPE, "GET"),
    ],
)
def test_what_is_described_passes(path: str, status: int, body: Any, headers: Mapping[str, str], method: str) -> None:
    conforms(path, status, body, headers, method)


@pytest.mark.parametrize(
    ("path", "status", "body", "headers", "method", "problem"),
    [
        ("/projects", 200, [], {"Content-Type": "application/json"}, "GET", "X-Request-Id is missing"),
        ("/projects", 204, b"", PAGE, "GET", "the description has only"),
        ("/projects", 500, ERROR, JSON_TYPE, "GET", "a 5xx"),
        ("/projects", 200, {}, PAGE, "GET", "body is no array"),
        ("/projects", 200, [{"nane": "p"}], PAGE, "GET", r"body\[0\].nane is not described"),
        ("/projects", 200, [{"name": 1}], PAGE, "GET", r"body\[0\].name is no string"),
        ("/projects", 200, [{"name": None}], PAGE, "GET", r"body\[0\].name is no string"),
        ("/projects", 200, [{"project_id": True}], PAGE, "GET", r"project_id is no integer"),
        ("/projects", 200, [{"project_id": 2**31}], PAGE, "GET", r"project_id is out of range"),
        ("/projects", 200, [{"creation_time": "2026-11-24"}], PAGE, "GET", "creation_time is no time"),
        ("/projects", 200, [{"creation_time": "2026-13-24T00:00:00Z"}], PAGE, "GET", "creation_time is no time"),
        ("/projects", 200, [], JSON_TYPE, "GET", "X-Total-Count is missing"),
        ("/projects", 200, [{}, {}], PAGE, "GET", "X-Total-Count is less"),
        ("/projects", 200, [], {**PAGE, "Content-Type": "text/plain"}, "GET", "Content-Type"),
        ("/projects", 200, b"[", PAGE, "GET", "is not JSON"),
        (
            "/projects",
            200,
            [],
            {**PAGE, "Link": "</projects?page=2&page_size=1>; rel=next"},
            "GET",
            "Link is malformed",
        ),
        ("/projects", 200, [], {**PAGE, "Link": NEXT.replace("&page_size=1", "")}, "GET", "Link is malformed"),
        ("/projects", 201, {}, {**JSON_TYPE, "Location": "/api/v2.0/projects/1"}, "POST", "there should be no body"),
        ("/projects", 201, b"", EMPTY, "POST", "Location is missing"),
        (
            "/projects",
            201,
            b"",
            {**EMPTY, "Location": "/api/v2.0/project/1"},
            "POST",
            "Location is no path",
        ),
        ("/projects/p", 200, b"", {"X-Request-Id": "r"}, "DELETE", "nothing is no JSON"),
        ("/projects/p", 200, b"", JSON_TYPE, "DELETE", "nothing is no JSON"),
        ("/projects/p", 404, {"errors": []}, JSON_TYPE, "GET", "an error without"),
        ("/projects/p", 404, {"errors": [{"code": "NOT_FOUND"}]}, JSON_TYPE, "GET", "an error without"),
        ("/projects/p", 404, {"message": "no"}, JSON_TYPE, "GET", "message is not described"),
        ("/projects/p", 404, b"", JSON_TYPE, "GET", "is not JSON"),
        ("/projects/p", 200, {}, PAGE, "GET", "X-Total-Count is not described"),
        ("/ping", 200, b"Pong", JSON_TYPE, "GET", "Content-Type is not one of"),
        ("/ping", 405, ERROR, JSON_TYPE, "POST", "Allow is wrong"),
        ("/ping", 404, ERROR, JSON_TYPE, "POST", "no such operation"),
        ("/nothing", 405, ERROR, JSON_TYPE, "POST", "no such operation"),
        ("/nothing", 200, {}, JSON_TYPE, "GET", "no such operation"),
        ("/system/gc/schedule", 409, b"", JSON_TYPE, "POST", "is not JSON"),
    ],
)
def test_a_contradiction_is_noticed(
    path: str, status: int, body: Any, headers: Mapping[str, str], method: str, problem: str
) -> None:
    with pytest.raises(Contradiction, match=problem):
        conforms(path, status, body, headers, method)


def test_answers_of_other_apis_pass() -> None:
    assert_conforms("GET", "/v2/", 500, {}, b"")


class Recorder:
    """An API that answers one thing and remembers what it was asked."""

    def __init__(self, response: Response) -> None:
        self.response, self.requests = response, list[Request]()

    def handle(self, request: Request, *, now: int) -> Response:
        self.requests.append(request)
        return self.response


def test_the_client_compares_every_answer() -> None:
    client = HarborClient(Recorder(Response(200, {"Content-Type": "text/html", "X-Request-Id": "r"}, b"<html>")))
    with pytest.raises(Contradiction):
        client.get("/health")


def test_the_client_sends_what_is_on_the_wire() -> None:
    api = Recorder(Response(404, JSON_TYPE, json.dumps(ERROR).encode()))
    client = HarborClient(api).basic("admin", "secret")
    client.put(
        "/projects/p/repositories/a%252Fb",
        json={"description": "x"},
        params={"page": 2},
        headers={"X-Is-Resource-Name": "true"},
    )
    [request] = api.requests
    assert (request.method, request.path) == ("PUT", "/api/v2.0/projects/p/repositories/a%2Fb")
    assert request.query == {"page": ["2"]}
    assert json.loads(request.body) == {"description": "x"}
    assert request.header("content-type") == "application/json"
    assert request.header("authorization") == "Basic YWRtaW46c2VjcmV0"
    assert request.header("x-is-resource-name") == "true"


def test_a_session_keeps_cookies_and_the_csrf_token() -> None:
    cookies = ["sid=abc; Path=/; HttpOnly", "_gorilla_csrf=t; Path=/"]
    api = Recorder(Response(200, {**EMPTY, "Set-Cookie": cookies, "X-Harbor-CSRF-Token": "token"}))
    browser = HarborClient(api).session()
    browser.delete("/projects/p")
    browser.delete("/projects/p")
    assert api.requests[0].header("cookie") is None
    assert api.requests[1].header("cookie") == "sid=abc; _gorilla_csrf=t"
    assert api.requests[1].header("x-harbor-csrf-token") == "token"
    api.response = Response(200, {**EMPTY, "Set-Cookie": "sid=; Max-Age=0; Path=/"})
    browser.delete("/projects/p")
    assert browser.cookies == {"_gorilla_csrf": "t"}
