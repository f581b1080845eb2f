"""Logs: as much as the setting says, one JSON line each, and nothing of a request but its method and path. In processes of
their own, since Python's loggers outlive a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.telemetry.logs import blotted

ROOT = Path(__file__).parent.parent.parent
FAILING = """
from chalicelib.api import Api
from chalicelib.http import Request

class Broken:
    def answer(self, request, *, now):
        raise RuntimeError("the disk is on fire")

headers = {"authorization": ["Basic c2VjcmV0"]}
request = Request("PATCH", "/v2/a/b", {"_state": ["signed"]}, headers, b"body", request_id="r-1")
answer = Api(Broken(), Broken(), Broken).handle(request, now=1)
print(answer.status, answer.body.decode())
"""


def said(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_as_much_is_logged_as_the_setting_says() -> None:
    program = "from chalicelib import telemetry as t; t.configure(t.Plan(level='ERROR')); {}; t.logger().error('worth a line')"
    (line,) = said(program.format("t.logger().warning('not worth a line')"))
    assert json.loads(line)["message"] == "worth a line"


def test_an_unexpected_failure_is_one_line_without_credentials_and_a_500_that_names_the_request() -> None:
    line, answer = said(FAILING)
    logged, (status, _, body) = json.loads(line), answer.partition(" ")
    assert (status, json.loads(body)["errors"][0]["detail"]) == ("500", {"request_id": "r-1"})
    assert (logged["request_id"], logged["method"], logged["path"]) == ("r-1", "PATCH", "/v2/a/b")
    assert not any(secret in line for secret in ("c2VjcmV0", "signed", "body"))


def test_whatever_is_logged_for_a_request_names_it_and_who_sent_it() -> None:
    program = (
        "from chalicelib import telemetry as t; t.configure(t.Plan('acme', 'registry'))\n"
        "t.logger().warning('outside')\n"
        "with t.request('GET', '/v2/team/app/manifests/x', correlation_id='r-1') as seen:\n"
        "    t.identified('ann'); t.logger().warning('inside', extra={'reason': 'none'}); seen.answered(200)\n"
    )
    outside, inside = map(json.loads, said(program))
    names = {"correlation_id": "r-1", "principal": "ann", "project": "team", "repository": "team/app"}
    names |= {"operation": "get_manifest", "duty": "registry"}
    assert ({key: inside.get(key) for key in names}, inside["service"], inside["reason"]) == (names, "acme", "none")
    assert not set(names) & set(outside)


def test_a_run_that_fails_is_one_line_with_its_traceback() -> None:
    program = (
        "from chalicelib import telemetry as t; import contextlib\n"
        "with contextlib.suppress(KeyError), t.run('sweep_uploads', correlation_id='run-1'):\n"
        "    raise KeyError('gone')\n"
    )
    (line,) = map(json.loads, said(program))
    assert (line["message"], line["operation"], line["correlation_id"]) == ("run failed", "sweep_uploads", "run-1")
    assert "KeyError" in line["exception"]


JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1OmFkbWluIn0.c2lnbmF0dXJlLW9mLXRoaXM"


@pytest.mark.parametrize(("text", "wanted"), [
    (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
    ("header b'basic YWRtaW46c2VjcmV0' is bad", "header b'basic ***' is bad"),
    (f"cannot read {JWT}, sorry", "cannot read ***, sorry"),
    ("https://b.s3/k?X-Amz-Credential=AK%2F1&X-Amz-Signature=0a1b&x=1", "https://b.s3/k?X-Amz-Credential=***&X-Amz-Signature=***&x=1"),
    ("/k?X-Amz-Security-Token=IQoJb3%2F", "/k?X-Amz-Security-Token=***"),
    ("/v2/a/blobs/uploads/u?_state=v1.abc.def&digest=sha256:1", "/v2/a/blobs/uploads/u?_state=***&digest=sha256:1"),
    ("grant_type=password&username=ann&password=hunter2", "grant_type=password&username=ann&password=***"),
    ("/c/oidc/callback?code=4%2Fabc&state=xyz", "/c/oidc/callback?code=***&state=***"),
    ("client_secret=abc;refresh_token=def", "client_secret=***"),
    ("a quota is nearly used up: basic plan, token expired", "a quota is nearly used up: basic plan, token expired"),
])  # fmt: skip
def test_what_looks_like_a_credential_is_blotted_out(text: str, wanted: str) -> None:
    assert blotted(text) == wanted


@given(st.text(), st.text())
def test_blotting_twice_changes_nothing_more_and_json_stays_json(key: str, value: str) -> None:
    once = blotted(json.dumps({key: value}, ensure_ascii=False))
    assert blotted(once) == once
    json.loads(once)


def test_an_exception_of_another_program_cannot_tell_a_credential() -> None:
    program = FAILING.replace("the disk is on fire", f"GET /k?X-Amz-Signature=0a1b2c HTTP/1.1 Authorization: Bearer {JWT}")
    line, _ = said(program)
    assert "X-Amz-Signature=***" in line
    assert not any(secret in line for secret in ("0a1b2c", JWT, JWT[-12:]))
