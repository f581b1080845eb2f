"""The programs that the benchmark runs: its own Go tools, built on the spot, and the peers, found on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent


@dataclass(frozen=True)
class Tools:
    """Paths of the three Go programs under bench/."""

    fakes3: Path
    countproxy: Path
    load: Path


def build_tools(folder: Path) -> Tools:
    """Build the Go tools into `folder`. Needs Go 1.22 or newer and no network: they use the standard library only."""
    if shutil.which("go") is None:
        raise BenchError(
            "The benchmark needs Go 1.22 or newer on PATH: its S3 endpoint and its load generator are Go programs."
        )
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "GOFLAGS": "-buildvcs=false -mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    built = subprocess.run(
        ["go", "build", "-o", f"{folder}/", "./fakes3", "./countproxy", "./load"],
        cwd=HERE,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if built.returncode:
        raise BenchError(f"The Go tools under bench/ did not build: {built.stderr.strip()}")
    return Tools(folder / "fakes3", folder / "countproxy", folder / "load")


def find_program(*names: str) -> Path | None:
    """The first of these programs on PATH or in .clients/bin/."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=str(PROJECT / ".clients" / "bin"))
        if found:
            return Path(found)
    return None


def version(program: Path) -> str:
    """What the program says about its version; the last word of `--version`."""
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    return (asked.stdout or asked.stderr).split()[-1] if (asked.stdout or asked.stderr).split() else "unknown"
