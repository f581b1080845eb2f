"""Finds AWS's runtime client among the installed packages and puts it into a folder where nothing else is."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

_PACKAGES = ("awslambdaric", "snapshot-restore-py", "simplejson")


def base_python() -> Path:
    """The Python that this one was made from, without its packages."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def collect(folder: Path) -> Path:
    """Link the runtime client and what it needs into `folder`. Idempotent. Raises `PackageNotFoundError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in _PACKAGES:
        distribution = metadata.distribution(package)
        names = {Path(file).parts[0] for file in distribution.files or () if file.suffix in (".py", ".so", ".pyd")}
        for name in names - {"..", "__pycache__"}:
            link = folder / name
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(name))))
    return folder
