"""The real upload service as a process, and a client that can misbehave."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.config import Settings
from tests.conftest import free_port, wait_for_port


class Service:
    """One process; it may die and come back on its port."""

    def __init__(self, environ: dict[str, str], log: Path, *, port: int = 0) -> None:
        self.port = port or free_port()
        self._environ = {**os.environ, **environ, "MOORAGE_UPLOAD_PORT": str(self.port)}
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as output:
            command = [sys.executable, "-m", "upload_service"]
            self.process = subprocess.Popen(command, env=self._environ, stdout=output, stderr=subprocess.STDOUT)
        wait_for_port(self.port, self.process, self._log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.start()

    def memory_mib(self, field: str = "VmRSS") -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise AssertionError(field)

    def log(self) -> str:
        return self._log.read_text()

    def send(
        self, method: str, url: str, body: bytes | Iterable[bytes] = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own; an iterable body is sent chunked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target(url), body, named)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def begin(self, method: str, url: str, length: int, sent: bytes = b"") -> socket.socket:
        """Send the head and some bytes of a body, and leave it at that."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.sendall(f"{method} {target(url)} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        client.sendall(sent)
        return client

    def raw(self, sent: bytes) -> socket.socket:
        """Send bytes as they are."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.sendall(sent)
        return client

    def offset(self, url: str) -> int:
        """How much the service says has arrived (0 and 1 look the same)."""
        status, headers, _ = self.send("GET", url)
        assert status == 204
        last = int(headers["range"].removeprefix("0-"))
        return last + 1 if last else 0

    def settled(self, url: str, offset: int) -> bool:
        """Wait a moment for what a hang-up leaves behind."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.offset(url) == offset:
                return True
            time.sleep(0.05)
        return False


def target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def environ_of(settings: Settings) -> dict[str, str]:
    """Settings as another process reads them."""
    return {
        "AWS_ENDPOINT_URL": settings.s3_endpoint_url,
        "MOORAGE_TABLE": settings.table,
        "MOORAGE_BUCKET": settings.bucket,
        "MOORAGE_PUBLIC_URL": settings.public_url,
    }
