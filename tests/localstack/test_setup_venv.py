"""`scripts/setup_venv`: its sentences when something is missing, and its speed when nothing is to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from localstack.launch import ROOT

SCRIPT = ROOT / "scripts" / "setup_venv"
TOOLS = ("sh", "cmp", "basename", "sleep", "grep", "tail", "rm", "mkdir", "cp")


def setup(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "lock.txt").touch()
    return subprocess.run(
        ["sh", str(SCRIPT), "lock.txt"],
        check=False,
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_without_python(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or name)
    done = setup(tmp_path, PATH=str(tools), HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("setup: Python 3.11 or newer is needed")


def test_without_the_lock_file(tmp_path: Path) -> None:
    done = subprocess.run(["sh", str(SCRIPT), "no.txt"], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no file no.txt here" in done.stderr


def test_a_second_run_only_compares(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / ".venv" / "installed").mkdir()
    (tmp_path / "lock.txt").write_text("a==1\n")
    (tmp_path / ".venv" / "installed" / "lock.txt").write_text("a==1\n")
    started = time.monotonic()
    done = setup(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 0.5


@pytest.mark.slow
def test_the_package_index_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    done = setup(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_CACHE_DIR="1", PIP_FIND_LINKS="")
    assert done.returncode == 2
    assert "the package index cannot be reached" in done.stderr
    assert not (tmp_path / ".venv" / "installed" / "lock.txt").exists()


@pytest.mark.slow
def test_it_installs_and_remembers(tmp_path: Path) -> None:
    done = setup(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Installing the packages of lock.txt" in done.stdout
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    assert setup(tmp_path).stdout == ""
