"""`make run`: the whole registry on this machine, with its data in one folder. Ctrl-C stops it and keeps the data."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstack.folder import DataFolder, write_private
from localstack.launch import Emulator, StartError, aws_environment

HOST = "127.0.0.1"
"""Clients get presigned URLs on `localhost`: another name, so that they do not send their token there."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for, by environment and command line."""

    port: int
    data: Path
    public_url: str
    admin_password: str | None
    aws_endpoint: str
    access_log: bool
    ready_file: Path | None


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2 and one sentence when a person must put something right first."""
    try:
        return run(wishes(arguments))
    except StartError as error:
        print(f"moorage: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"moorage: The Python package {error.name} is missing; `make run` installs all of them.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def wishes(arguments: list[str] | None) -> Wishes:
    """Read environment and command line. Raises `StartError`."""
    parser = argparse.ArgumentParser(prog="python -m localstack.run", description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="write addresses and credentials here, as JSON, once it serves")
    parser.add_argument("--access-log", action="store_true", help="print a line for every request")
    options = parser.parse_args(arguments)
    port = os.environ.get("MOORAGE_PORT") or "5000"
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise StartError(f"MOORAGE_PORT must be a port number from 0 to 65535, not {port!r}.")
    return Wishes(
        int(port),
        Path(os.environ.get("MOORAGE_DATA") or ".moorage").absolute(),
        os.environ.get("MOORAGE_PUBLIC_URL", ""),
        os.environ.get("MOORAGE_ADMIN_PASSWORD") or None,
        os.environ.get("MOORAGE_AWS_ENDPOINT_URL", "").rstrip("/"),
        options.access_log,
        options.ready_file,
    )


def run(wanted: Wishes) -> int:
    """Start everything, serve, and stop everything. Raises `StartError`."""
    signal.signal(signal.SIGTERM, _interrupt)
    serve = importlib.import_module("localstack.serve")
    folder = DataFolder(wanted.data)
    listening = listen(wanted.port)
    if wanted.aws_endpoint:
        expect_answer(wanted.aws_endpoint)
        return _serve(serve, wanted, folder, listening, None)
    with Emulator.start(folder.path, keep_open=[folder.lock_descriptor]) as emulator:
        return _serve(serve, wanted, folder, listening, emulator)


def listen(port: int) -> socket.socket:
    """Take the port before anything slow starts. Raises `StartError`."""
    try:
        return socket.create_server((HOST, port), backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = " (on macOS often by AirPlay Receiver)" if port == 5000 else ""
            raise StartError(f"Port {port} is taken{hint}; choose another one with MOORAGE_PORT.") from error
        raise StartError(
            f"Port {port} cannot be used ({error.strerror}); choose another one with MOORAGE_PORT."
        ) from error


def expect_answer(endpoint: str) -> None:
    """Say at once when somebody's own AWS endpoint is not there. Raises `StartError`."""
    try:
        place = urlsplit(endpoint)
        socket.create_connection((place.hostname or "", place.port or 80), timeout=5).close()
    except (OSError, ValueError) as error:
        hint = "start it, or unset MOORAGE_AWS_ENDPOINT_URL for the built-in emulator"
        raise StartError(f"The AWS endpoint {endpoint} does not answer; {hint}.") from error


def _serve(serve: Any, wanted: Wishes, folder: DataFolder, listening: socket.socket, emulator: Emulator | None) -> int:
    endpoint = wanted.aws_endpoint or emulator.url if emulator else wanted.aws_endpoint
    s3_url = endpoint.replace("//127.0.0.1", "//localhost")
    url = wanted.public_url or f"http://{HOST}:{listening.getsockname()[1]}"
    environment = aws_environment(endpoint, s3_url) | {"MOORAGE_PUBLIC_URL": url, "MOORAGE_UPSTREAM_REACH": "local"}
    settings, admin = serve.prepare(environment, folder, wanted.admin_password)

    def on_ready() -> None:
        print(welcome(url, admin, folder, wanted), flush=True)
        if wanted.ready_file is not None:
            facts = {"url": url, "admin_user": "admin", "admin_password": admin.password, "s3_url": s3_url}
            facts |= {"pid": os.getpid(), "emulator_pid": emulator.pid if emulator else None}
            write_private(wanted.ready_file, json.dumps(facts))

    server = serve.server(settings, listening, on_ready, _print_line if wanted.access_log else None)
    lost = _watch(emulator, server.stop) if emulator else threading.Event()
    server.serve_until_stopped(serve.sweep_hourly)
    if lost.is_set():
        print(
            "moorage: The AWS emulator ended by itself; emulator.log in the data folder may say why.", file=sys.stderr
        )
        return 1
    print(f"\nStopped. Your data is in {_shown(folder.path)}.", flush=True)
    return 0


def welcome(url: str, admin: Any, folder: DataFolder, wanted: Wishes) -> str:
    """What a person needs to begin: address, name, password, and commands to paste."""
    registry = url.partition("//")[2]
    kept = _shown(folder.password_file)
    if wanted.admin_password:
        password, source = "(MOORAGE_ADMIN_PASSWORD)", "printenv MOORAGE_ADMIN_PASSWORD |"
    elif admin.password:
        password, source = f"{admin.password}   (kept in {kept})", f"cat {kept} |"
    else:
        password, source = "(changed since the first run; MOORAGE_ADMIN_PASSWORD sets a new one)", ""
    login = f"{source} docker login {registry} -u admin".strip() + (" --password-stdin" if source else "")
    return f"""
Moorage is ready: {url}

  admin name      admin
  admin password  {password}
  data            {_shown(folder.path)}

Try it:

  {login}
  docker pull busybox
  docker tag busybox {registry}/library/busybox
  docker push {registry}/library/busybox
  docker pull {registry}/library/busybox

Ctrl-C stops it and keeps the data."""


def _watch(emulator: Emulator, stop: Callable[[], None]) -> threading.Event:
    """Stop serving when the emulator is gone: nothing could be answered any more."""
    lost = threading.Event()

    def wait() -> None:
        emulator.wait()
        lost.set()
        stop()

    threading.Thread(target=wait, daemon=True).start()
    return lost


def _shown(path: Path) -> str:
    """A path as a person in this folder would write it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _print_line(line: str) -> None:
    print(line, flush=True)


def _interrupt(*_: object) -> None:
    """Before the server takes signals over, SIGTERM ends us as Ctrl-C does: through every `with` block."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
