"""The upload service of a deployment as a process of its own, kept running as ECS keeps a task running."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from localstack.launch import ROOT, StartError

_START_S = 30


class UploadProcess:
    """A process that is started again when it ended by itself."""

    def __init__(self, environment: Mapping[str, str], port: int, log: Path) -> None:
        self._environment, self._port, self._log = environment, port, log
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process's id, of the one that runs now."""
        return self._process.pid

    def restart_if_ended(self) -> bool:
        """Start it again when it is gone; says whether it was."""
        if self._process.poll() is None:
            return False
        self._process = self._start()
        return True

    def wait_until_it_serves(self) -> None:
        """Raises `StartError`."""
        deadline = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise StartError(f"The upload service did not start; {self._log} says why.")

    def stop(self) -> None:
        """Let it finish what it has, and end it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=35)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "upload_service"],
                cwd=ROOT,
                env={**self._environment, "MOORAGE_UPLOAD_PORT": str(self._port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
