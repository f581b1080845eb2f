"""Moorage's handler behind the API Gateway adapter, as a process: `python -m bench.gateway --port N`. Settings come from the
environment. With `--provision` it only makes the table, the bucket, the keys and the user `admin`, and ends."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time

import app
from bench.client import ADMIN_PASSWORD
from chalicelib import bootstrap
from chalicelib.config import Settings
from localstack.gateway import Gateway
from localstack.server import Server


def main() -> int:
    options = _options()
    settings = Settings.from_environ(os.environ)
    if options.provision:
        bootstrap.provision(settings, ADMIN_PASSWORD, now=int(time.time()))
        return 0
    listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    gateway = Gateway(app.app, authorize=app.authorize, public_url=settings.public_url, service=settings.service)
    Server(gateway, [listening], lambda: None).serve_until_stopped()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--provision", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
