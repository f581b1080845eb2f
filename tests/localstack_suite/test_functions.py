"""Functions on LocalStack run as on Lambda: their own packages and variables, their time, their size, one process a request."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localstack.community.deployment import package
from tests.localstack_suite.conftest import Aws

_CODE = b"""
import importlib.util, os, sys, time
count = 0
def handler(event, context):
    global count
    count += 1
    print("asked for", event.get("do"))
    if event.get("do") == "raise": raise ValueError("no such thing")
    if event.get("do") == "exit": os._exit(3)
    if event.get("do") == "sleep": time.sleep(event["seconds"])
    if event.get("do") == "long": return "x" * event["bytes"]
    found = [name for name in ("boto3", "localstack", "pytest", "requests") if importlib.util.find_spec(name)]
    return {"count": count, "pid": os.getpid(), "environment": dict(os.environ), "path": sys.path, "found": found,
            "version": list(sys.version_info[:2]), "left": context.get_remaining_time_in_millis(), "cwd": os.getcwd()}
"""
_LIMIT_S = 2
Answer = tuple[Any, str | None, str]


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return str(aws("iam").create_role(RoleName="functions", AssumeRolePolicyDocument=document)["Role"]["Arn"])


@pytest.fixture(scope="module")
def create(aws: Aws, role: str) -> Callable[..., str]:
    """Makes a function of the test code and gives its state."""
    functions = aws("lambda")

    def make(name: str, **settings: Any) -> str:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("app.py", _CODE)
        machine = "arm64" if "arm64" in package().name else "x86_64"
        chosen = {
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Architectures": [machine],
            "Timeout": _LIMIT_S,
        } | settings
        functions.create_function(FunctionName=name, Role=role, Code={"ZipFile": held.getvalue()}, **chosen)
        while (state := functions.get_function(FunctionName=name)["Configuration"])["State"] == "Pending":
            time.sleep(0.1)
        return f"{state['State']} {state.get('StateReason', '')}".strip()

    return make


@pytest.fixture(scope="module")
def ask(aws: Aws, create: Callable[..., str]) -> Callable[..., Answer]:
    """Calls the function: its answer, its error's kind, and its log."""
    assert create("probe", Environment={"Variables": {"GIVEN": "by its owner"}}) == "Active"

    def asked(name: str = "probe", **event: Any) -> Answer:
        made = aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        log = base64.b64decode(made.get("LogResult", "")).decode()
        return json.load(made["Payload"]), made.get("FunctionError"), log

    return asked


def test_a_function_sees_its_own_packages_and_variables_only(ask: Callable[..., Answer]) -> None:
    seen, error, _ = ask()
    assert error is None
    assert seen["version"] == [3, 13]
    assert seen["found"] == [], "a package that the zip lacks would be found here, and not on AWS"
    assert seen["environment"]["GIVEN"] == "by its owner"
    assert seen["path"][0] == seen["cwd"] == seen["environment"]["LAMBDA_TASK_ROOT"]
    assert not {"HOME", "VIRTUAL_ENV", "PYTHONPATH", "LOCALSTACK_HOST", "FILESYSTEM_ROOT"} & set(seen["environment"])
    assert 0 < seen["left"] <= 1000 * _LIMIT_S


def test_a_process_is_kept_for_the_next_request(ask: Callable[..., Answer]) -> None:
    first, second = ask()[0], ask()[0]
    assert (second["pid"], second["count"]) == (first["pid"], first["count"] + 1)


def test_an_error_is_told_and_logged(ask: Callable[..., Answer]) -> None:
    told, error, log = ask(do="raise")
    assert (error, told["errorType"], told["errorMessage"]) == ("Unhandled", "ValueError", "no such thing")
    lines = log.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert "asked for raise" in lines
    assert lines[-1].startswith("REPORT RequestId: ")


def test_a_process_that_ends_is_replaced(ask: Callable[..., Answer]) -> None:
    told, error, _ = ask(do="exit")
    assert error == "Unhandled"
    assert told["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in told["errorMessage"]
    assert ask()[0]["count"] == 1


def test_a_function_that_takes_too_long_is_stopped_and_replaced(ask: Callable[..., Answer]) -> None:
    before, started = ask()[0]["pid"], time.monotonic()
    told, error, log = ask(do="sleep", seconds=60)
    assert time.monotonic() - started < _LIMIT_S + 3
    assert error == "Unhandled"
    assert told["errorMessage"].endswith(f"Task timed out after {_LIMIT_S}.00 seconds")
    assert f"Task timed out after {_LIMIT_S}.00 seconds" in log
    assert ask()[0]["pid"] != before


def test_six_mebibytes_pass_and_more_is_refused(ask: Callable[..., Answer]) -> None:
    assert len(ask(do="long", bytes=6_290_000)[0]) == 6_290_000
    told, error, _ = ask(do="long", bytes=6_300_000)
    assert (error, told["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert ask()[1] is None


def test_requests_at_the_same_time_have_a_process_each(ask: Callable[..., Answer]) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(do="sleep", seconds=1)[0], range(4)))
    assert len({answer["pid"] for answer in answers}) == 4


def test_a_handler_that_is_missing_is_told_of(create: Callable[..., str], ask: Callable[..., Answer]) -> None:
    create("nowhere", Handler="nowhere.handler")
    told, error, _ = ask("nowhere")
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


@pytest.mark.parametrize("setting", [{"Runtime": "python3.12"}, {"Architectures": ["other"]}])
def test_what_would_run_otherwise_than_on_lambda_does_not_run(
    create: Callable[..., str], setting: dict[str, Any]
) -> None:
    if "Architectures" in setting:
        setting = {"Architectures": ["x86_64" if "arm64" in package().name else "arm64"]}
    assert create(f"other-{len(str(setting))}", **setting).startswith("Failed Error while creating lambda: this ")
