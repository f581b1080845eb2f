"""crane, oras and regctl: three libraries that copy exactly what they are given."""

from __future__ import annotations

from pathlib import Path

from tests.clients.client import PUBLIC, IndexClient
from tests.clients.commands import Done
from tests.clients.images import Image, Index, write_layout
from tests.clients.stored import Pulled, from_layout, layout_contents
from tests.running import Running


class LayoutClient(IndexClient):
    """A client that copies between a layout and a registry."""

    def try_push(self, image: Image, reference: str) -> Done:
        return self.copy_in(write_layout(self.new_folder(), image), reference)

    def try_pull(self, reference: str, folder: Path) -> Done:
        return self.copy_out(reference, folder)

    def pulled(self, reference: str, folder: Path) -> Pulled:
        return from_layout(folder)

    def push_index(self, index: Index, reference: str) -> None:
        self.copy_in(write_layout(self.new_folder(), index), reference).expect_success()

    def pull_index(self, reference: str) -> dict[str, bytes]:
        folder = self.new_folder()
        self.copy_out(reference, folder).expect_success()
        return layout_contents(folder)

    def copy_in(self, layout: Path, reference: str) -> Done:
        """Copy a layout's one entry into the registry."""
        raise NotImplementedError

    def copy_out(self, reference: str, layout: Path) -> Done:
        """Copy from the registry into an empty layout."""
        raise NotImplementedError


class Crane(LayoutClient):
    """go-containerregistry, as ko, kaniko and cosign use it."""

    program = "crane"

    def try_log_in(self, user: str, password: str) -> Done:
        """crane only writes the account down: show it to the token service by looking at a public image."""
        account = ("--username", user, "--password-stdin", self.registry.host)
        self.run("auth", "login", *account, typed=password).expect_success()
        return self.run("digest", self.full(PUBLIC))

    def copy_in(self, layout: Path, reference: str) -> Done:
        return self.run("push", layout, self.full(reference))

    def copy_out(self, reference: str, layout: Path) -> Done:
        return self.run("pull", "--format=oci", self.full(reference), layout)


class Oras(LayoutClient):
    """oras-go, as helm uses it."""

    program = "oras"

    def try_log_in(self, user: str, password: str) -> Done:
        account = ("--username", user, "--password-stdin", self.registry.host)
        return self.run("login", "--plain-http", *account, typed=password)

    def copy_in(self, layout: Path, reference: str) -> Done:
        return self.run("cp", "--from-oci-layout", f"{layout}:latest", "--to-plain-http", self.full(reference))

    def copy_out(self, reference: str, layout: Path) -> Done:
        return self.run("cp", "--from-plain-http", self.full(reference), "--to-oci-layout", f"{layout}:latest")


class Regctl(LayoutClient):
    """regclient: the only one that uploads in chunks when a single PUT fails."""

    program = "regctl"

    def __init__(self, registry: Running, home: Path) -> None:
        super().__init__(registry, home)
        self.run("registry", "set", registry.host, "--tls", "disabled", "--skip-check").expect_success()

    @property
    def environ(self) -> dict[str, str]:
        """Its own settings file."""
        return {**super().environ, "REGCTL_CONFIG": str(self.home / "regctl.json")}

    def try_log_in(self, user: str, password: str) -> Done:
        return self.run("registry", "login", self.registry.host, "--user", user, "--pass-stdin", typed=password)

    def copy_in(self, layout: Path, reference: str) -> Done:
        return self.run("image", "copy", f"ocidir://{layout}:latest", self.full(reference))

    def copy_out(self, reference: str, layout: Path) -> Done:
        return self.run("image", "copy", self.full(reference), f"ocidir://{layout}:latest")
