"""The gateway: what a REST API of API Gateway does to requests and answers, and what passes when it is not strict."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from localstack.asgi import Receive, Scope, Send, answer
from localstack.gateway import Gateway, loggable
from localstack.request_body import REQUEST_BYTES

CHALLENGE = 'Bearer realm="http://127.0.0.1:5000/service/token",service="moorage"'
TOKEN = {"Authorization": "Bearer good"}


def ok(**changes: Any) -> dict[str, Any]:
    """A function's answer."""
    return {"statusCode": 200, "headers": {}, "multiValueHeaders": {}, "body": "", "isBase64Encoded": False} | changes


class Function:
    """A Lambda function that remembers its events."""

    def __init__(self, result: Any = None) -> None:
        self.events: list[dict[str, Any]] = []
        self._result = ok() if result is None else result

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        assert context.get_remaining_time_in_millis() > 0
        assert context.aws_request_id == event["requestContext"]["requestId"]
        self.events.append(json.loads(json.dumps(event)))
        return self._result(event) if callable(self._result) else self._result

    @property
    def event(self) -> dict[str, Any]:
        assert len(self.events) == 1
        return self.events[0]


def authorize(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An authorizer with one word for every outcome."""
    word = event["authorizationToken"].removeprefix("Bearer ")
    if word == "unknown":
        raise Exception("Unauthorized")
    effect = "Deny" if word == "denied" else "Allow"
    resource = event["methodArn"] if word == "narrow" else event["methodArn"].split("/")[0] + "/*"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    context_of = {"right": ["nested"]} if word == "nested" else {"right": "pull", "yes": True, "n": 3}
    return {"principalId": word, "policyDocument": {"Statement": [statement]}, "context": context_of}


async def uploads(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the upload service: counts the bytes that reach it, chunk by chunk."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    seen = f"{scope['method']} {size} {dict(scope['headers']).get(b'authorization', b'').decode()}".encode()
    await answer(send, 202, [(b"content-length", b"%d" % len(seen)), (b"www-authenticate", b"kept")], seen)


def call(function: Any, method: str, path: str, *, strict: bool = True, **more: Any) -> httpx.Response:
    """One request through a new gateway."""
    extra = more.pop("gateway", {})
    gateway = Gateway(function, **({"authorize": authorize, "uploads": uploads, "strict": strict} | extra))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


# --- the event


def test_the_event_is_that_of_a_rest_proxy() -> None:
    function = Function()
    headers = [("Accept", "a/b"), ("Accept", "c/d"), ("Authorization", "Bearer good")]
    call(function, "GET", "/v2/library/x%2Fy/tags/list?n=2&last=a&last=b&empty=", headers=headers)
    event = function.event
    assert event["resource"] == "/{proxy+}"
    assert event["path"] == "/library/x%2Fy/tags/list"
    assert event["pathParameters"] == {"proxy": "library/x%2Fy/tags/list"}
    assert event["queryStringParameters"] == {"n": "2", "last": "b", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"n": ["2"], "last": ["a", "b"], "empty": [""]}
    assert event["headers"]["accept"] == "c/d"
    assert event["multiValueHeaders"]["accept"] == ["a/b", "c/d"]
    assert (event["body"], event["isBase64Encoded"], event["stageVariables"]) == (None, False, None)
    context = event["requestContext"]
    assert (context["path"], context["stage"], context["apiId"]) == ("/v2/library/x%2Fy/tags/list", "v2", "registry")
    assert (context["httpMethod"], context["resourcePath"]) == ("GET", "/{proxy+}")
    assert context["domainName"] == "127.0.0.1"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["authorizer"] == {"principalId": "good", "right": "pull", "yes": "true", "n": "3"}


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_root_of_a_stage_is_the_root_resource(path: str) -> None:
    function = Function()
    call(function, "GET", path, headers=TOKEN)
    event = function.event
    assert (event["resource"], event["path"], event["pathParameters"]) == ("/", "/", None)
    assert event["requestContext"]["path"] == path
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


@pytest.mark.parametrize(
    ("path", "api"),
    [("/v2/x", "registry"), ("/service/token", "console"), ("/api/v2.0/projects", "console"), ("/ui/", "console")],
)
def test_the_stage_decides_which_api_answers(path: str, api: str) -> None:
    function = Function()
    call(function, "GET", path, headers=TOKEN)
    assert function.event["requestContext"]["apiId"] == api


@pytest.mark.parametrize("body", [b'{"a": 1}', bytes(range(256))])
def test_every_body_arrives_encoded(body: bytes) -> None:
    function = Function()
    call(function, "PUT", "/v2/library/x/manifests/latest", content=body, headers=TOKEN)
    assert function.event["isBase64Encoded"] is True
    assert base64.b64decode(function.event["body"]) == body


@pytest.mark.parametrize("strict", [True, False])
def test_a_rest_api_keeps_headers_of_the_connection_to_itself(strict: bool) -> None:
    function = Function()
    kept = {"TE": "trailers", "Expect": "x", "Connection": "close", "Upgrade": "h2c", "Content-MD5": "x", "Range": "1"}
    call(function, "PUT", "/v2/x/y/manifests/z", content=b"1", headers=TOKEN | kept, strict=strict)
    lost = {"te", "expect", "connection", "upgrade", "content-md5", "content-length"}
    assert (lost & function.event["headers"].keys()) == (set() if strict else lost)
    assert function.event["headers"]["range"] == "1"


# --- the answer

REMAPPED = {
    "WWW-Authenticate": "Basic",
    "Date": "now",
    "Server": "me",
    "Connection": "close",
    "Content-Length": "12345",
}


def test_a_rest_api_renames_headers() -> None:
    found = call(Function(ok(headers=REMAPPED, body="four")), "GET", "/v2/", headers=TOKEN).headers
    for name, value in REMAPPED.items():
        assert found[f"x-amzn-remapped-{name}"] == value
    assert found["content-length"] == "4"
    assert not {"www-authenticate", "server", "date"} & found.keys()


def test_without_strict_headers_pass() -> None:
    changed = ok(headers=REMAPPED | {"Content-Length": "4"}, body="four")
    found = call(Function(changed), "GET", "/v2/", headers=TOKEN, strict=False).headers
    assert found["www-authenticate"] == "Basic"
    assert not [name for name in found if name.startswith("x-amzn-")]


@pytest.mark.parametrize(("strict", "length"), [(True, "8"), (False, "12345")])
def test_head_tells_the_length_of_the_returned_body(strict: bool, length: str) -> None:
    manifest = ok(headers={"Content-Length": "12345", "Docker-Content-Digest": "sha256:1"}, body='{"a": 1}')
    found = call(Function(manifest), "HEAD", "/v2/x/y/manifests/z", headers=TOKEN, strict=strict)
    assert (found.headers["content-length"], found.content) == (length, b"")
    assert found.headers["docker-content-digest"] == "sha256:1"


@pytest.mark.parametrize(
    ("result", "status", "body", "headers"),
    [
        (ok(body="text"), 200, b"text", {"content-type": "application/json"}),
        (ok(body="//79", isBase64Encoded=True), 200, b"\xff\xfe\xfd", {}),
        (ok(body=None, statusCode=202), 202, b"", {"content-length": "0"}),
        (ok(body="é"), 200, "é".encode(), {"content-length": "2"}),
        (ok(statusCode="201"), 201, b"", {}),
        (ok(headers={"A": "1"}, multiValueHeaders={"A": ["1", "2"]}), 200, b"", {"a": "1, 2"}),
        (ok(headers={"A": 7, "B": True}), 200, b"", {"a": "7", "b": "true"}),
        (ok(headers={"Content-Type": "x/y"}), 200, b"", {"content-type": "x/y"}),
        ({"statusCode": 204}, 204, b"", {}),
        (ok(statusCode=307, headers={"Location": "http://localhost/b"}), 307, b"", {"location": "http://localhost/b"}),
    ],
)
def test_an_answer_becomes_http(result: Any, status: int, body: bytes, headers: dict[str, str]) -> None:
    found = call(Function(result), "GET", "/v2/", headers=TOKEN)
    assert (found.status_code, found.content) == (status, body)
    assert headers.items() <= found.headers.items()


def fail(event: dict[str, Any]) -> Any:
    raise RuntimeError("secret detail")


@pytest.mark.parametrize(
    "result",
    [
        fail,
        [],
        "text",
        {"body": "no status"},
        ok(statusCode=99),
        ok(statusCode="many"),
        ok(body={"not": "text"}),
        ok(body="***", isBase64Encoded=True),
        ok(headers={"A": "b\r\nSet-Cookie: c"}),
        ok(headers={"A": "\N{SNOWMAN}"}),
        ok(body="x" * 6_291_556),
        ok(body='"' * 3_500_000),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_lambda_may_not_answer_is_a_502_that_says_nothing(
    result: Any, strict: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = call(Function(result), "GET", "/v2/", headers=TOKEN, strict=strict)
    assert found.status_code == 502
    assert found.json() == {"errors": [{"code": "UNKNOWN", "message": "Internal server error"}]}
    assert capsys.readouterr().err


def test_a_slow_function_is_a_504() -> None:
    release = threading.Event()

    def wait(event: dict[str, Any]) -> Any:
        release.wait(10)
        return ok()

    found = call(Function(wait), "GET", "/v2/", headers=TOKEN, gateway={"timeout_s": 0.05})
    release.set()
    assert found.status_code == 504
    assert found.json()["errors"][0]["message"] == "Endpoint request timed out"


# --- sizes


@pytest.mark.parametrize(
    ("size", "strict", "status"),
    [
        (4 * 1024 * 1024, True, 200),
        (4_700_000, True, 200),
        (4_718_592, True, 413),
        (4_718_592, False, 200),
        (REQUEST_BYTES, False, 200),
        (REQUEST_BYTES + 1, False, 413),
        (REQUEST_BYTES + 1, True, 413),
        (64 * 1024 * 1024, True, 413),
    ],
)
def test_bodies_are_bounded(size: int, strict: bool, status: int) -> None:
    function = Function()
    found = call(function, "PUT", "/v2/x/y/manifests/z", content=b"x" * size, headers=TOKEN, strict=strict)
    assert (found.status_code, len(function.events)) == (status, 1 if status == 200 else 0)
    if status == 413:
        assert found.json()["errors"][0]["code"] == "SIZE_INVALID"


@pytest.mark.parametrize("chunks", [1, 5, 30])
def test_a_body_without_a_length_is_bounded_too(chunks: int) -> None:
    async def body() -> Any:
        for _ in range(chunks):
            yield bytes(3 * 1024 * 1024)

    found = call(Function(), "POST", "/service/token", content=body(), strict=False)
    assert found.status_code == (200 if chunks == 1 else 413)


# --- the authorizer


@pytest.mark.parametrize(
    ("authorization", "status", "code", "challenge"),
    [
        (None, 401, "UNAUTHORIZED", CHALLENGE),
        ("", 401, "UNAUTHORIZED", CHALLENGE),
        ("Bearer unknown", 401, "UNAUTHORIZED", CHALLENGE),
        ("Bearer denied", 403, "DENIED", None),
        ("Bearer nested", 500, "UNKNOWN", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_the_authorizer_keeps_requests_from_lambda(
    authorization: str | None, status: int, code: str, challenge: str | None, method: str
) -> None:
    function = Function()
    headers = {} if authorization is None else {"Authorization": authorization}
    found = call(function, method, "/v2/x/y/blobs/uploads/", headers=headers)
    assert (found.status_code, function.events) == (status, [])
    assert found.headers.get("www-authenticate") == challenge
    assert found.headers["content-type"] == "application/json"
    if method == "HEAD":
        assert found.content == b""
    else:
        assert found.json()["errors"][0]["code"] == code


@pytest.mark.parametrize(("path", "strict"), [("/service/token", True), ("/api/x", True), ("/v2/", False)])
def test_only_the_strict_registry_has_an_authorizer(path: str, strict: bool) -> None:
    function = Function()
    assert call(function, "GET", path, strict=strict).status_code == 200
    assert "authorizer" not in function.event["requestContext"]


# --- routing


@pytest.mark.parametrize(
    ("method", "path", "is_upload"),
    [
        ("PATCH", "/v2/a/b/blobs/uploads/id?_state=s", True),
        ("PUT", "/v2/a/b/c/blobs/uploads/id?_state=s&digest=d", True),
        ("GET", "/v2/a/b/blobs/uploads/id?_state=s", True),
        ("DELETE", "/v2/a/b/blobs/uploads/id?_state=s", True),
        ("POST", "/v2/a/b/blobs/uploads/id", False),
        ("POST", "/v2/a/b/blobs/uploads/", False),
        ("PUT", "/v2/a/b/blobs/uploads/", False),
        ("PATCH", "/v2/a/b/blobs/uploads/id/more", False),
        ("GET", "/service/a/b/blobs/uploads/id", False),
    ],
)
def test_uploads_go_to_the_upload_service_untouched(method: str, path: str, is_upload: bool) -> None:
    function = Function()
    found = call(function, method, path, content=b"12345", headers=TOKEN)
    assert (not function.events) == is_upload
    if is_upload:
        assert found.text == f"{method} 5 Bearer good"
        assert found.headers["www-authenticate"] == "kept"


def test_without_an_upload_service_uploads_go_to_lambda() -> None:
    function = Function()
    call(function, "PATCH", "/v2/a/b/blobs/uploads/id", content=b"1", headers=TOKEN, gateway={"uploads": None})
    assert function.event["httpMethod"] == "PATCH"


def test_a_large_upload_is_not_bounded() -> None:
    found = call(Function(), "PATCH", "/v2/a/b/blobs/uploads/id", content=bytes(REQUEST_BYTES * 2))
    assert found.text.split()[1] == str(REQUEST_BYTES * 2)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("HEAD", "/", 200), ("POST", "/", 404), ("GET", "/favicon.ico", 404), ("GET", "//v2/", 404)],
)
def test_what_belongs_to_no_stage(method: str, path: str, status: int) -> None:
    assert call(Function(), method, "http://127.0.0.1:5000" + path).status_code == status


# --- the access log


def test_nothing_is_logged_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    call(Function(), "GET", "/v2/", headers=TOKEN)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/v2/a/b/tags/list?n=5&last=x", "GET /v2/a/b/tags/list?n=5&last=x 200 "),
        ("/v2/a/b/blobs/uploads/id?_state=hush&digest=d", "GET /v2/a/b/blobs/uploads/id?_state=-&digest=d 202 "),
        ("/v2/?X-Amz-Signature=hush&x-amz-credential=hush", "GET /v2/?X-Amz-Signature=-&x-amz-credential=- 200 "),
        ("/service/token?refresh_token=hush&Password=hush", "GET /service/token?refresh_token=-&Password=- 200 "),
        ("/v2/a%0Ab", "GET /v2/a%0Ab 200 "),
    ],
)
def test_the_access_log_tells_no_secret(path: str, logged: str) -> None:
    lines: list[str] = []
    call(Function(), "GET", path, headers=TOKEN, gateway={"log": lines.append})
    assert len(lines) == 1
    assert lines[0].startswith(logged)
    assert "hush" not in lines[0]
    assert "Bearer" not in lines[0]


# --- lifespan and threads


def test_the_upload_service_starts_and_stops_with_the_gateway() -> None:
    seen: list[str] = []

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        for step in ("startup", "shutdown"):
            seen.append((await receive())["type"])
            await send({"type": f"lifespan.{step}.complete"})

    assert asyncio.run(lifespan(Gateway(Function(), uploads=service))) == asyncio.run(lifespan(Gateway(Function())))
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


async def lifespan(gateway: Gateway) -> Sequence[str]:
    told: list[str] = []
    messages: Iterator[str] = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        told.append(message["type"])

    await gateway({"type": "lifespan"}, receive, send)
    return told


@dataclass
class Gauge:
    """Counts how many calls run at once."""

    now: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, event: Any, context: Any) -> Any:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return ok(body=event["path"])


def test_calls_run_beside_each_other_in_a_bounded_number_of_threads() -> None:
    gauge = Gauge()
    gateway = Gateway(gauge, threads=3)

    async def ask() -> list[str]:
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            found = await asyncio.gather(*(client.get(f"/v2/{number}") for number in range(12)))
        return [one.text for one in found]

    assert asyncio.run(ask()) == [f"/{number}" for number in range(12)]
    assert gauge.most == 3


def test_what_is_logged_of_an_address_grants_nothing() -> None:
    query = b"_state=s1&X-Amz-Signature=s2&code=s3&state=s4&access_token=s5&n=5"
    shown = loggable({"type": "http", "path": "/c/oidc/callback", "query_string": query})
    assert shown == "/c/oidc/callback?_state=-&X-Amz-Signature=-&code=-&state=-&access_token=-&n=5"
