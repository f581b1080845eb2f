"""`make run`: a stopped or killed stack comes back with its data, and stops in good time."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.localstack.processes import environment, is_running, refused, running, stop

pytestmark = pytest.mark.slow


def token(facts: dict[str, Any], password: str) -> httpx.Response:
    return httpx.get(f"{facts['url']}/service/token?service=moorage", auth=("admin", password))


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


def test_the_challenge_names_the_apis_version_as_old_docker_commands_demand(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (_, told):
        answer = httpx.get(f"{told['url']}/v2/")
        assert (answer.status_code, answer.headers["docker-distribution-api-version"]) == (401, "registry/2.0")
