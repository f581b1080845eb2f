"""What every test may use: an AWS endpoint (MiniStack in a process of its own) and a table on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.aws import provision
from chalicelib.aws.table import Table
from chalicelib.config import Settings

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
    command = [sys.executable, "-m", "uvicorn", "ministack.app:app", "--port", str(port), "--log-level", "warning"]
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
