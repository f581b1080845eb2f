"""Starts and stops the emulator's process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class StartError(Exception):
    """Something a person can put right kept us from starting; the message is one sentence for them."""


class Emulator:
    """A running emulator. Stops when `stop` is called, when the `with` block ends, or when this process is gone."""

    def __init__(self, process: subprocess.Popen[str], port: int, edge_port: int = 0) -> None:
        self._process = process
        self.port = port
        self.edge_port = edge_port

    @classmethod
    def start(
        cls,
        data: Path,
        *,
        port: int = 0,
        snapshot_s: float = 2.0,
        keep_open: Sequence[int] = (),
        more: Sequence[str] = (),
    ) -> Self:
        """Start one that keeps its state in `data` and wait until it serves. Raises `StartError`.

        `keep_open` are descriptors it holds for as long as it lives: the lock of the data folder. `more` are further options.
        """
        data.mkdir(parents=True, exist_ok=True)
        options = ("--data", str(data), "--port", str(port), "--snapshot-seconds", str(snapshot_s), *more)
        process = subprocess.Popen(
            [sys.executable, "-m", "localstack.emulator", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_clean_environment(),
            pass_fds=keep_open,
            # Ctrl-C in a terminal must reach the gateway first: it stops us when the last request is answered.
            start_new_session=True,
        )
        told = _announced(process, timeout_s=60)
        return cls(process, told["port"], told.get("edge_port", 0))

    @property
    def url(self) -> str:
        """The AWS endpoint for this machine's own calls."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def public_s3_url(self) -> str:
        """The endpoint for presigned URLs: another host name than the registry's, so that clients drop Authorization."""
        return f"http://localhost:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it still serves."""
        return self._process.poll() is None

    def environment(self) -> dict[str, str]:
        """What an AWS SDK and Moorage read from the environment to use this emulator; see `UNWANTED` too."""
        return aws_environment(self.url, self.public_s3_url)

    def wait(self) -> int:
        """Wait until it ends, and give its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Let it save and end; a second call does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def aws_environment(endpoint: str, public_s3: str) -> dict[str, str]:
    """The environment that points Moorage and its SDKs at an emulator, and away from a person's own AWS settings."""
    return {
        **CREDENTIALS,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "MOORAGE_S3_PUBLIC_URL": public_s3,
    }


UNWANTED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""Variables that would lead an SDK elsewhere and must be absent beside `aws_environment`."""


def _clean_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | CREDENTIALS | {"PYTHONUNBUFFERED": "1"}


def _announced(process: subprocess.Popen[str], timeout_s: float) -> dict[str, int]:
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if line:
                told: dict[str, int] = json.loads(line)
                return told
            break
    process.kill()
    process.wait()
    raise StartError("The AWS emulator (MiniStack) did not start; emulator.log in the data folder says why.")
