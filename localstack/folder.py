"""The data folder: only its owner may read it, only one stack may use it, and it keeps the admin's first password."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from localstack.launch import StartError

_PATIENCE_S = 30.0


class DataFolder:
    """A folder that this process has to itself until it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _lock(path)

    @property
    def lock_descriptor(self) -> int:
        """For the emulator to hold as well: it writes here a moment longer than we live."""
        return self._lock.fileno()

    @property
    def password_file(self) -> Path:
        """Where a generated admin password is kept."""
        return self.path / "admin-password"

    def password(self) -> str | None:
        """The admin password that an earlier run generated."""
        return self.password_file.read_text().strip() if self.password_file.is_file() else None

    def keep_password(self, password: str) -> None:
        """Keep a generated password so that its owner, and nobody else, can read it again."""
        write_private(self.password_file, password + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, and that appears at once and whole."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _lock(path: Path) -> IO[str]:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (path / "lock").open("a+")
    except OSError as error:
        raise StartError(f"The data folder {path} cannot be written ({error.strerror}); set MOORAGE_DATA.") from error
    deadline = time.monotonic() + _PATIENCE_S
    while not _try_lock(file):
        if _owner_lives(file) or time.monotonic() > deadline:
            raise StartError(f"Another Moorage is using the data folder {path}; stop it, or set MOORAGE_DATA.")
        time.sleep(0.1)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner_lives(file: IO[str]) -> bool:
    """Whether the stack itself still runs; when it was killed, its emulator ends by itself soon and lets go."""
    file.seek(0)
    text = file.read().strip()
    try:
        os.kill(int(text), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
