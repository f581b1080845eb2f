"""The registry and the clients that the tests of this folder drive."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.clients import images
from tests.clients.client import PUBLIC, Client
from tests.clients.commands import find
from tests.clients.containerd import Ctr
from tests.clients.containers_tools import Buildah, Podman, Skopeo
from tests.clients.daemons import containerd, dockerd
from tests.clients.docker import Docker
from tests.clients.go_tools import Crane, Oras, Regctl
from tests.running import Running, running_registry
from tests.wire import Wire


class MakeClient(Protocol):
    """Makes a client by its name, not logged in; of the shared registry unless another is given."""

    def __call__(self, name: str, of: Running | None = None) -> Client: ...


_PLAIN: dict[str, Callable[[Running, Path], Client]] = {
    "skopeo": Skopeo, "podman": Podman, "buildah": Buildah, "crane": Crane, "oras": Oras, "regctl": Regctl,
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives real clients."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One registry for all clients, with the image `library/known:latest` in its public project."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        with Wire(running.url, (running.user, running.password)) as wire:
            push_over_http(wire, images.image((2_000,)), PUBLIC)
        yield running


@pytest.fixture(autouse=True)
def _registry_lives(registry: Running) -> Iterator[None]:
    registry.assert_alive()
    yield
    registry.assert_alive()


@pytest.fixture
def admin(registry: Running) -> Iterator[Wire]:
    """The protocol itself, as the administrator: to see what a client really left behind."""
    with Wire(registry.url, (registry.user, registry.password)) as wire:
        yield wire


@pytest.fixture
def repository() -> str:
    """A repository that no other test uses, in a private project."""
    return f"clients/{secrets.token_hex(5)}"


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[str]:
    """A Docker daemon's address."""
    with dockerd() as address:
        yield address


@pytest.fixture(scope="session")
def containerd_socket() -> Iterator[str]:
    """A containerd's socket."""
    with containerd() as address:
        yield address


@pytest.fixture
def make_client(registry: Running, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """Makes a client by its name, not logged in, with a home of its own."""
    made: list[Client] = []

    def make(name: str, of: Running | None = None) -> Client:
        find(name)
        target = of or registry
        home = tmp_path / f"{name}-{len(made)}"
        home.mkdir()
        if name == "docker":
            client: Client = Docker(target, home, request.getfixturevalue("docker_daemon"))
        elif name == "ctr":
            client = Ctr(target, home, request.getfixturevalue("containerd_socket"))
        else:
            client = _PLAIN[name](target, home)
        made.append(client)
        return client

    yield make
    for client in made:
        if isinstance(client, Docker):
            client.forget()


def push_over_http(wire: Wire, image: images.Image, reference: str) -> None:
    """Push an image with no client at all."""
    name, tag = reference.rsplit(":", 1)
    for content in image.blobs:
        wire.push_blob(name, content)
    wire.push_manifest(name, tag, image.manifest)
