"""Waiting for processes, as several tests here do."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil


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
