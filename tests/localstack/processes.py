"""Starting, watching and stopping the processes of the local stack, as several tests here do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from localstack.launch import ROOT

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


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_for(happened: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
