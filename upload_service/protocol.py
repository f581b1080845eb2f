"""HTTP on the wire: uvicorn's httptools protocol, with bodies handed on as they were read instead of copied twice."""

from __future__ import annotations

from typing import cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BodyProtocol(HttpToolsProtocol):
    """uvicorn gathers a body in a bytearray and makes bytes of it; bytes of one read need neither."""

    def on_body(self, body: bytes) -> None:
        """Take what one read brought of a body."""
        cycle = self.cycle
        if (self.parser.should_upgrade() and self._should_upgrade()) or cycle.response_complete:
            return
        cycle.body = cast(
            "bytearray", cycle.body + body if cycle.body else body
        )  # read, measured and copied, never changed
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()
