"""The line of a request: valid for CloudWatch, cheap in dimensions, and saying what happened."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import telemetry
from chalicelib.errors import ERRORS
from chalicelib.telemetry import metrics
from chalicelib.telemetry.observation import Observation
from chalicelib.telemetry.operations import OTHER, REQUESTS, Asked
from tests.telemetry import emf
from tests.telemetry.conftest import PLAN, Told

PAGE = Path(__file__).parent.parent.parent / "docs/explanation/observability.md"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"


def observation(asked: Asked, correlation_id: str, trace: str = "") -> Observation:
    made = Observation("GET", "/", correlation_id, trace)
    made.asked = asked
    return made


def seen(operation: str, status: int = 200, code: str = "", **more: Any) -> Observation:
    made = observation(Asked(operation, "team", "team/app"), "r-1", TRACE)
    made.answered(status, **more)
    made.code, made.duration_s = code, 0.012
    return made


def said(*arguments: Any, **more: Any) -> dict[str, Any]:
    return emf.checked(metrics.line(seen(*arguments, **more), PLAN))


def figures(document: dict[str, Any]) -> dict[str, float]:
    kept = {name: document[name] for name in metrics.UNITS if name in document}
    return {name: value for name, value in kept.items() if name not in ("Latency", "Requests") and (value or name != "Errors")}


@pytest.mark.parametrize(("operation", "status", "more", "wanted"), [
    ("get_manifest", 200, {"served": 7}, {"Pulls": 1, "BytesServed": 7}),
    ("get_manifest", 304, {}, {}),
    ("head_manifest", 200, {"served": 7}, {}),
    ("put_manifest", 201, {"received": 9}, {"Pushes": 1, "BytesReceived": 9}),
    ("put_manifest", 400, {"received": 9}, {}),
    ("get_blob", 307, {}, {"BlobRedirects": 1}),
    ("head_blob", 307, {}, {}),
    ("start_upload", 202, {}, {"UploadsBegun": 1}),
    ("start_upload", 201, {"received": 5}, {"UploadsFinished": 1, "BytesReceived": 5}),
    ("start_upload", 201, {"received": 0}, {}),  # a mount
    ("patch_upload", 202, {"received": 5}, {"BytesReceived": 5}),
    ("put_upload", 201, {"received": 5}, {"UploadsFinished": 1, "BytesReceived": 5}),
    ("put_upload", 400, {"received": 5}, {"UploadsFailed": 1}),
    ("patch_upload", telemetry.HUNG_UP, {}, {"UploadsFailed": 1}),
    ("put_upload", 503, {}, {"UploadsFailed": 1, "Errors": 1}),
    ("read_api", 501, {}, {}),
    ("get_manifest", 500, {}, {"Errors": 1}),
])  # fmt: skip
def test_what_an_answer_counts_as(operation: str, status: int, more: dict[str, int], wanted: dict[str, int]) -> None:
    assert figures(said(operation, status, **more)) == wanted


@pytest.mark.parametrize(("operation", "status", "code", "is_anonymous", "denials"), [
    ("ping", 401, "UNAUTHORIZED", True, 0),  # how every docker pull begins
    ("get_manifest", 401, "UNAUTHORIZED", True, 0),
    ("get_manifest", 401, "UNAUTHORIZED", False, 1),
    ("token", 401, "UNAUTHORIZED", True, 1),  # a form with a wrong password
    ("login_pages", 401, "UNAUTHORIZED", True, 1),
    ("put_manifest", 403, "DENIED", False, 1),
    ("get_manifest", 403, "DENIED", True, 1),
    ("write_api", 403, "FORBIDDEN", False, 1),
    ("token", 429, "TOOMANYREQUESTS", False, 1),
    ("get_manifest", 404, "MANIFEST_UNKNOWN", False, 0),
    ("get_manifest", 503, "UNAVAILABLE", False, 0),
])  # fmt: skip
def test_denials_are_counted_by_reason_and_a_challenge_is_none(
    operation: str, status: int, code: str, is_anonymous: bool, denials: int
) -> None:
    document = said(operation, status, code, is_anonymous=is_anonymous)
    by_reason = ("Denials", "service=acme", f"reason={code}") in emf.combinations(document)
    assert (document.get("Denials", 0), by_reason) == (denials, bool(denials))


def test_a_line_has_all_that_finds_a_request_again() -> None:
    observed = seen("get_manifest", served=3)
    observed.principal = "robot$team+ci"
    document = emf.checked(metrics.line(observed, PLAN))
    wanted = {
        "service": "acme", "duty": "registry", "message": "request", "correlation_id": "r-1", "principal": "robot$team+ci",
        "project": "team", "repository": "team/app", "operation": "get_manifest", "method": "GET", "status": 200, "Latency": 12,
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "aws_calls": 0, "aws_ms": 0,
    }  # fmt: skip
    assert {name: document[name] for name in wanted} == wanted


def test_only_service_operation_and_reason_are_dimensions_so_that_metrics_stay_few() -> None:
    combinations: set[tuple[str, ...]] = set()
    for operation in REQUESTS:
        for code in ("", *ERRORS):
            status = ERRORS[code].status if code else 200
            for repository in ("team/a", "team/b"):
                made = observation(Asked(operation, "team", repository), "r")
                made.answered(status, received=1, served=1)
                made.code, made.retries, made.throttles = code, 1, 1
                made.principal = repository
                combinations |= emf.combinations(emf.checked(metrics.line(made, PLAN)))
    dimensions = {name.partition("=")[0] for combination in combinations for name in combination[1:]}
    assert dimensions == {"service", "operation", "reason"}
    assert len(combinations) <= len(metrics.UNITS) + 2 * len(REQUESTS) + len(metrics.REASONS)


names = st.text(max_size=40)


@given(names, names, names, names, st.integers(100, 599), st.sampled_from(["", *ERRORS]), st.integers(0, 2**60))
def test_a_line_is_valid_whatever_names_are_in_it(a: str, b: str, c: str, d: str, status: int, code: str, size: int) -> None:
    made = observation(Asked(OTHER, a, b), c)
    made.principal, made.code = d, code
    made.answered(status, received=size, served=size)
    assert emf.checked(metrics.line(made, PLAN))["status"] == status


def test_without_metrics_the_line_of_debug_has_no_metrics_for_cloudwatch() -> None:
    document = json.loads(metrics.line(seen("get_manifest"), telemetry.Plan(level="DEBUG")))
    assert ("_aws" in document, document["operation"], document["Latency"]) == (False, "get_manifest", 12)


def test_the_page_lists_every_metric_with_its_unit_and_every_operation() -> None:
    page = PAGE.read_text()
    told = {(name, unit) for name, unit in re.findall(r"^\| `(\w+)` \| (\w+) \| service", page, re.MULTILINE)}
    assert told == set(metrics.UNITS.items())
    assert REQUESTS <= set(re.findall(r"`(\w+)`", page))
    assert metrics.REASONS <= set(re.findall(r"`(\w+)`", page))


def test_each_request_is_one_line(told: Told) -> None:
    for status in (200, 404):
        with telemetry.request("GET", "/v2/team/app/manifests/latest", correlation_id="r", trace="") as request:
            telemetry.identified("ann")
            request.answered(status, served=3)
    assert [(line["status"], line["principal"], line.get("Pulls")) for line in told()] == [(200, "ann", 1), (404, "ann", None)]


def test_what_terraform_watches_is_what_the_code_tells() -> None:
    text = "\n".join(path.read_text() for path in (PAGE.parent.parent.parent / "infra/terraform").glob("*.tf"))

    def listed(name: str) -> set[str]:
        found = re.search(rf"\b{name}\s*= (?:{{ for name in )?\[(.*?)\]", text, re.DOTALL)
        assert found, f"Terraform has no list {name} any more"
        return set(re.findall(r'"(\w+)"', found[1]))

    watched = set(re.findall(r'namespace\s*= "Moorage",\s*name\s*= "(\w+)"', text)) | listed("own")
    assert watched <= set(metrics.UNITS)
    assert listed("paths") <= REQUESTS
    assert listed("reasons") == metrics.REASONS
