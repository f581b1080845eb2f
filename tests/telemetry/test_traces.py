"""X-Ray: a sampled request is one document with its calls to AWS inside; any other costs nothing and sends nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from chalicelib import telemetry
from chalicelib.aws.s3_http import operation_of
from chalicelib.parallel import each
from chalicelib.telemetry import traces
from tests.telemetry.daemon import Daemon

ROOT, PARENT = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
LAMBDA = f"Root={ROOT};Parent={PARENT};Sampled=1"
PATH = "/v2/team/app/manifests/latest"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon() as listening:
        yield listening
    telemetry.configure(telemetry.Plan())


def configure(daemon: Daemon, duty: str = "registry", *, has_traces: bool = True) -> None:
    plan = telemetry.Plan("acme", duty, has_traces=has_traces, xray_daemon=daemon.address, region="eu-west-1")
    telemetry.configure(plan)


def request(trace: str = LAMBDA) -> telemetry.Observation:
    with telemetry.request("GET", PATH, correlation_id="r-1", trace=trace) as seen:
        telemetry.identified("ann")
        with telemetry.aws_call("dynamodb", "GetItem", "acme") as call:
            call.retried()
            call.answered(200, {"x-amzn-requestid": "ABC"})
        seen.answered(200)
    return seen


def test_in_lambda_a_request_is_a_subsegment_of_the_functions_segment(daemon: Daemon) -> None:
    configure(daemon)
    request()
    (document,) = daemon.documents()
    assert (document["type"], document["trace_id"], document["parent_id"]) == ("subsegment", ROOT, PARENT)
    assert document["name"] == "get_manifest"
    assert document["annotations"] == {
        "duty": "registry", "correlation_id": "r-1", "project": "team", "repository": "team/app", "operation": "get_manifest",
    }  # fmt: skip
    assert document["http"] == {"request": {"method": "GET"}, "response": {"status": 200}}
    assert abs(document["end_time"] - time.time()) < 5


def test_a_call_to_aws_is_told_with_table_status_retries_and_request_id(daemon: Daemon) -> None:
    configure(daemon)
    request()
    (call,) = daemon.documents()[0]["subsegments"]
    assert (call["name"], call["namespace"], call["http"]) == ("dynamodb", "aws", {"response": {"status": 200}})
    wanted = {"operation": "GetItem", "table_name": "acme", "region": "eu-west-1", "retries": 1, "request_id": "ABC"}
    assert call["aws"] == wanted


@pytest.mark.parametrize("trace", [
    "", f"Root={ROOT};Parent={PARENT};Sampled=0", f"Root={ROOT};Parent={PARENT}", "Sampled=1", "Root=1-evil;Sampled=1"
])  # fmt: skip
def test_what_is_not_sampled_sends_nothing(daemon: Daemon, trace: str) -> None:
    configure(daemon)
    request(trace)
    assert daemon.datagrams() == []


def test_without_the_setting_nothing_is_sent(daemon: Daemon) -> None:
    configure(daemon, has_traces=False)
    request()
    assert daemon.datagrams() == []


def test_in_a_container_a_request_is_a_segment(daemon: Daemon) -> None:
    configure(daemon, "uploads")
    request(f"Self=1-67891234-12456789abcdef012345678;Root={ROOT};Sampled=1")
    (document,) = daemon.documents()
    assert (document["name"], document["trace_id"], "type" in document) == ("acme-uploads", ROOT, False)
    assert [call["name"] for call in document["subsegments"]] == ["dynamodb"]


def test_where_nobody_decided_a_container_samples_one_request_a_second(daemon: Daemon) -> None:
    """A load balancer gives requests an id and decides nothing."""
    plan = telemetry.Plan("acme", "uploads", has_traces=True)
    traces._last_second[0] = 0
    taken = [traces.is_sampled(f"Root={ROOT}", plan, second) for second in (7, 7, 7, 8, 8, 9)]
    assert taken == [True, False, False, True, False, True]
    assert not traces.is_sampled(f"Root={ROOT};Sampled=0", plan, 10)
    assert not traces.is_sampled(f"Root={ROOT}", plan._replace(duty="registry"), 10)


@pytest.mark.parametrize(("status", "flag"), [(404, "error"), (429, "throttle"), (503, "fault")])
def test_an_answer_that_is_an_error_is_marked(daemon: Daemon, status: int, flag: str) -> None:
    configure(daemon)
    with telemetry.request("GET", PATH, correlation_id="r", trace=LAMBDA) as seen:
        seen.answered(status)
    assert daemon.documents()[0][flag] is True


def test_a_call_that_got_no_answer_is_a_fault(daemon: Daemon) -> None:
    configure(daemon)
    with telemetry.request("GET", PATH, correlation_id="r", trace=LAMBDA), telemetry.aws_call("s3", "GetObject", "bucket"):
        pass
    (call,) = daemon.documents()[0]["subsegments"]
    assert (call["fault"], call["aws"]["bucket_name"]) == (True, "bucket")


def test_calls_of_other_threads_are_in_the_document_of_their_request(daemon: Daemon) -> None:
    configure(daemon)

    def call(table: str) -> None:
        with telemetry.aws_call("dynamodb", "GetItem", table) as made:
            made.answered(200, {})

    with telemetry.request("GET", PATH, correlation_id="r", trace=LAMBDA) as seen:
        each(call, [f"t{number}" for number in range(20)])
        thread = threading.Thread(target=telemetry.bound(lambda: call("bound")))
        thread.start()
        thread.join()
        stranger = threading.Thread(target=call, args=("stranger",))
        stranger.start()
        stranger.join()
        seen.answered(200)
    (document,) = daemon.documents()
    tables = {inner["aws"]["table_name"] for inner in document["subsegments"]}
    assert tables == {"bound", *(f"t{number}" for number in range(20))}


def test_an_upload_of_thousands_of_parts_fits_into_a_datagram(daemon: Daemon) -> None:
    configure(daemon, "uploads")
    with telemetry.request("PATCH", "/v2/team/app/blobs/uploads/u", correlation_id="r", trace=LAMBDA) as seen:
        for _ in range(5000):
            with telemetry.aws_call("s3", "UploadPart", "a-bucket-with-a-name-of-some-length") as call:
                call.answered(200, {"x-amz-request-id": "x" * 16}, "x-amz-request-id")
        seen.status = 202
    (document,) = daemon.documents()
    assert (len(document["subsegments"]), document["metadata"]["default"]) == (100, {"calls_left_out": 4900})


def test_a_daemon_that_is_not_there_disturbs_nobody() -> None:
    with Daemon() as gone:
        configure(gone)
    try:
        for _ in range(3):
            assert request().status == 200
    finally:
        telemetry.configure(telemetry.Plan())


@pytest.mark.parametrize(("method", "query", "is_copy", "name"), [
    ("GET", [], False, "GetObject"),
    ("PUT", [], False, "PutObject"),
    ("HEAD", [], False, "HeadObject"),
    ("DELETE", [], False, "DeleteObject"),
    ("POST", [("uploads", "")], False, "CreateMultipartUpload"),
    ("PUT", [("partNumber", "1"), ("uploadId", "x")], False, "UploadPart"),
    ("PUT", [("partNumber", "1"), ("uploadId", "x")], True, "UploadPartCopy"),
    ("POST", [("uploadId", "x")], False, "CompleteMultipartUpload"),
    ("DELETE", [("uploadId", "x")], False, "AbortMultipartUpload"),
    ("GET", [("uploads", ""), ("prefix", "b")], False, "ListMultipartUploads"),
    ("GET", [("list-type", "2")], False, "ListObjectsV2"),
])  # fmt: skip
def test_s3s_operations_have_their_names(method: str, query: list[tuple[str, str]], is_copy: bool, name: str) -> None:
    assert operation_of(method, query, is_copy=is_copy) == name
