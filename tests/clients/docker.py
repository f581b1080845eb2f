"""docker, through a daemon."""

from __future__ import annotations

from pathlib import Path

from tests.clients.client import Client
from tests.clients.commands import Done
from tests.clients.images import Image, write_docker_archive
from tests.clients.stored import Pulled, from_docker_archive
from tests.running import Running


class Docker(Client):
    """The classic store of Docker: it compresses layers itself and writes schema 2 manifests."""

    program = "docker"

    def __init__(self, registry: Running, home: Path, daemon: str) -> None:
        super().__init__(registry, home)
        self._daemon = daemon

    @property
    def environ(self) -> dict[str, str]:
        """Its daemon, too."""
        return {**super().environ, "DOCKER_HOST": self._daemon}

    def try_log_in(self, user: str, password: str) -> Done:
        return self.run("login", "--username", user, "--password-stdin", self.registry.host, typed=password)

    def load(self, image: Image, reference: str) -> None:
        """Put an image into the daemon, as `docker build` would."""
        archive = write_docker_archive(self.new_folder() / "image.tar", image, self.full(reference))
        self.run("load", "--input", archive).expect_success()
        archive.unlink()

    def try_push(self, image: Image, reference: str) -> Done:
        self.load(image, reference)
        return self.run("push", self.full(reference))

    def try_pull(self, reference: str, folder: Path) -> Done:
        self.forget()
        return self.run("pull", self.full(reference))

    def pulled(self, reference: str, folder: Path) -> Pulled:
        archive = folder / "image.tar"
        self.run("save", "--output", archive, self.full(reference)).expect_success()
        return from_docker_archive(archive)

    def forget(self) -> None:
        """Remove every image of this registry from the daemon; nothing of anybody else."""
        listed = self.run("images", "--digests", "--format", "{{.Repository}} {{.ID}}").expect_success().output
        ours = {line.split()[1] for line in listed.splitlines() if line.startswith(self.registry.host)}
        if ours:
            self.run("image", "rm", "--force", *sorted(ours)).expect_success()
