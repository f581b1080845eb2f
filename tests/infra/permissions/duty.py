"""A Lambda function as a process: `python -m tests.infra.permissions.duty`, settings and credentials in the environment.

Prints its port, then answers `POST /<handler>?later=<seconds>` with what the handler returns, until its standard input ends. A
handler that raises is a 500 with the exception. `later` moves the clock that entrypoints read, for what schedules find old.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import app


class Invocation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        target = urlsplit(self.path)
        later = int(parse_qs(target.query).get("later", ["0"])[0])
        try:
            status, answer = 200, _invoke(target.path[1:], event, later)
        except Exception as error:
            status, answer = 500, str(error) or type(error).__name__
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _invoke(handler: str, event: Any, later: int) -> Any:
    if later:
        app.time = SimpleNamespace(time=lambda: time.time() + later)  # type: ignore[attr-defined]
    return getattr(app, handler)(event, None)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Invocation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
