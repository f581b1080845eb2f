"""A whole Moorage for tests: the embedded stack in a process of its own, or one that is already running.

`MOORAGE_TEST_REGISTRY=url,user,password` names a running registry; otherwise `python -m localstack.run` is started with
its own data folder, random ports and a random administrator's password.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / ".clients" / "bin"
_START_S = 120
_STOP_S = 60


class StackError(AssertionError):
    """The stack did not start or did not live; the message ends with its log."""


@dataclass(frozen=True)
class Running:
    """A registry that answers, and the account of its administrator."""

    url: str
    user: str
    password: str = field(repr=False)
    s3_url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    log: Path | None = None

    @property
    def host(self) -> str:
        """`host:port`, as image references begin."""
        return urlsplit(self.url).netloc

    def assert_alive(self) -> None:
        """Fail with the server's log when its process is gone."""
        if self.process is not None and self.process.poll() is not None:
            raise StackError(f"the registry ended with {self.process.returncode}:\n{tail(self.log)}")


def tail(log: Path | None, size: int = 6000) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-size:] if log and log.exists() else "(no log)"


@contextlib.contextmanager
def running_registry(folder: Path, environ: Mapping[str, str] = {}) -> Iterator[Running]:
    """A registry for the length of the block. `folder` takes its data and its log."""
    named = os.environ.get("MOORAGE_TEST_REGISTRY")
    if named:
        url, user, password = named.split(",", 2)
        yield Running(url.rstrip("/"), user, password)
        return
    stack = _start(folder, environ)
    try:
        yield stack
        stack.assert_alive()
    finally:
        _stop(stack)


def _start(folder: Path, environ: Mapping[str, str]) -> Running:
    password, ready, log = secrets.token_urlsafe(18), folder / "ready.json", folder / "registry.log"
    settings = {"MOORAGE_PORT": "0", "MOORAGE_DATA": str(folder / "data"), "MOORAGE_ADMIN_PASSWORD": password}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "AWS_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "localstack.run", "--ready-file", str(ready)],
            cwd=ROOT,
            env={**inherited, **settings, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_S
    while not ready.exists():
        if process.poll() is not None:
            raise StackError(f"the registry ended with {process.returncode} at its start:\n{tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            raise StackError(f"the registry was not ready after {_START_S} s:\n{tail(log)}")
        time.sleep(0.05)
    told = json.loads(ready.read_text())
    return Running(told["url"].rstrip("/"), told["admin_user"], password, told.get("s3_url", ""), process, log)


def _stop(stack: Running) -> None:
    assert stack.process is not None
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
    try:
        stack.process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        stack.process.kill()
        raise StackError(f"the registry did not stop within {_STOP_S} s:\n{tail(stack.log)}") from None
