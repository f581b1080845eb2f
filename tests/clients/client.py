"""What every client can be asked to do; each one answers with its own program."""

from __future__ import annotations

import abc
import itertools
from pathlib import Path
from typing import ClassVar

from tests.clients.commands import Done, run
from tests.clients.images import Image, Index
from tests.clients.stored import Pulled
from tests.running import Running

# In every registry under test: what anybody, and any right account, may fetch.
PUBLIC = "library/known:latest"


class Client(abc.ABC):
    """One client with a home of its own: accounts, settings and images of one test never meet another's."""

    program: ClassVar[str]

    def __init__(self, registry: Running, home: Path) -> None:
        self.registry = registry
        self.home = home
        self._folders = itertools.count()

    @property
    def environ(self) -> dict[str, str]:
        """The environment that keeps the program inside `home`."""
        return {"HOME": str(self.home), "DOCKER_CONFIG": str(self.home)}

    def run(self, *command: str | Path, typed: str = "", timeout_s: float = 300, folder: Path | None = None) -> Done:
        """Run the program, in a folder if it matters."""
        return run([self.program, *command], self.environ, typed=typed, timeout_s=timeout_s, folder=folder)

    def full(self, reference: str) -> str:
        """`project/repository:tag` with the registry in front."""
        return f"{self.registry.host}/{reference}"

    def new_folder(self) -> Path:
        """A folder for one command's files."""
        folder = self.home / f"files-{next(self._folders)}"
        folder.mkdir()
        return folder

    def log_in(self) -> None:
        """Log in as the administrator."""
        self.try_log_in(self.registry.user, self.registry.password).expect_success()

    @abc.abstractmethod
    def try_log_in(self, user: str, password: str) -> Done:
        """Log in, or say why not."""

    def push(self, image: Image, reference: str) -> None:
        """Push an image under a reference."""
        self.try_push(image, reference).expect_success()

    @abc.abstractmethod
    def try_push(self, image: Image, reference: str) -> Done:
        """Push, or say why not."""

    def pull(self, reference: str) -> Pulled:
        """Pull by tag or digest into an empty store and read what arrived."""
        folder = self.new_folder()
        self.try_pull(reference, folder).expect_success()
        return self.pulled(reference, folder)

    @abc.abstractmethod
    def try_pull(self, reference: str, folder: Path) -> Done:
        """Pull, or say why not. `folder` takes the image if the client writes files."""

    @abc.abstractmethod
    def pulled(self, reference: str, folder: Path) -> Pulled:
        """What the pull brought."""


class IndexClient(Client):
    """A client that copies a whole multi-platform index."""

    @abc.abstractmethod
    def push_index(self, index: Index, reference: str) -> None:
        """Push an index and all it names."""

    @abc.abstractmethod
    def pull_index(self, reference: str) -> dict[str, bytes]:
        """Pull it with all platforms; every document and blob that arrived, by digest, checked."""
