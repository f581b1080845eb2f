"""One process of a function: started with the function's packages and variables only, asked, stopped when it is late or done."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .runtime_api import Invocation, Outcome, RuntimeApi

INIT_S = 30.0
"""How long a function may take to be imported. AWS gives 10 seconds of a faster machine."""
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_ALIVE_S = 0.05
_NOT_ON_LAMBDA = ("LOCALSTACK_", "EDGE_PORT")
_HAS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC"}


class StartFailed(Exception):
    """The function could not be imported, or its process ended before it was ready; `outcome` is what Lambda reports."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.payload.decode(errors="replace"))
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Program:
    """What a process runs: a Python, the runtime client's folder, the unpacked zip, the handler, and the function's variables."""

    python: Path
    runtime: Path
    code: Path
    handler: str
    variables: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        """-I and -S: no variables of Python, no installed packages. -B: the code's folder is read-only on Lambda."""
        return [str(self.python), "-I", "-S", "-B", str(_BOOTSTRAP), str(self.runtime), str(self.code), self.handler]

    def environment(self, api: str, temporary: str) -> dict[str, str]:
        """Everything the process sees."""
        own = {name: value for name, value in self.variables.items() if not name.startswith(_NOT_ON_LAMBDA)}
        runtime = {"AWS_LAMBDA_RUNTIME_API": api, "LAMBDA_TASK_ROOT": str(self.code), "TMPDIR": temporary}
        return {**_HAS, **own, **runtime, "_HANDLER": self.handler, "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}


class Worker:
    """A running process. Not safe for threads: Lambda gives a process one invocation at a time."""

    def __init__(self, program: Program) -> None:
        """Start it and wait until it asks for work. Raises `StartFailed`."""
        self._program = program
        self._api = RuntimeApi()
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name, "log")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                program.command,
                cwd=program.code,
                env=program.environment(self._api.address, self._folder.name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def invoke(self, invocation: Invocation, timeout_s: float) -> Outcome | None:
        """Ask, and give what became of it. A process that is late is stopped. None: it died before it took the invocation."""
        self._api.offer(invocation)
        while True:
            with contextlib.suppress(queue.Empty):
                return self._api.outcomes.get(timeout=_ALIVE_S)
            if not self.is_alive:
                with contextlib.suppress(queue.Empty):
                    return self._api.outcomes.get_nowait()
                return self._ended(invocation) if self._api.is_taken.is_set() else None
            if time.monotonic() > invocation.deadline:
                self.stop()
                message = f"RequestId: {invocation.request_id} Error: Task timed out after {timeout_s:.2f} seconds"
                return Outcome.failure("Sandbox.Timedout", message)

    def take_log(self) -> str:
        """What it printed since the last time. It prints to a file, so nothing printed before an answer can come after it."""
        if not self._log.exists():
            return ""
        text = self._log.read_text(errors="replace")
        os.truncate(self._log, 0)
        return text

    def stop(self) -> None:
        """End it and what it started; a second call does nothing."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Stop it and give back what it held; its log is gone then."""
        self.stop()
        self._api.close()
        self._folder.cleanup()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + INIT_S
        while not self._api.is_ready.wait(_ALIVE_S):
            if not self._api.outcomes.empty():
                self._fail(self._api.outcomes.get())
            if not self.is_alive:
                said = self.take_log()[-2000:]
                self._fail(Outcome.failure("Runtime.ExitError", f"Error: Runtime exited {self._exit()}: {said}"))
            if time.monotonic() > deadline:
                late = f"Error: the function was not imported within {INIT_S:.0f} seconds"
                self._fail(Outcome.failure("Sandbox.Timedout", late))

    def _fail(self, outcome: Outcome) -> None:
        self.close()
        raise StartFailed(outcome)

    def _ended(self, invocation: Invocation) -> Outcome:
        return Outcome.failure(
            "Runtime.ExitError", f"RequestId: {invocation.request_id} Error: Runtime exited {self._exit()}"
        )

    def _exit(self) -> str:
        code = self._process.wait()
        return f"with error: signal: {signal.Signals(-code).name}" if code < 0 else f"with error: exit status {code}"
