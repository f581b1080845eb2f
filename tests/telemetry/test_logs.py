"""Logs: as much as the setting says, one JSON line each, and nothing of a request but its method and path. In processes of
their own, since Python's loggers outlive a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
