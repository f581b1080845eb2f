"""`make run` when it cannot start: exit code 2 and one sentence that says what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localstack.launch import ROOT
from tests.localstack.processes import RUN, environment, refused


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"Port {port} is taken" in refused(environment(tmp_path, MOORAGE_PORT=port))


@pytest.mark.parametrize("port", ["-1", "65536", "http", "٣"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    assert "MOORAGE_PORT must be" in refused(environment(tmp_path, MOORAGE_PORT=port))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(environment(tmp_path / "file" / "data"))


def test_a_public_address_that_is_none(tmp_path: Path) -> None:
    assert "MOORAGE_PUBLIC_URL must be" in refused(environment(tmp_path, MOORAGE_PUBLIC_URL="registry.example.com"))


def test_a_missing_package(tmp_path: Path) -> None:
    told = refused(environment(tmp_path), [sys.executable, "-S", "-m", "localstack.run"])
    assert "Python package" in told
    assert "is missing" in told


def test_an_endpoint_that_does_not_answer(tmp_path: Path) -> None:
    told = refused(environment(tmp_path, MOORAGE_AWS_ENDPOINT_URL="http://127.0.0.1:9"))
    assert "http://127.0.0.1:9 does not answer" in told


def test_a_damaged_snapshot(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "dynamodb.json").write_text("{")
    told = subprocess.run(
        RUN, check=False, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 2
    assert "dynamodb.json is damaged" in told.stderr
    assert "Traceback" not in told.stderr
