"""An X-Ray daemon: a UDP socket whose datagrams are parsed and held against the description of segment documents.

Source: AWS X-Ray developer guide, "Sending segment documents to the X-Ray daemon", "AWS X-Ray segment documents".
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from typing import Any

_COMMON = {"id", "name", "start_time", "end_time"}
_NAME = re.compile(r"[\w\s.:/%&#=+\\@-]{1,200}")
_ANNOTATION = re.compile(r"[A-Za-z0-9_]{1,500}")


class Daemon:
    """Listens until it is closed."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._taken: list[bytes] = []
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def datagrams(self) -> list[bytes]:
        """What came since the last time: sending is done when the request is over, so nothing is waited for."""
        self._read()
        found, self._taken = self._taken, []
        return found

    def listen(self, is_over: threading.Event) -> None:
        """Read until something is over, on a thread: a socket keeps a hundred datagrams or so, and drops the rest."""
        while not is_over.wait(0.01):
            self._read()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._taken.append(self._socket.recv(65536))

    def documents(self) -> list[dict[str, Any]]:
        """The same, parsed and checked."""
        return [parsed(datagram) for datagram in self.datagrams()]


def parsed(datagram: bytes) -> dict[str, Any]:
    """Parse a datagram. Fails when X-Ray would refuse the document."""
    header, _, body = datagram.partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    assert len(body) <= 64 * 1024
    document: dict[str, Any] = json.loads(body)
    assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", document["trace_id"])
    if document.get("type") == "subsegment":
        assert re.fullmatch(r"[0-9a-f]{16}", document["parent_id"]), "a subsegment that is sent alone needs a parent"
    _check(document, float("-inf"), float("inf"))
    return document


def _check(document: dict[str, Any], earliest: float, latest: float) -> None:
    assert set(document) >= _COMMON, document
    assert re.fullmatch(r"[0-9a-f]{16}", document["id"])
    assert _NAME.fullmatch(document["name"])
    assert not document.get("in_progress")
    assert earliest - 0.001 <= document["start_time"] <= document["end_time"] <= latest + 0.001
    assert document.get("namespace", "local") in ("aws", "remote", "local")
    for name, value in document.get("annotations", {}).items():
        assert _ANNOTATION.fullmatch(name)
        assert isinstance(value, (str, int, float, bool))
    for inner in document.get("subsegments", ()):
        _check(inner, document["start_time"], document["end_time"])
