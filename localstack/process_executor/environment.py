"""One execution environment: a process that is started again when it crashed or was late, and the log lines that Lambda adds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from .runtime_api import Invocation, Outcome
from .worker import Program, StartFailed, Worker


@dataclass(frozen=True, slots=True)
class Limits:
    """What Lambda holds a function to, as far as it is held to it here: memory is only told."""

    timeout_s: float
    memory_mb: int
    version: str


class Environment:
    """Runs one function's invocations one after the other."""

    def __init__(self, program: Program, limits: Limits) -> None:
        self._program, self._limits = program, limits
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Import the function. Raises `StartFailed`."""
        with self._lock:
            self._renew()

    def invoke(self, request_id: str, arn: str, payload: bytes, trace_id: str) -> tuple[Outcome, str]:
        """Ask the function; gives what became of it and the log. Never raises for what the function does."""
        started = time.monotonic()
        with self._lock:
            try:
                outcome = self._ask(Invocation(request_id, arn, payload, trace_id, started + self._limits.timeout_s))
            except StartFailed as failed:
                outcome = failed.outcome
            printed = self._worker.take_log() if self._worker else ""
        return outcome, self._log(request_id, printed, outcome, 1000 * (time.monotonic() - started))

    def stop(self) -> None:
        """End the process, also in the midst of an invocation."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.stop()
        with self._lock:
            if self._worker is not None:
                self._worker.close()

    def _ask(self, invocation: Invocation) -> Outcome:
        worker = self._worker if self._worker is not None and self._worker.is_alive else self._renew()
        outcome = worker.invoke(invocation, self._limits.timeout_s)
        if outcome is None and not self._is_stopped:
            # It died of the invocation before, which had its answer: this one is as if nothing had been there.
            outcome = self._renew().invoke(invocation, self._limits.timeout_s)
        return outcome or Outcome.failure(
            "Runtime.ExitError", f"RequestId: {invocation.request_id} Error: Runtime exited"
        )

    def _renew(self) -> Worker:
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._worker = Worker(self._program)
        return self._worker

    def _log(self, request_id: str, printed: str, outcome: Outcome, duration_ms: float) -> str:
        lines = [f"START RequestId: {request_id} Version: {self._limits.version}", *printed.splitlines()]
        if outcome.is_error and b"Task timed out" in outcome.payload:
            lines.append(f"{request_id} Task timed out after {self._limits.timeout_s:.2f} seconds")
        billed = f"Billed Duration: {int(duration_ms) + 1} ms\tMemory Size: {self._limits.memory_mb} MB"
        report = f"Duration: {duration_ms:.2f} ms\t{billed}"
        return "\n".join([*lines, f"END RequestId: {request_id}", f"REPORT RequestId: {request_id}\t{report}", ""])
