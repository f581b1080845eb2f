"""What every test may use: an AWS endpoint (MiniStack in a process of its own) and a table on it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.api import Api
from chalicelib.aws import provision
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from tests.client import Client, basic

os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_METRICS_NAMESPACE="moorage",
)
_START_S = 30


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process listens; when it died instead, show what it said."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the process on port {port} did not start:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def aws_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running S3, DynamoDB and Secrets Manager, or AWS_ENDPOINT_URL if the environment names one (LocalStack)."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        yield os.environ["AWS_ENDPOINT_URL"]
        return
    port, folder = free_port(), tmp_path_factory.mktemp("aws")
    log = folder / "log"
    command = [sys.executable, "-m", "uvicorn", "tests.emulator:app", "--port", str(port), "--log-level", "warning"]
    environ = {**os.environ, "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING", "S3_DATA_DIR": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)
    try:
        wait_for_port(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def settings(aws_endpoint: str) -> Settings:
    """Settings of a registry on that endpoint, its table and bucket made."""
    made = Settings.from_environ({"AWS_ENDPOINT_URL": aws_endpoint, "MOORAGE_TABLE": "tests", "MOORAGE_BUCKET": "tests"})
    provision.create_table(made)
    provision.create_bucket(made)
    return made


@pytest.fixture(scope="session")
def table(settings: Settings) -> Table:
    """The table, connected."""
    return Table(settings)


@pytest.fixture
def calls(aws_endpoint: str) -> Callable[[], dict[str, int]]:
    """Take the AWS calls since the last time, by operation: `DynamoDB.GetItem`, `S3.PUT`."""

    def take() -> dict[str, int]:
        with urllib.request.urlopen(f"{aws_endpoint}/__calls") as answer:
            return dict(json.load(answer))

    if os.environ.get("AWS_ENDPOINT_URL"):
        pytest.skip("calls are counted in front of the embedded emulator only")
    take()
    return take


@pytest.fixture(scope="session")
def api(settings: Settings) -> Api:
    """The registry in process, provisioned: user `admin` with the password `admin-secret`, public project `library`."""
    bootstrap.provision(settings, "admin-secret", now=int(time.time()))
    return bootstrap.registry(settings)


@pytest.fixture(scope="session")
def admin(api: Api) -> Client:
    """The administrator, with Basic credentials."""
    return Client(api, basic("admin", "admin-secret"))
