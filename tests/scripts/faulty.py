"""A proxy before the registry and before S3 that passes everything on, and plays one fault when it is told to."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server")
Play = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """A request, and after `forward` its answer. A fault may change both, or answer without asking."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    is_chunked: bool
    is_s3: bool
    upstream: str
    body_s: float = 0  # how long the body took to come
    status: int = 0
    reply: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""
    length: int | None = None  # what Content-Length says on HEAD

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def answered(self, name: str) -> str:
        return next((value for key, value in self.reply if key.lower() == name), "")

    def set(self, name: str, value: str | None) -> None:
        """Replace a header of the answer, or take it away."""
        self.reply = [(key, old) for key, old in self.reply if key.lower() != name]
        if value is not None:
            self.reply.append((name, value))

    def rename(self, name: str) -> None:
        """Rename a header as a REST API does."""
        value = self.answered(name)
        if value:
            self.set(name, None)
            self.set(f"x-amzn-remapped-{name}", value)

    def refuse(self, status: int, content: bytes = b"<html>no</html>", kind: str = "text/html") -> None:
        """Answer without asking, or instead of what was answered."""
        self.status, self.reply, self.content, self.length = status, [("content-type", kind)], content, None

    def forward(self) -> None:
        """Ask the upstream."""
        place = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", place.netloc)
            for name, value in self.headers:
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body or None)
            response = connection.getresponse()
            self.status, self.content = response.status, response.read()
            self.length = int(response.getheader("Content-Length") or 0)
            self.reply = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
        finally:
            connection.close()


class Proxy:
    """Two ports with TLS: one stands for the registry, one for S3. `play` is the fault in force; None is good health."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        self._contexts = contexts
        self.play: Play | None = None
        self.after: Play | None = None
        self.registry_url = self.s3_url = ""
        self._registry, self._s3 = self._server(is_s3=False), self._server(is_s3=True)
        self.url = f"https://127.0.0.1:{self._registry.server_port}"
        self.blobs = f"https://localhost:{self._s3.server_port}"

    def stop(self) -> None:
        for server in (self._registry, self._s3):
            server.shutdown()
            server.server_close()

    def answer(self, exchange: Exchange) -> None:
        (self.play or Exchange.forward)(exchange)
        if self.after is not None:
            self.after(exchange)
        location = exchange.answered("location")
        if location.startswith(self.s3_url):
            exchange.set("location", self.blobs + location.removeprefix(self.s3_url))

    def _server(self, *, is_s3: bool) -> ThreadingHTTPServer:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                began = time.monotonic()
                try:
                    body = self._body()
                except (ValueError, OSError):
                    self.close_connection = True
                    return
                is_chunked = "Transfer-Encoding" in self.headers
                upstream = proxy.s3_url if is_s3 else proxy.registry_url
                exchange = Exchange(
                    self.command, self.path, list(self.headers.items()), body, is_chunked, is_s3, upstream
                )
                exchange.body_s = time.monotonic() - began
                proxy.answer(exchange)
                self._send(exchange)

            def _body(self) -> bytes:
                if "Transfer-Encoding" not in self.headers:
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = bytearray()
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return bytes(body)

            def _send(self, exchange: Exchange) -> None:
                self.send_response_only(exchange.status)
                for name, value in exchange.reply:
                    self.send_header(name, value)
                is_head = exchange.method == "HEAD"
                length = exchange.length if is_head and exchange.length is not None else len(exchange.content)
                if exchange.status != 204:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                if not is_head:
                    self.wfile.write(exchange.content)

            def log_message(self, *arguments: Any) -> None:
                pass

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.socket = self._contexts[is_s3].wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server
