"""containerd through `ctr`: its own resolver, and Docker 29's way of pushing."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.clients.client import PUBLIC, IndexClient
from tests.clients.commands import Done, run
from tests.clients.images import Image, Index, write_layout_archive
from tests.clients.stored import Pulled, from_layout, layout_contents
from tests.running import Running


class Ctr(IndexClient):
    """Each push and each pull has a namespace of its own, and namespaces share no content."""

    program = "ctr"

    def __init__(self, registry: Running, home: Path, address: str) -> None:
        super().__init__(registry, home)
        self._address = address
        self._account: tuple[str, ...] = ()
        self._namespaces: dict[Path, str] = {}

    def try_log_in(self, user: str, password: str) -> Done:
        """ctr keeps no accounts: remember this one, and show it to the token service by fetching a public image."""
        self._account = ("--user", f"{user}:{password}")
        return self.ctr(_new_name(), "content", "fetch", "--plain-http", *self._account, self.full(PUBLIC))

    def try_push(self, image: Image, reference: str) -> Done:
        return self.push_from(_new_name(), image, reference)

    def push_from(self, namespace: str, what: Image | Index, reference: str) -> Done:
        """Import into a namespace and push from it, all platforms."""
        name = self.full(reference)
        archive = write_layout_archive(self.new_folder() / "image.tar", what, name)
        self.ctr(namespace, "images", "import", "--all-platforms", "--no-unpack", archive).expect_success()
        return self.ctr(namespace, "images", "push", "--plain-http", *self._account, name)

    def try_pull(self, reference: str, folder: Path, *options: str) -> Done:
        namespace = self._namespaces[folder] = _new_name()
        plain = ("--plain-http", "--snapshotter", "native", *self._account)
        return self.ctr(namespace, "images", "pull", *plain, *options, self.full(reference))

    def pulled(self, reference: str, folder: Path) -> Pulled:
        return from_layout(self._export(reference, folder))

    def push_index(self, index: Index, reference: str) -> None:
        self.push_from(_new_name(), index, reference).expect_success()

    def pull_index(self, reference: str) -> dict[str, bytes]:
        folder = self.new_folder()
        self.try_pull(reference, folder, "--all-platforms").expect_success()
        return layout_contents(self._export(reference, folder, "--all-platforms"))

    def copy(self, source: str, target: str) -> Done:
        """Pull, tag and push: with the label of where it came from, it asks for mounts."""
        namespace, plain = _new_name(), ("--plain-http", *self._account)
        self.ctr(namespace, "content", "fetch", *plain, self.full(source)).expect_success()
        self.ctr(namespace, "images", "tag", self.full(source), self.full(target)).expect_success()
        return self.ctr(namespace, "images", "push", *plain, self.full(target))

    def ctr(self, namespace: str, *command: str | Path) -> Done:
        """Run ctr in a namespace."""
        return self.run("--address", self._address, "--namespace", namespace, *command)

    def _export(self, reference: str, folder: Path, *options: str) -> Path:
        archive = folder / "image.tar"
        namespace = self._namespaces[folder]
        self.ctr(namespace, "images", "export", *options, archive, self.full(reference)).expect_success()
        # Debian 12's Python 3.11.2 has no filters for extraction, and newer ones want one: tar has no opinion.
        run(["tar", "-xf", archive, "-C", folder], {}).expect_success()
        return folder


def _new_name() -> str:
    return f"n{secrets.token_hex(6)}"
