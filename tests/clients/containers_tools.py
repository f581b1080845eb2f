"""skopeo, podman and buildah: three programs over the library containers/image."""

from __future__ import annotations

from pathlib import Path

from tests.clients.client import Client, IndexClient
from tests.clients.commands import Done
from tests.clients.images import Image, Index, write_layout
from tests.clients.stored import Pulled, from_layout, layout_contents
from tests.running import Running


class ContainersTool(Client):
    """What the three have in common."""

    def __init__(self, registry: Running, home: Path) -> None:
        super().__init__(registry, home)
        settings = f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/storage"\nrunroot = "{home}/running"\n'
        (home / "storage.conf").write_text(settings)
        (home / "auth.json").write_text("{}")

    @property
    def environ(self) -> dict[str, str]:
        """Accounts and images stay inside `home`."""
        return {
            **super().environ,
            "REGISTRY_AUTH_FILE": str(self.home / "auth.json"),
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
        }

    def try_log_in(self, user: str, password: str) -> Done:
        account = ("--username", user, "--password-stdin", self.registry.host)
        return self.run("login", "--tls-verify=false", *account, typed=password)


class Skopeo(ContainersTool, IndexClient):
    """Copies between registries and layouts without storing."""

    program = "skopeo"

    def try_push(self, image: Image, reference: str) -> Done:
        return self._push(image, reference)

    def try_pull(self, reference: str, folder: Path) -> Done:
        return self.copy(f"docker://{self.full(reference)}", f"oci:{folder}:latest")

    def pulled(self, reference: str, folder: Path) -> Pulled:
        return from_layout(folder)

    def push_index(self, index: Index, reference: str) -> None:
        self._push(index, reference, "--all").expect_success()

    def pull_index(self, reference: str) -> dict[str, bytes]:
        folder = self.new_folder()
        self.copy(f"docker://{self.full(reference)}", f"oci:{folder}:latest", "--all").expect_success()
        return layout_contents(folder)

    def copy(self, source: str, target: str, *options: str) -> Done:
        """`skopeo copy`; its --debug says which blobs were mounted."""
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
        return self.run("--debug", "copy", *plain, *options, source, target)

    def _push(self, what: Image | Index, reference: str, *options: str) -> Done:
        folder = write_layout(self.new_folder(), what)
        return self.copy(f"oci:{folder}:latest", f"docker://{self.full(reference)}", *options)


class StoringTool(ContainersTool):
    """podman and buildah: they unpack into a store and compress again when they push."""

    def load(self, image: Image, reference: str) -> None:
        """Put an image into the store."""
        folder = write_layout(self.new_folder(), image)
        image_id = self.run("pull", f"oci:{folder}:latest").expect_success().output.split()[-1]
        self.run("tag", image_id, self.full(reference)).expect_success()

    def try_push(self, image: Image, reference: str) -> Done:
        self.load(image, reference)
        return self.push_again(reference)

    def push_again(self, reference: str) -> Done:
        """Push what is in the store."""
        return self.run("push", "--tls-verify=false", self.full(reference), f"docker://{self.full(reference)}")

    def try_pull(self, reference: str, folder: Path) -> Done:
        self.run("rmi", "--all", "--force")
        return self.run("pull", "--tls-verify=false", f"docker://{self.full(reference)}")

    def pulled(self, reference: str, folder: Path) -> Pulled:
        self.run("push", self.full(reference), f"oci:{folder}:latest").expect_success()
        return Pulled(None, from_layout(folder).diff_ids)


class Podman(StoringTool):
    """podman."""

    program = "podman"


class Buildah(StoringTool):
    """buildah."""

    program = "buildah"
