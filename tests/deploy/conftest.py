"""One deployment for all tests of this folder: the real package, the real Terraform, an emulator with strict IAM.

`MOORAGE_TEST_DEPLOYMENT` names the ready file of one that runs already (`python -m localstack.deploy --ready-file FILE`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from localstack.launch import aws_environment
from localstack.secret import client
from localstack.terraform import Terraform
from tests.running import ROOT, Running, StackError, tail
from tests.wire import Wire

HOST_SECRET = "MOORAGE_TEST_OF_THE_HOST"
"""A variable of the machine that no function may see."""
_START_S = 420
_FILE = "MOORAGE_TEST_DEPLOYMENT"


@dataclass(frozen=True)
class Deployment(Running):
    """A deployed registry."""

    aws_url: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    data: Path = Path()
    pid: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    started_in_s: float = 0.0

    def aws(self, service: str) -> Any:
        """A client of the emulator, as the account's owner."""
        return client(self.aws_url, service)

    def workers(self) -> list[psutil.Process]:
        """The processes of Lambda functions."""
        found = psutil.Process(self.pid).children(recursive=True)
        return [process for process in found if any("ministack-lambda-" in word for word in _words(process))]

    def upload_service(self) -> psutil.Process:
        """The upload service's process."""
        found = psutil.Process(self.pid).children(recursive=True)
        return next(process for process in found if "upload_service" in _words(process))

    def terraform(self) -> Terraform:
        """Terraform on this deployment's state."""
        return Terraform(self.data, aws_environment(self.aws_url, self.s3_url), self.variables)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Minutes of a machine: only who asks for them runs them (`make test-deploy`)."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.deploy)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment."""
    named = os.environ.get(_FILE)
    if named:
        yield _told(Path(named), None, None, 0.0)
        return
    if shutil.which(os.environ.get("MOORAGE_TERRAFORM") or "terraform") is None:
        pytest.skip("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    folder = tmp_path_factory.mktemp("deployment")
    log, started = folder / "deploy.log", time.monotonic()
    process = start(folder / "data", folder / "ready.json", log)
    try:
        yield _told(folder / "ready.json", process, log, time.monotonic() - started)
    finally:
        stop(process, log)


def start(data: Path, ready: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start `localstack.deploy` and wait until it is ready."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "AWS_"))}
    ready.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "localstack.deploy", "--ready-file", str(ready)],
            cwd=ROOT,
            env={**inherited, "MOORAGE_PORT": "0", "MOORAGE_DATA": str(data), HOST_SECRET: "a secret of the host"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_S
    while not ready.exists():
        if process.poll() is not None:
            raise StackError(f"the deployment ended with {process.returncode} at its start:\n{tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            raise StackError(f"the deployment was not ready after {_START_S} s:\n{tail(log)}")
        time.sleep(0.1)
    return process


def stop(process: subprocess.Popen[bytes], log: Path) -> None:
    """Stop it as Ctrl-C does."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        assert process.wait(90) == 0, tail(log)
    except subprocess.TimeoutExpired:
        process.kill()
        raise StackError(f"the deployment did not stop:\n{tail(log)}") from None


def _told(ready: Path, process: subprocess.Popen[bytes] | None, log: Path | None, started_in_s: float) -> Deployment:
    told = json.loads(ready.read_text())
    return Deployment(
        told["url"], told["admin_user"], told["admin_password"], told["s3_url"], process, log, told["aws_url"],
        told["outputs"], Path(told["data"]), told["pid"], told["variables"], started_in_s,
    )  # fmt: skip


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(autouse=True)
def _deployment_lives(deployment: Deployment) -> Iterator[None]:
    deployment.assert_alive()
    yield
    deployment.assert_alive()


@pytest.fixture
def admin(deployment: Deployment) -> Iterator[Wire]:
    """The protocol itself, as the administrator."""
    with Wire(deployment.url, (deployment.user, deployment.password)) as wire:
        yield wire


@pytest.fixture
def nobody(deployment: Deployment) -> Iterator[Wire]:
    """The protocol itself, without an account."""
    with Wire(deployment.url) as wire:
        yield wire


@pytest.fixture
def repository() -> str:
    """A repository that no other test uses, in the public project."""
    return f"library/{secrets.token_hex(5)}"
