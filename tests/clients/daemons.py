"""The two clients that need a server of their own: dockerd and containerd, started in a temporary folder."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.clients.commands import SEARCH_PATH, find, run
from tests.running import tail

_START_S = 60
_STORAGE_DRIVERS = ("overlay2", "vfs")


@contextlib.contextmanager
def dockerd() -> Iterator[str]:
    """A Docker daemon's address: the one of DOCKER_HOST or the machine, else one that we start."""
    find("docker")
    for found in filter(None, (os.environ.get("DOCKER_HOST"), "unix:///var/run/docker.sock")):
        if _docker_answers(found):
            yield found
            return
    _need_root("dockerd")
    with _short_folder() as folder, contextlib.ExitStack() as stack:
        for driver in _STORAGE_DRIVERS:
            address = f"unix://{folder}/docker.sock"
            command: list[str | Path] = [
                find("dockerd"), "--host", address, "--data-root", folder / driver, "--exec-root", folder / "exec",
                "--pidfile", folder / "docker.pid", "--storage-driver", driver,
                "--iptables=false", "--ip6tables=false", "--bridge=none",
            ]  # fmt: skip
            process = _start(command, folder / "dockerd.log")
            if _wait(process, functools.partial(_docker_answers, address)):
                stack.callback(_stop, process)
                yield address
                return
            _stop(process)
        _give_up("dockerd", folder / "dockerd.log")


@contextlib.contextmanager
def containerd() -> Iterator[str]:
    """The socket of a containerd that we start."""
    find("ctr")
    _need_root("containerd")
    with _short_folder() as folder:
        address, config = folder / "containerd.sock", folder / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{address}"\n'
            # Else a layer that another namespace pushed would never be pulled.
            '[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "isolated"\n'
        )
        process = _start([find("containerd"), "--config", config], folder / "containerd.log")
        try:
            if not _wait(process, lambda: run(["ctr", "-a", address, "version"], {}).code == 0):
                _give_up("containerd", folder / "containerd.log")
            yield str(address)
        finally:
            _stop(process)


def _docker_answers(address: str) -> bool:
    return run(["docker", "version", "--format", "{{.Server.Version}}"], {"DOCKER_HOST": address}).code == 0


def _need_root(program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"{program} is not running, and only root can start it")


def _give_up(program: str, log: Path) -> NoReturn:
    """In CI a daemon must start. A person's container may forbid it: they keep the other clients' tests."""
    if os.environ.get("CI"):
        pytest.fail(f"{program} did not start:\n{tail(log)}")
    pytest.skip(f"{program} cannot start here: {tail(log, 300)}")


@contextlib.contextmanager
def _short_folder() -> Iterator[Path]:
    # Unix sockets take 107 characters: pytest's own temporary folders can be longer.
    folder = Path(tempfile.mkdtemp(prefix="moorage-"))
    try:
        yield folder
    finally:
        _unmount_below(folder)
        shutil.rmtree(folder)


def _start(command: list[str | Path], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": SEARCH_PATH},
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        if answers():
            return True
        time.sleep(0.2)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)
