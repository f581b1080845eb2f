"""`make run`: what it says when it cannot start, and that a stopped stack comes back with its data."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from localstack.launch import ROOT
from tests.localstack.waiting import is_running, wait_for

RUN = [sys.executable, "-m", "localstack.run"]


def environment(data: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "AWS_"))}
    return inherited | {"MOORAGE_DATA": str(data), "MOORAGE_PORT": "0"} | more


def refused(environ: dict[str, str], command: list[str] | None = None) -> str:
    """Run it, expecting exit code 2 and one sentence; the answer is that sentence."""
    done = subprocess.run(
        command or RUN, check=False, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    return lines[0]


@contextmanager
def running(data: Path, **more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A stack, and what its ready file says; stopped with SIGTERM at the end."""
    ready = data.with_name(data.name + ".ready")
    ready.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*RUN, "--ready-file", str(ready)],
        cwd=ROOT,
        env=environment(data, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(lambda: ready.exists() or process.poll() is not None, timeout_s=60)
        if process.poll() is not None:
            raise AssertionError(process.communicate()[0])
        yield process, json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait(timeout=60)


def stop(process: subprocess.Popen[str], number: int) -> str:
    process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    return told


def token(facts: dict[str, Any], password: str) -> httpx.Response:
    return httpx.get(f"{facts['url']}/service/token?service=moorage", auth=("admin", password))


# --- it cannot start


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


# --- it runs


def test_a_second_instance_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        assert "Another Moorage" in refused(environment(tmp_path / "data"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_stack_comes_back_with_its_data_and_password(tmp_path: Path, number: int) -> None:
    data = tmp_path / "data"
    with running(data) as (process, facts):
        password = facts["admin_password"]
        assert facts["url"].startswith("http://127.0.0.1:")
        assert facts["s3_url"].startswith("http://localhost:")
        assert token(facts, password).status_code == 200
        told = stop(process, number)
        assert password in told
        assert "docker login" in told
        assert "Traceback" not in told
        assert not is_running(facts["emulator_pid"])
    kept = data / "admin-password"
    assert (kept.read_text().strip(), kept.stat().st_mode & 0o777) == (password, 0o600)
    with running(data) as (process, facts):
        assert facts["admin_password"] == password
        assert token(facts, password).status_code == 200
        assert password in stop(process, signal.SIGTERM)


def test_a_chosen_password_is_used_and_not_written_down(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as (_, facts):
        first = facts["admin_password"]
    with running(data, MOORAGE_ADMIN_PASSWORD="a chosen one") as (process, facts):
        assert token(facts, "a chosen one").status_code == 200
        assert token(facts, first).status_code == 401
        assert "a chosen one" not in stop(process, signal.SIGTERM)
    with running(data) as (process, facts):
        assert facts["admin_password"] is None
        assert first not in stop(process, signal.SIGTERM)


def test_the_static_challenge_and_the_token_lead_in(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (_, facts):
        ping = httpx.get(f"{facts['url']}/v2/")
        challenge = f'Bearer realm="{facts["url"]}/service/token",service="moorage"'
        assert (ping.status_code, ping.headers["www-authenticate"]) == (401, challenge)
        granted = token(facts, facts["admin_password"]).json()["token"]
        assert httpx.get(f"{facts['url']}/v2/", headers={"Authorization": f"Bearer {granted}"}).status_code == 200


def test_a_killed_stack_lets_go_of_its_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as (process, facts):
        process.kill()
        process.wait()
    with running(data) as (_, again):
        assert token(again, facts["admin_password"]).status_code == 200
    assert not is_running(facts["emulator_pid"])


def test_losing_the_emulator_ends_the_stack(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (process, facts):
        os.kill(facts["emulator_pid"], signal.SIGKILL)
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "emulator ended by itself" in told


def test_it_stops_within_seconds_while_a_client_dawdles(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (process, facts):
        port = int(facts["url"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"PUT /v2/a/b/manifests/c HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
            started = time.monotonic()
            stop(process, signal.SIGTERM)
            assert time.monotonic() - started < 20
