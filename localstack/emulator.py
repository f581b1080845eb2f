"""The emulator's process: MiniStack under uvicorn on this machine's loopback, with its state kept on disk.

Started by `localstack.launch`. Standard output carries one line of JSON, `{"port", "pid", "edge_port"}`, when it serves;
standard input is a lifeline: when it ends, the parent is gone, and the emulator saves and stops.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

from localstack import deployed, s3_storage
from localstack.asgi import App
from localstack.s3_front import S3Front
from localstack.server import Server
from localstack.snapshots import Snapshots, damaged


def main() -> int:
    """Serve until the lifeline ends or a signal comes."""
    options = _options()
    broken = list(damaged(options.data / "state"))
    if broken:
        print(f"{broken[0]} is damaged; move it away to start without what it held", file=sys.stderr)
        return 2
    sockets = listen(options.port)
    port = sockets[0].getsockname()[1]
    os.environ.update(ministack_environment(options.data, port))
    edges = listen(options.edge_port, with_ipv6=False) if options.lambda_python else []
    os.environ.update(deployed.environment(options.data) if edges else {})
    logging.basicConfig(filename=options.data / "emulator.log", filemode="w", level=logging.WARNING)
    _serve(options, sockets, edges)
    return 0


def listen(port: int, *, with_ipv6: bool = True) -> list[socket.socket]:
    """Listen on 127.0.0.1 and, where there is IPv6, on ::1: `localhost` in a presigned URL may mean either."""
    first = socket.create_server(("127.0.0.1", port), backlog=512)
    sockets = [first]
    if not with_ipv6:
        return sockets
    with contextlib.suppress(OSError):
        sockets.append(socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6, backlog=512))
    return sockets


def ministack_environment(data: Path, port: int) -> dict[str, str]:
    """What MiniStack reads from the environment, at import."""
    return {
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data / "s3"),
        "LOG_LEVEL": "WARNING",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # MiniStack removes the containers of other MiniStacks on the Docker daemon that it finds.
        "DOCKER_HOST": f"unix://{data / 'no-docker.sock'}",
    }


def _serve(options: argparse.Namespace, sockets: list[socket.socket], edges: list[socket.socket]) -> None:
    ministack: Any = importlib.import_module("ministack.app")
    persistence: Any = importlib.import_module("ministack.core.persistence")
    s3: Any = importlib.import_module("ministack.services.s3")
    _report_failed_saves()
    s3_storage.keep_large_bodies_on_disk(s3, options.data / "s3-parts")
    save_all, states = persistence.save_all, ministack._build_persistence_save_dict
    snapshots = Snapshots(lambda: save_all(states()), options.snapshot_seconds)
    front: App = S3Front(ministack.app, s3, snapshots)
    ready: dict[str, int] = {"port": sockets[0].getsockname()[1], "pid": os.getpid()}
    if edges:
        ready["edge_port"] = edges[0].getsockname()[1]
        front = deployed.Account(front, options.data, ready["edge_port"], options.lambda_python)
    server = Server(front, [*sockets, *edges], lambda: print(json.dumps(ready), flush=True))
    server.serve_until_stopped(snapshots.keep, lambda: _end_with_parent(server))


async def _end_with_parent(server: Server) -> None:
    """Stop when standard input ends: it does when the parent closes it, and when the parent dies."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(0, ended.set)
    await ended.wait()
    loop.remove_reader(0)
    server.stop()


def _report_failed_saves() -> None:
    """MiniStack only logs that it could not save, for example on a full disk; a person must see it."""
    told = logging.StreamHandler(sys.stderr)
    told.setLevel(logging.ERROR)
    told.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("persistence").addHandler(told)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localstack.emulator", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the state")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one")
    parser.add_argument("--lambda-python", type=Path, help="be an account to deploy to, with functions on this Python")
    parser.add_argument("--edge-port", type=int, default=0, help="port of that account's APIs; 0 picks a free one")
    parser.add_argument("--snapshot-seconds", type=float, default=2.0, help="least time between two snapshots")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
