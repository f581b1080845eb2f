"""Observing: requests side by side are not mixed up, one inside another is one, and no trouble of it reaches a request."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.aws.presign import Address
from chalicelib.aws.s3_http import Connections
from chalicelib.aws.wire import DYNAMODB, Wire
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.parallel import each
from chalicelib.telemetry import watch
from chalicelib.telemetry.observation import current
from tests.aws.test_wire import Scripted, server  # noqa: F401 - a fixture
from tests.telemetry.conftest import PLAN, Told

PATH = "/v2/team/app/manifests/latest"


def ask(number: int, calls: int = 0) -> None:
    with telemetry.request("GET", f"/v2/team/r{number}/manifests/latest", correlation_id=f"c{number}") as seen:
        telemetry.identified(f"p{number}")
        each(call, [f"t{number}"] * calls)
        seen.answered(200 + number, served=number)


def call(table: str) -> None:
    with telemetry.aws_call("dynamodb", "GetItem", table) as made:
        made.answered(200, {})


def test_requests_on_many_threads_keep_their_facts_apart(told: Told) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: ask(number, number % 7), range(200)))
    lines = told()
    assert len(lines) == 200
    for line in lines:
        number = int(line["correlation_id"][1:])
        assert (line["principal"], line["repository"], line["status"]) == (f"p{number}", f"team/r{number}", 200 + number)
        assert line["aws_calls"] == number % 7


def test_nothing_is_left_over_when_a_request_is_over(told: Told) -> None:
    ask(1)
    assert current() is None
    telemetry.identified("late")
    telemetry.refused("DENIED")
    telemetry.count("Pulls", 1)
    ask(2)
    assert [line.get("code") for line in told()] == [None, None]


def test_a_request_inside_another_is_the_same_one(told: Told) -> None:
    """The registry behind the upload service's door."""
    with telemetry.request("GET", PATH, correlation_id="outer"):
        with telemetry.request("GET", PATH, correlation_id="inner") as seen:
            seen.answered(200, served=5)
        assert told() == []
    (line,) = told()
    assert (line["correlation_id"], line["BytesServed"]) == ("outer", 5)


def test_the_first_request_of_a_function_is_a_cold_start_and_of_a_container_none(told: Told) -> None:
    for duty, wanted in ("registry", [1, None]), ("uploads", [None, None]):
        telemetry.configure(PLAN._replace(duty=duty))
        watch._is_cold[0] = True
        ask(1)
        ask(2)
        assert [line.get("ColdStarts") for line in told()] == wanted


def test_an_error_on_its_way_out_is_counted_and_goes_on(told: Told) -> None:
    with pytest.raises(ValueError, match="no"), telemetry.run("purge_audit", correlation_id="r"):
        raise ValueError("no")
    with pytest.raises(Exception, match="Unauthorized"), telemetry.run("authorize", correlation_id="r"):
        telemetry.refused("UNAUTHORIZED")
        raise Exception("Unauthorized")
    failed, denied = told()
    assert (failed["Errors"], "Denials" in failed) == (1, False)
    assert (denied["Errors"], denied["Denials"]) == (0, 1)


class Unwritable:
    def write(self, _: str) -> int:
        raise OSError("no space left on device")

    def flush(self) -> None: ...


def test_a_line_that_cannot_be_written_or_made_fails_no_request(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Unwritable())
        ask(1)
    with telemetry.request("GET", PATH, correlation_id="r") as seen:
        seen.principal = object()  # type: ignore[assignment]
        seen.answered(200)
    with telemetry.request("GET", None, correlation_id="r") as seen:  # type: ignore[arg-type]
        seen.answered(200)
    assert [line["operation"] for line in told()] == ["other"]


def test_nothing_is_written_where_nothing_is_switched_on(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(telemetry.Plan())
    ask(1, 2)
    assert capsys.readouterr() == ("", "")


def test_troubles_of_calls_are_counted(server: Any, told: Told) -> None:  # noqa: F811
    busy = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})
    server.script = [busy, busy, None, (200, {})]
    with telemetry.request("GET", PATH, correlation_id="r") as seen:
        Wire(DYNAMODB, Settings(access_key="a", secret_key="b"), server.url).call("GetItem", {"TableName": "t"})
        seen.answered(200)
    (line,) = told()
    assert (line["AwsThrottles"], line["AwsRetries"], line["aws_calls"]) == (2, 3, 1)


def test_troubles_of_a_thread_that_works_for_no_request_are_told_with_the_next_one(server: Any, told: Told) -> None:  # noqa: F811
    server.script = [(400, {"__type": "ThrottlingException"}), (200, {})]
    wire = Wire(DYNAMODB, Settings(access_key="a", secret_key="b"), server.url)
    thread = threading.Thread(target=wire.call, args=("BatchWriteItem", {"RequestItems": {"audit": []}}))
    thread.start()
    thread.join()
    ask(1)
    ask(2)
    first, second = told()
    assert (first["AwsThrottles"], first["AwsRetries"], first["aws_calls"]) == (1, 1, 0)
    assert "AwsThrottles" not in second


@pytest.fixture
def slow_s3() -> Iterator[Address]:
    class SlowDown(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowDown)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield Address("http", f"127.0.0.1:{listening.server_port}", "")
    listening.shutdown()
    listening.server_close()


def test_s3_asking_to_slow_down_is_a_throttle(slow_s3: Address, told: Told) -> None:
    with telemetry.request("GET", PATH, correlation_id="r") as seen:
        with pytest.raises(RegistryError):
            Connections(slow_s3, "bucket").request("GET", lambda: "/key", {}, b"")
        seen.answered(503)
    (line,) = told()
    assert (line["AwsThrottles"], line["AwsRetries"], line["Errors"]) == (3, 2, 1)
