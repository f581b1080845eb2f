"""Runs MiniStack's Lambda functions as apart from this machine as AWS runs them: their own Python, nothing else's packages.

MiniStack starts functions with the Python and the whole environment that itself has, so that a package missing in the zip, or a
variable missing in Terraform, goes unnoticed until AWS.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import Any

from localstack.launch import StartError

RUNTIME = (3, 13)
_NAME = f"python{RUNTIME[0]}.{RUNTIME[1]}"
_LAMBDA_HAS = {"LANG": "en_US.UTF-8", "TZ": ":UTC"}
_KEPT = ("PATH", "TMPDIR")


def isolate(lambda_runtime: Any, python: Path) -> None:
    """Make MiniStack's module start functions with this Python and with what Terraform gives them."""
    lambda_runtime._detect_runtime_binary = lambda _runtime: (str(python), lambda_runtime._PYTHON_WORKER_SCRIPT)
    lambda_runtime.subprocess = Processes(os.environ.copy())


class Processes:
    """The module `subprocess`, whose children do not see what this process was started with."""

    def __init__(self, hidden: Mapping[str, str]) -> None:
        self._hidden = hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(  # noqa: N802 - the name that MiniStack calls
        self, command: Sequence[str], *, env: Mapping[str, str], **more: Any
    ) -> subprocess.Popen[str]:
        """Start a function's process. -I: no PYTHON* variables, no user's packages; -S: no installed packages at all."""
        return subprocess.Popen([command[0], "-I", "-S", *command[1:]], env=visible(env, self._hidden), **more)


def visible(environment: Mapping[str, str], hidden: Mapping[str, str]) -> dict[str, str]:
    """What a function sees: what was added or changed for it, and what every function on Lambda has."""
    own = {name: value for name, value in environment.items() if name in _KEPT or hidden.get(name) != value}
    return {**_LAMBDA_HAS, **own}


def function_python() -> Path:
    """The Python that Lambda has, without a virtual environment around it. Raises `StartError`."""
    if sys.version_info[:2] == RUNTIME:
        return Path(getattr(sys, "_base_executable", sys.executable))
    homes = sorted(Path.home().glob(f".pyenv/versions/{RUNTIME[0]}.{RUNTIME[1]}*/bin/{_NAME}"))
    for candidate in (which(_NAME), *homes):
        found = _base_of(candidate) if candidate else None
        if found is not None:
            return found
    raise StartError(
        f"{_NAME} is needed, since that is what Lambda runs; install it, for example with your package manager."
    )


def _base_of(python: str | Path) -> Path | None:
    asked = [str(python), "-c", "import sys; print(sys._base_executable)"]
    try:
        answered = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(answered.stdout.strip())
