"""Runs a client's command line and keeps what it said."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import CLIENTS

SEARCH_PATH = f"{CLIENTS}{os.pathsep}{os.environ.get('PATH', '')}"
_REMEDY = {**dict.fromkeys(("crane", "oras", "regctl", "conformance"), "run make clients"), "helm": "run make clients-all"}
_KEPT = ("LANG", "TMPDIR", "XDG_RUNTIME_DIR")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    output: str
    command: str

    def expect_success(self) -> Done:
        """Fail with the client's words unless it succeeded."""
        assert self.code == 0, f"$ {self.command}\nended with {self.code}:\n{self.output[-4000:]}"
        return self


def find(program: str) -> str:
    """The path of a client, or skip the test by its name."""
    path = shutil.which(program, path=SEARCH_PATH)
    if path is None:
        pytest.skip(f"{program} is not installed: {_REMEDY.get(program, 'install it with your package manager')}")
    return path


def run(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    typed: str = "",
    timeout_s: float = 300,
    folder: Path | None = None,
) -> Done:
    """Run one command in a clean environment, so that no account and no proxy of this machine takes part."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    program = find(str(command[0]))
    ended = subprocess.run(
        [program, *map(str, command[1:])],
        env={"PATH": SEARCH_PATH, **kept, **environ},
        cwd=folder,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    return Done(ended.returncode, ended.stdout, " ".join(map(str, command)))
