"""The edge of a deployment on LocalStack, as a process of its own: `python -m localstack.community.edge`.

Standard output carries one line of JSON, `{"port", "pid"}`, when it serves.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from pathlib import Path

from localstack.asgi import Receive, Scope, Send
from localstack.community.rest_front import CommunityFront
from localstack.edge import Edge
from localstack.server import Server


class _Application:
    """The edge, with the greeting that ASGI servers want."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's start and end."""
        if scope["type"] == "http":
            await self._edge(scope, receive, send)
        elif scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})


def main() -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m localstack.community.edge", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="address of LocalStack")
    parser.add_argument("--names", type=Path, required=True, help="file that says which API a stage belongs to")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one")
    options = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    ready = json.dumps({"port": listening.getsockname()[1], "pid": os.getpid()})
    application = _Application(Edge(CommunityFront(options.endpoint), options.names))
    Server(application, [listening], lambda: print(ready, flush=True)).serve_until_stopped()
    return 0


if __name__ == "__main__":
    sys.exit(main())
