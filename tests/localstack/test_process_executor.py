"""The process executor without LocalStack: a small runtime client in place of AWS's, and real processes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import psutil
import pytest

from localstack.process_executor.environment import Environment, Limits
from localstack.process_executor.runtime_api import Outcome
from localstack.process_executor.worker import Program, StartFailed

_CLIENT = """
import http.client, importlib, json, os, sys
def main(arguments):
    module, _, name = arguments[1].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        asked = api.getresponse()
        event, id = json.loads(asked.read()), asked.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            kind, told = "response", handler(event, asked.headers)
        except Exception as error:
            kind, told = "error", {"errorMessage": str(error), "errorType": type(error).__name__}
        body = iter([json.dumps(told).encode()])
        api.request("POST", f"/2018-06-01/runtime/invocation/{id}/{kind}", body, encode_chunked=True)
        if api.getresponse().read() and event.get("then") == "die":
            os._exit(1)
"""
_CODE = """
import os, sys, time
def handler(event, headers):
    print("asked", flush=True)
    if event.get("do") == "raise": raise ValueError("no such thing")
    if event.get("do") == "exit": os._exit(3)
    if event.get("do") == "spawn": os.fork()
    if event.get("do") in ("sleep", "spawn"): time.sleep(60)
    if event.get("do") == "long": return "x" * event["bytes"]
    seen = {"pid": os.getpid(), "environment": dict(os.environ), "path": sys.path}
    return {**seen, "deadline": headers["Lambda-Runtime-Deadline-Ms"]}
"""
Ask = Callable[..., tuple[Outcome, str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    client, code = tmp_path / "client" / "awslambdaric", tmp_path / "code"
    client.mkdir(parents=True)
    code.mkdir()
    (client / "__init__.py").touch()
    (client / "__main__.py").write_text(_CLIENT)
    (code / "app.py").write_text(_CODE)
    variables = {"GIVEN": "by its owner", "LOCALSTACK_HOSTNAME": "127.0.0.1", "EDGE_PORT": "4566"}
    return Program(Path(sys.executable), client.parent, code, "app.handler", variables)


@pytest.fixture
def environment(program: Program) -> Iterator[Environment]:
    made = Environment(program, Limits(timeout_s=2, memory_mb=128, version="7"))
    yield made
    made.stop()


@pytest.fixture
def ask(environment: Environment) -> Ask:
    environment.start()
    return lambda **event: environment.invoke("id-1", "arn:function", json.dumps(event).encode(), "Root=1")


def told(answer: tuple[Outcome, str]) -> dict[str, object]:
    outcome, _ = answer
    assert not outcome.is_error, outcome
    return dict(json.loads(outcome.payload))


def failure(answer: tuple[Outcome, str]) -> dict[str, str]:
    outcome, _ = answer
    assert outcome.is_error, outcome
    return dict(json.loads(outcome.payload))


def test_it_sees_its_own_variables_and_packages_only(
    ask: Ask, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "x")
    seen = told(ask())
    environment = seen["environment"]
    assert isinstance(environment, dict)
    assert environment["GIVEN"] == "by its owner"
    assert environment["LAMBDA_TASK_ROOT"] == str(program.code)
    assert not {"A_SECRET_OF_THE_HOST", "HOME", "LOCALSTACK_HOSTNAME", "EDGE_PORT"} & set(environment)
    path = seen["path"]
    assert isinstance(path, list)
    assert path[:2] == [str(program.code), str(program.runtime)]
    assert not any("site-packages" in place for place in path)


def test_it_is_kept_and_told_its_deadline(ask: Ask) -> None:
    first, second = told(ask()), told(ask())
    assert first["pid"] == second["pid"]
    assert 0 < int(str(second["deadline"])) / 1000 - time.time() <= 2


def test_the_log_has_what_it_printed_between_lambdas_own_lines(ask: Ask) -> None:
    ask()
    _, log = ask()
    first, printed, end, report = log.splitlines()
    assert (first, printed, end) == ("START RequestId: id-1 Version: 7", "asked", "END RequestId: id-1")
    assert report.startswith("REPORT RequestId: id-1\tDuration: ")


def test_its_own_error_passes(ask: Ask) -> None:
    assert failure(ask(do="raise")) == {"errorMessage": "no such thing", "errorType": "ValueError"}


def test_when_it_ends_the_request_fails_and_the_next_one_has_a_new_process(ask: Ask) -> None:
    before = told(ask())["pid"]
    assert failure(ask(do="exit"))["errorMessage"] == "RequestId: id-1 Error: Runtime exited with error: exit status 3"
    assert told(ask())["pid"] != before


def test_when_it_dies_of_the_request_before_the_next_one_is_answered(ask: Ask) -> None:
    for _ in range(5):
        told(ask(then="die"))


@pytest.mark.parametrize("do", ["sleep", "spawn"])
def test_when_it_takes_too_long_it_is_stopped_with_what_it_started(ask: Ask, do: str) -> None:
    pid, started = int(str(told(ask())["pid"])), time.monotonic()
    answer = ask(do=do)
    assert time.monotonic() - started < 4
    assert failure(answer)["errorMessage"] == "RequestId: id-1 Error: Task timed out after 2.00 seconds"
    living = [process for process in psutil.process_iter() if process.status() != psutil.STATUS_ZOMBIE]
    assert not [process for process in living if os.getpgid(process.pid) == pid]
    assert told(ask())["pid"] != pid


def test_an_answer_too_long_for_lambda_is_refused(ask: Ask) -> None:
    assert failure(ask(do="long", bytes=6_291_557))["errorType"] == "Function.ResponseSizeTooLarge"
    outcome, _ = ask(do="long", bytes=6_000_000)
    assert len(outcome.payload) == 6_000_002


def test_a_handler_that_cannot_be_imported_fails_the_start_and_says_why(program: Program) -> None:
    broken = Program(program.python, program.runtime, program.code, "nowhere.handler", {})
    with pytest.raises(StartFailed, match="No module named 'nowhere'"):
        Environment(broken, Limits(2, 128, "7")).start()


def test_stopping_ends_a_request_that_runs(environment: Environment, ask: Ask) -> None:
    Timer(0.5, environment.stop).start()
    assert failure(ask(do="sleep"))["errorType"] == "Runtime.ExitError"
