"""A base image out of this machine's Python 3.13, for tests of what is built on one where no registry can be reached."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

_ASK = (
    "import json, sys, sysconfig; "
    "print(json.dumps([sys._base_executable, sysconfig.get_path('stdlib'), sysconfig.get_config_var('DESTSHARED')]))"
)
_UNUSED = {
    "test",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "config",
}


def write_base(python: Path, libraries: Iterable[Path], archive: Path) -> None:
    """Write a tar of a root file system with nothing but Python as `python3`, and the system libraries that it and `libraries`
    are linked to. No shell, no package manager, no user beside root."""
    ran = subprocess.run([str(python), "-I", "-c", _ASK], capture_output=True, text=True, check=True)
    executable, stdlib, shared = (Path(one).resolve() for one in json.loads(ran.stdout))
    needed = _linked([executable, *shared.glob("*.so"), *libraries])
    with tarfile.open(archive, "w") as tar:
        tar.add(stdlib, stdlib.as_posix().lstrip("/"), filter=_wanted)
        for file in {executable, *needed}:
            tar.add(file.resolve(), file.as_posix().lstrip("/"), filter=_readable)
        link = tarfile.TarInfo("usr/local/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, executable.as_posix()
        tar.addfile(link)


def import_base(archive: Path, tag: str, environ: dict[str, str]) -> None:
    """Make an image of the tar."""
    docker = shutil.which("docker", path=environ["PATH"]) or "docker"
    argv = [docker, "import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", str(archive), tag]
    subprocess.run(argv, env=environ, capture_output=True, check=True)


def _linked(files: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    for file in files:
        ran = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False)
        found |= {Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", ran.stdout, re.MULTILINE)}
    return found


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _UNUSED & set(Path(entry.name).parts) else _readable(entry)


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755
    return entry
