"""A deployment in which every duty is a process with an access key of its own, named after it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session

from chalicelib.config import Settings
from tests.conftest import free_port
from tests.infra.permissions.roles import ROOT, Applied

DOORS = ("registry", "console", "authorizer")
"""The functions behind API Gateway."""
_START_S = 60


@dataclass
class Stack:
    """The processes. `environ` is what Terraform gives to all of them."""

    endpoint: str
    environ: dict[str, str]
    ended: contextlib.ExitStack
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The deployment's settings with a key that is nobody's: for what a test prepares."""
        return Settings.from_environ({**self.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})

    def client(self, service: str) -> Any:
        """A client of AWS's own kind, for what a test prepares."""
        made = botocore.session.get_session()
        made.set_credentials("test", "test")
        return made.create_client(service, region_name="us-east-1", endpoint_url=self.endpoint)

    def invoke(self, duty: str, event: Any = None, *, handler: str = "", later_s: int = 0) -> Any:
        """Run a duty's handler in its process, which is started for the first one."""
        if duty not in self.ports:
            self.ports[duty] = self.start_function(duty)
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[duty], timeout=120)
        connection.request("POST", f"/{handler or duty}?later={later_s}", json.dumps(event or {}))
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == 200, f"{duty}: {answer}"
        return answer

    def start_function(self, duty: str, **environ: str) -> int:
        """Start a Lambda function's process; its port."""
        process = self._start(duty, ["-m", "tests.infra.permissions.duty"], **environ)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        threading.Thread(target=self._drain, args=(duty, process), daemon=True).start()
        return port

    def start_front(self, port: int, ports: Mapping[str, int], url: str) -> None:
        """Start API Gateway before some functions."""
        argv = ["-m", "uvicorn", "tests.infra.permissions.front:app", "--port", str(port), "--log-level", "warning"]
        self.start_program("front", argv, port, DUTY_PORTS=json.dumps(ports), MOORAGE_PUBLIC_URL=url)

    def start_alone(self) -> str:
        """Start the functions as they are where there is no upload service; the address of a door to them."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environ = {"MOORAGE_UPLOAD_URL": "off", "MOORAGE_PUBLIC_URL": url}
        self.start_front(port, {duty: self.start_function(duty, **environ) for duty in DOORS}, url)
        return url

    def start_program(self, key: str, argv: list[str], port: int = 0, **environ: str) -> subprocess.Popen[str]:
        """Start a container's program, and wait until it listens when it has a port."""
        process = self._start(key, argv, **environ)
        threading.Thread(target=self._drain, args=(key, process), daemon=True).start()
        deadline = time.monotonic() + _START_S
        while port and time.monotonic() < deadline:
            assert process.poll() is None, self._log(key).read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        return process

    def seen(self) -> dict[str, set[tuple[str, str]]]:
        """What each duty called so far."""
        with urllib.request.urlopen(f"{self.endpoint}/__calls") as answer:
            rows: list[tuple[str, str, str]] = json.load(answer)
        owners = {key: duty for duty, (key, _) in self.keys.items()}
        found: dict[str, set[tuple[str, str]]] = {}
        for key, action, resource in rows:
            found.setdefault(owners.get(key, key), set()).add((action, resource))
        return found

    def stop(self, process: subprocess.Popen[str]) -> None:
        """End a program as ECS does."""
        process.terminate()
        process.wait(60)

    def _start(self, key: str, argv: list[str], **environ: str) -> subprocess.Popen[str]:
        log = self.ended.enter_context(self._log(key).open("a"))
        process = subprocess.Popen(
            [sys.executable, *argv], cwd=ROOT, env=self._environ(key) | environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        self.ended.callback(_end, process)
        return process

    def _drain(self, key: str, process: subprocess.Popen[str]) -> None:
        """Logs go to standard output: somebody must read them, or the process waits."""
        assert process.stdout is not None
        with self._log(f"{key}-out").open("w") as log:
            shutil.copyfileobj(process.stdout, log)

    def _log(self, key: str) -> Path:
        return self.folder / f"{key}.log"

    def _environ(self, duty: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        key, secret = self.keys.get(duty) or self._make_key(duty)
        return {**kept, **self.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "MOORAGE_DUTY": duty}

    def _make_key(self, duty: str) -> tuple[str, str]:
        """An access key by which the duty's calls are known. The emulator takes no key that it did not make."""
        iam = self.client("iam")
        iam.create_user(UserName=duty)
        made = iam.create_access_key(UserName=duty)["AccessKey"]
        self.keys[duty] = made["AccessKeyId"], made["SecretAccessKey"]
        return self.keys[duty]


@contextlib.contextmanager
def recording_emulator(folder: Path) -> Iterator[str]:
    """The address of an emulator that keeps account."""
    argv = [sys.executable, "-m", "tests.infra.permissions.recorder", "--data", str(folder)]
    folder.mkdir()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        yield f"http://127.0.0.1:{json.loads(line)['port']}"
    finally:
        _end(process)


@contextlib.contextmanager
def deployment(applied: Applied, endpoint: str, folder: Path) -> Iterator[Stack]:
    """The registry's, the console's and the authorizer's functions behind API Gateway, and the upload service."""
    folder.mkdir()
    with contextlib.ExitStack() as ended:
        front, uploads = free_port(), free_port()
        stack = Stack(endpoint, _environ(applied, endpoint, front, uploads), ended, folder)
        for queue in ("scan-jobs", "manifest-events"):
            stack.client("sqs").create_queue(QueueName=f"{applied.name}-{queue}")
        stack.invoke("provision")
        stack.ports |= {duty: stack.start_function(duty) for duty in DOORS}
        stack.start_front(front, stack.ports, stack.environ["MOORAGE_PUBLIC_URL"])
        stack.start_program("uploads", ["-m", "upload_service"], uploads, MOORAGE_UPLOAD_PORT=str(uploads))
        yield stack


def _environ(applied: Applied, endpoint: str, front: int, uploads: int) -> dict[str, str]:
    public = f"http://127.0.0.1:{front}"
    queue = f"{endpoint}/000000000000/{applied.name}-scan-jobs"
    secrets: Mapping[str, str] = {
        "MOORAGE_TOKEN_KEYS_SECRET": "token-keys", "MOORAGE_REGISTRY_KEYS_SECRET": "registry-keys",
        "MOORAGE_IDENTITY_SECRET": "identity", "MOORAGE_ADMIN_SECRET": "admin-password",
    }  # fmt: skip
    return {
        **{name: f"{applied.name}/{value}" for name, value in secrets.items()},
        "MOORAGE_TABLE": applied.name, "MOORAGE_BUCKET": applied.bucket, "MOORAGE_PUBLIC_URL": public,
        "MOORAGE_UPLOAD_URL": f"http://127.0.0.1:{uploads}", "MOORAGE_SCAN_JOBS_URL": queue,
        "MOORAGE_S3_PUBLIC_URL": endpoint.replace("127.0.0.1", "localhost"), "MOORAGE_UPSTREAM_REACH": "local",
        "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }  # fmt: skip


def _end(process: subprocess.Popen[str]) -> None:
    """A lifeline first; programs of our own also take SIGTERM."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
