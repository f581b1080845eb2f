"""The Lambda Runtime API for one process of a function, on loopback: it hands out invocations and takes what became of them.

Source: AWS, "Using the Lambda runtime API for custom runtimes" (version 2018-06-01).
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESPONSE_BYTES = 6 * 1024 * 1024 + 100
"""The longest answer of a synchronous invocation. Source: AWS, "Lambda quotas"."""
_RUNTIME = "/2018-06-01/runtime"
_WAIT_S = 0.5
_STOP_S = 0.1


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function is asked. `deadline` is a monotonic time."""

    request_id: str
    arn: str
    payload: bytes
    trace_id: str
    deadline: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an invocation, or of a start that failed: JSON."""

    payload: bytes
    is_error: bool = False

    @classmethod
    def failure(cls, kind: str, message: str) -> Outcome:
        """An error that Lambda itself reports, not the function."""
        return cls(json.dumps({"errorMessage": message, "errorType": kind}).encode(), is_error=True)


class RuntimeApi:
    """Serves one process from its start to its end. `is_ready` is set when it asked for its first invocation."""

    def __init__(self) -> None:
        self.is_ready = threading.Event()
        self.is_taken = threading.Event()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self._invocations: queue.Queue[Invocation] = queue.Queue()
        self._is_closed = threading.Event()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(_STOP_S,), daemon=True).start()

    @property
    def address(self) -> str:
        """For AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def offer(self, invocation: Invocation) -> None:
        """Have it handed out; `is_taken` tells when, and `outcomes` gets what became of it."""
        self.is_taken.clear()
        self._invocations.put(invocation)

    def close(self) -> None:
        """Serve no longer."""
        self._is_closed.set()
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Invocation | None:
        """Wait for the next invocation; None when there will be none."""
        self.is_ready.set()
        while not self._is_closed.is_set():
            with contextlib.suppress(queue.Empty):
                invocation = self._invocations.get(timeout=_WAIT_S)
                self.is_taken.set()
                return invocation
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a process that was killed leaves a broken connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        invocation = self.server.api.next() if self.path == f"{_RUNTIME}/invocation/next" else None
        if invocation is None:
            self._answer(404, b"{}")
            return
        left_s = invocation.deadline - time.monotonic()
        self._answer(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(1000 * (time.time() + left_s))),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        if not self.path.endswith("/response"):
            self.server.api.outcomes.put(Outcome(body, is_error=True))
            self._answer(202, b'{"status":"OK"}')
        elif len(body) <= RESPONSE_BYTES:
            self.server.api.outcomes.put(Outcome(body))
            self._answer(202, b'{"status":"OK"}')
        else:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
            refused = Outcome.failure("Function.ResponseSizeTooLarge", message)
            self.server.api.outcomes.put(refused)
            self._answer(413, refused.payload)

    def _body(self) -> bytes:
        """The request's body; the runtime client sends long ones in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: LocalStack logs every invocation already."""
