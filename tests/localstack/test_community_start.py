"""Which LocalStack is started, and the one sentence that says what to put right where none can be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localstack.community import container, seeds
from localstack.community.host import environment
from localstack.community.running import running
from localstack.launch import StartError

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Puts a program on a path that has nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def put(name: str, script: str) -> None:
        file = tmp_path / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    container.obstacle.cache_clear()
    yield put
    container.obstacle.cache_clear()


@pytest.mark.parametrize(
    ("script", "obstacle"),
    [
        ("exit 1", "no Docker engine answers"),
        ('[ "$1" = info ]', "docker has no compose plugin"),
        ('case "$*" in info|*version) exit 0 ;; esac; exit 1', "Docker cannot get the image"),
        ('case "$*" in info|*version|*pull*) exit 0 ;; esac; exit 1', ""),
        ('case "$*" in info|*version|*--no-start*) exit 0 ;; esac; exit 1', ""),
    ],
)
def test_a_container_is_there_when_docker_has_the_image_or_gets_it(
    program: Program, script: str, obstacle: str
) -> None:
    program("docker", script)
    assert container.obstacle() == obstacle


def test_where_docker_is_missing_that_is_said(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOORAGE_LOCALSTACK", "container")
    with pytest.raises(StartError, match="container cannot be started: docker is not installed"), running(tmp_path):
        pass


def test_where_neither_can_be_had_both_reasons_are_said(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No Java on the path, or no packages: either way a sentence about PyPI and one about Docker."""
    monkeypatch.delenv("MOORAGE_LOCALSTACK", raising=False)
    with (
        pytest.raises(StartError, match=r"from PyPI: .+\. Its container cannot be had either: docker"),
        running(tmp_path),
    ):
        pass


def test_a_wrong_wish_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOORAGE_LOCALSTACK", "kubernetes")
    with pytest.raises(StartError, match="must be container, host or an address, not 'kubernetes'"), running(tmp_path):
        pass


@pytest.mark.parametrize(("told", "is_found"), [("17.0.15", True), ("21", True), ("11.0.2", False)])
def test_only_a_java_that_is_new_enough_is_taken(program: Program, told: str, is_found: bool) -> None:
    program("java", f"echo 'openjdk version \"{told}\" 2025-04-15' >&2")
    assert (seeds.java() is not None) is is_found


@pytest.fixture
def endpoint() -> Iterator[Callable[[str, int], str]]:
    """Serves a health of some version, and a list of buckets with some status."""
    servers = []

    def serve(version: str, status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_health = self.path == "/_localstack/health"
                body = json.dumps({"version": version}).encode() if is_health else b"<ListAllMyBucketsResult/>"
                self.send_response(200 if is_health else status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_one_that_runs_is_used(
    endpoint: Callable[[str, int], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = endpoint("4.14.0", 200)
    monkeypatch.setenv("MOORAGE_LOCALSTACK", f"{url}/")
    with running(tmp_path) as localstack:
        assert (localstack.url, localstack.how) == (url, "named")
        assert localstack.s3_url == url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [("4.14.0", 500, "answers 500 to S3"), ("5.0.0", 200, "is LocalStack 5.0.0; Moorage is tested with 4.14")],
)
def test_health_alone_is_not_believed(
    endpoint: Callable[[str, int], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    version: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.setenv("MOORAGE_LOCALSTACK", endpoint(version, status))
    with pytest.raises(StartError, match=said), running(tmp_path):
        pass


def test_it_sees_nothing_of_the_persons_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    seen = environment(tmp_path, 4566, tmp_path)
    assert "production" not in seen.values()
    assert not [name for name in seen if name.startswith("AWS_")]
    assert seen["FILESYSTEM_ROOT"] == seen["HOME"] == str(tmp_path)
