"""Child processes that are measured: their CPU time and peak memory from /proc, and a certain end."""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class BenchError(Exception):
    """The benchmark cannot go on; the message is one sentence for the person who started it."""


@dataclass(frozen=True)
class Process:
    """A running child: `name` as the table shows it, `log` where its output goes."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system, by the process and its living children."""
        return sum(_cpu_s(pid) for pid in self._tree())

    def reset_peak(self) -> None:
        """Start a new measurement of peak memory (Linux keeps the high-water mark; 5 resets it)."""
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Largest resident size since `reset_peak`, in MB of 2**20 bytes, as the kernel recorded it (not sampled)."""
        return sum(_status_kb(pid, "VmHWM") for pid in self._tree()) / 1024

    def check(self) -> None:
        """Raise when the process died, with the end of what it wrote."""
        if self.popen.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise BenchError(f"{self.name} ended with status {self.popen.returncode}; it wrote:\n{tail}")

    def stop(self) -> None:
        """End the process group, kindly first."""
        for number, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            if self.popen.poll() is not None:
                return
            try:
                os.killpg(self.popen.pid, number)
                self.popen.wait(patience_s)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def _tree(self) -> list[int]:
        pids = [self.popen.pid]
        for pid in pids:
            try:
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except FileNotFoundError:
                continue
        return pids


def start(
    name: str, argv: Sequence[str], log: Path, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Process:
    """Start a child that dies with this process, even if this process is killed."""
    with log.open("ab") as sink:
        popen = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(environ) if environ is not None else None,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (it makes one system call)
        )
    return Process(name, popen, log)


def wait_for_port(process: Process, port: int, patience_s: float = 30) -> None:
    """Return when the child accepts connections."""

    def answers() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _wait(process, answers, patience_s)


def wait_for_address(process: Process, patience_s: float = 10) -> str:
    """The address that one of our Go programs took and printed, as http://host:port."""
    pattern = re.compile(r"listening on (\S+)")
    _wait(process, lambda: bool(pattern.search(process.log.read_text())), patience_s)
    found = pattern.search(process.log.read_text())
    assert found
    return f"http://{found[1]}"


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: Process, ready: Callable[[], bool], patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while not ready():
        process.check()
        if time.monotonic() > end:
            raise BenchError(f"{process.name} did not start within {patience_s:.0f} seconds; see {process.log}")
        select.select([], [], [], 0.05)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _status_kb(pid: int, field: str) -> int:
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) if found else 0
