"""The registry and the upload service under observation: real requests, real calls to AWS, and what is told of them."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import bootstrap, telemetry
from chalicelib.api import Api
from chalicelib.aws.table import Table
from chalicelib.http import Request, Response
from chalicelib.oci.digest import Digest
from tests.client import Client, basic
from tests.telemetry.conftest import PLAN, Told
from tests.telemetry.daemon import Daemon
from tests.telemetry.test_traces import LAMBDA
from tests.test_api import push_image
from tests.upload_service.test_app import Shell


@pytest.fixture
def name() -> str:
    return f"library/told-{uuid.uuid4().hex[:8]}"


def test_a_push_and_a_pull_are_counted_with_who_and_what(admin: Client, name: str, told: Told) -> None:
    digest = push_image(admin, name, layers=(b"layer" * 100,))
    pushed = {line["operation"]: line for line in told()}
    assert (pushed["put_manifest"]["Pushes"], pushed["put_manifest"]["status"]) == (1, 201)
    assert (pushed["start_upload"]["UploadsFinished"], pushed["start_upload"]["BytesReceived"] > 0) == (1, True)
    size = len(admin.get(f"/v2/{name}/manifests/latest").body)
    admin.get(f"/v2/{name}/manifests/{digest}")
    pulls = told()
    assert [(line["Pulls"], line["BytesServed"]) for line in pulls] == [(1, size), (1, size)]
    assert {(line["principal"], line["project"], line["repository"]) for line in pulls} == {("admin", "library", name)}


def test_a_redirect_counts_the_blobs_bytes_and_a_head_does_not(admin: Client, name: str, told: Told) -> None:
    content = b"blob" * 1000
    digest = Digest.of(content)
    admin.push_blob(name, content, digest)
    told()
    admin.send("HEAD", f"/v2/{name}/blobs/{digest}")
    admin.get(f"/v2/{name}/blobs/{digest}")
    head, get = told()
    assert (get["BlobRedirects"], get["BytesRedirected"]) == (1, len(content))
    assert "BytesRedirected" not in head


def test_calls_to_aws_are_counted_reads_and_writes(admin: Client, name: str, told: Told, calls: Any) -> None:
    content = b"counted"
    told()
    calls()
    admin.push_blob(name, content, Digest.of(content))
    (line,) = told()
    assert line["aws_calls"] == sum(calls().values())
    assert 0 < line["aws_ms"] <= line["Latency"] * 1.01


@pytest.mark.parametrize(("authorization", "status", "wanted"), [
    (None, 401, {}),
    (basic("nobody-at-all", "wrong"), 401, {"Denials": 1, "reason": "UNAUTHORIZED", "code": "UNAUTHORIZED"}),
    ("Bearer no.such.token", 401, {"Denials": 1, "reason": "UNAUTHORIZED"}),
])  # fmt: skip
def test_who_is_not_let_in_is_denied_without_a_name_and_a_challenge_is_none(
    api: Api, told: Told, authorization: str | None, status: int, wanted: dict[str, Any]
) -> None:
    assert Client(api, authorization).get("/v2/").status == status
    (line,) = told()
    assert {name: line.get(name) for name in wanted} == wanted
    assert ("Denials" in line, "principal" in line) == (bool(wanted), False)


def test_who_may_not_is_denied_by_name(api: Api, admin: Client, told: Told) -> None:
    user, password = f"ann{uuid.uuid4().hex[:8]}", "Secret-" + uuid.uuid4().hex
    body = json.dumps({"username": user, "password": password, "email": f"{user}@x.example", "realname": "a"}).encode()
    assert admin.send("POST", "/api/v2.0/users", body, content_type="application/json").status == 201
    told()
    assert Client(api, basic(user, password)).send("DELETE", "/v2/library/app/manifests/x").status == 403
    (line,) = told()
    found = {key: line[key] for key in ("Denials", "reason", "principal", "operation")}
    assert found == {"Denials": 1, "reason": "DENIED", "principal": user, "operation": "delete_manifest"}


def test_the_console_and_the_token_service_say_who_it_was(admin: Client, told: Told) -> None:
    admin.get("/service/token?service=moorage&scope=repository:library/app:pull")
    admin.get("/api/v2.0/users/current")
    assert [(line["operation"], line["principal"]) for line in told()] == [("token", "admin"), ("read_api", "admin")]


@pytest.mark.parametrize("path", ["/v2/", "/service/token/jwks", "/api/v2.0/ping", "/nowhere"])
def test_every_answer_has_the_id_that_its_line_has(admin: Client, told: Told, path: str) -> None:
    for sent, wanted in ({"x_request_id": "mine-1"}, "mine-1"), ({}, "test"), ({"x_request_id": "bad\nid"}, "test"):
        answer = admin.get(path, **sent)
        (line,) = told()
        assert (answer.headers["x-request-id"], line["correlation_id"]) == (wanted, wanted)


class Sampled:
    """The registry as Lambda would call it for a sampled request."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def handle(self, request: Request, *, now: int) -> Response:
        return self._api.handle(replace(request, trace=LAMBDA), now=now)


