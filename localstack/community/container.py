"""LocalStack as a container, by `localstack/compose.yaml`."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

from localstack.launch import StartError

_COMPOSE = Path(__file__).resolve().parent.parent / "compose.yaml"
_COMMAND = ("docker", "compose", "--file", str(_COMPOSE), "--project-name", "moorage-localstack")
_PULL_S = 600


class Box:
    """A started container."""

    url = "http://127.0.0.1:4566"

    def is_alive(self) -> bool:
        """Whether it runs still."""
        return bool(_run("ps", "--quiet", "--status", "running").stdout.strip())

    def log(self) -> str:
        """The end of what it said."""
        return _run("logs", "--tail", "60").stdout[-6000:]


@functools.cache
def obstacle() -> str:
    """Why there is no container to be had here, in words for a person; empty when there is one."""
    try:
        if subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode:
            return "no Docker engine answers"
        if _run("version").returncode:
            return "docker has no compose plugin"
        if _run("pull", "--quiet").returncode and _run("up", "--no-start", "--pull", "never").returncode:
            return "Docker cannot get the image"
    except FileNotFoundError:
        return "docker is not installed"
    except subprocess.TimeoutExpired:
        return "Docker did not answer in time"
    return ""


@contextlib.contextmanager
def started() -> Iterator[Box]:
    """Start it, and take it away at the end. Raises `StartError`."""
    if obstacle():
        raise StartError(f"LocalStack's container cannot be started: {obstacle()}.")
    try:
        made = _run("up", "--detach")
        if made.returncode:
            raise StartError(f"LocalStack's container cannot be started: {made.stderr.strip()[-2000:]}")
        yield Box()
    finally:
        _run("down", "--volumes", "--timeout", "5")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True, timeout=_PULL_S, check=False)