def test_a_pull_and_a_push_are_traced_down_to_their_calls(api: Api, admin: Client, name: str, settings: Any) -> None:
    with Daemon() as daemon:
        telemetry.configure(PLAN._replace(has_metrics=False, has_traces=True, xray_daemon=daemon.address))
        try:
            traced = Client(Sampled(api), admin.authorization)  # type: ignore[arg-type]
            push_image(traced, name)
            traced.get(f"/v2/{name}/manifests/latest")
        finally:
            telemetry.configure(telemetry.Plan())
        documents = {document["name"]: document for document in daemon.documents()}
    put = {(call["name"], call["aws"]["operation"]): call for call in documents["put_manifest"]["subsegments"]}
    assert {("dynamodb", "TransactWriteItems"), ("s3", "PutObject")} <= set(put)
    assert put["dynamodb", "TransactWriteItems"]["aws"]["table_name"] == settings.table
    assert put["s3", "PutObject"]["aws"]["bucket_name"] == settings.bucket
    assert all(call["http"]["response"]["status"] == 200 for call in put.values())
    reads = [call["aws"]["operation"] for call in documents["get_manifest"]["subsegments"]]
    assert set(reads) <= {"GetItem", "BatchGetItem", "Query"}
    assert documents["put_manifest"]["annotations"]["project"] == "library"


def test_a_schedule_with_a_bad_table_tells_and_fails(told: Told, table: Table) -> None:
    del table
    with pytest.raises(KeyError), telemetry.run("sweep_uploads", correlation_id="run-1"):
        raise KeyError("gone")
    (line,) = told()
    assert (line["message"], line["operation"], line["Errors"], line["correlation_id"]) == ("run", "sweep_uploads", 1, "run-1")


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_an_upload_is_told_request_by_request(told: Told) -> None:
    shell, content = Shell(), b"x" * 3000
    digest = Digest.of(content)

    async def work() -> list[Any]:
        url = shell.start()
        patched = await shell.send("PATCH", url, [content[:1000], content[1000:]], authorization="Bearer no-business-here")
        finished = await shell.send("PUT", f"{url}&digest={digest}", x_request_id="mine")
        hung_up = await shell.send("PATCH", shell.start(), [b"half", None])
        refused = await shell.send("PUT", f"{shell.start()}&digest=sha256:{'0' * 64}", [b"other"])
        await shell.send("GET", "http://x/healthz")
        return [patched, finished, hung_up, refused]

    patched, finished, hung_up, refused = run(work())
    lines = told()
    shown = [(line["operation"], line["status"], *map(line.get, ("BytesReceived", "UploadsFinished", "UploadsFailed")))
             for line in lines]  # fmt: skip
    assert shown == [
        ("patch_upload", 202, 3000, None, None),
        ("put_upload", 201, None, 1, None),
        ("patch_upload", telemetry.HUNG_UP, None, None, 1),
        ("put_upload", 400, None, None, 1),
    ]
    assert {(line["principal"], line["repository"]) for line in lines} == {("ada", "team/app")}
    assert (hung_up, lines[3]["code"], refused[0]) == (None, "DIGEST_INVALID", 400)
    assert patched[1]["X-Request-Id".lower()] == lines[0]["correlation_id"]
    assert (finished[1]["x-request-id"], lines[1]["correlation_id"]) == ("mine", "mine")


def test_uploads_at_the_same_time_keep_their_figures_apart(told: Told) -> None:
    shell = Shell(memory_mib=96)

    async def upload(number: int) -> None:
        pieces = [bytes([number]) * 1000, 0.002, bytes([number]) * (number * 1000)]
        answer = await shell.send("PATCH", shell.start(), pieces, x_request_id=f"u{number}")
        assert answer is not None
        assert answer[0] == 202

    async def work() -> None:
        await asyncio.gather(*(upload(number) for number in range(20)))

    run(work())
    received = {line["correlation_id"]: line["BytesReceived"] for line in told()}
    assert received == {f"u{number}": 1000 * (number + 1) for number in range(20)}


def test_a_failure_in_the_upload_service_names_the_request(told: Told) -> None:
    shell = Shell()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is on fire")

    shell.uploads.begin = fail  # type: ignore[method-assign]
    answer = run(shell.send("PATCH", shell.start(), x_request_id="mine"))
    (line,) = told()
    assert (answer[0], json.loads(answer[2])["errors"][0]["detail"]) == (500, {"request_id": "mine"})
    assert (line["Errors"], line["code"], line["correlation_id"]) == (1, "UNKNOWN", "mine")


def test_a_load_balancers_trace_names_the_request(told: Told) -> None:
    shell = Shell()
    root = "1-5759e988-bd862e3fe1be46a994272793"
    run(shell.send("GET", shell.start(), x_amzn_trace_id=f"Self=1-67891234-12456789abcdef012345678;Root={root}"))
    (line,) = told()
    assert (line["correlation_id"], line["trace_id"]) == (root, root)


def test_provisioning_again_is_observed_like_any_run(settings: Any, told: Told) -> None:
    with telemetry.run("provision", correlation_id="run-2"):
        bootstrap.provision(settings, "admin-secret", now=int(time.time()))
    (line,) = told()
    assert (line["Errors"], line["aws_calls"] > 0) == (0, True)
