"""Real clients through API Gateway and Lambda: log in, push, pull, and get back what was pushed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients import images
from tests.clients.client import PUBLIC, Client
from tests.clients.commands import find
from tests.clients.containers_tools import Podman, Skopeo
from tests.clients.daemons import dockerd
from tests.clients.docker import Docker
from tests.clients.go_tools import Crane, Oras, Regctl
from tests.deploy.conftest import Deployment
from tests.wire import Wire

_PLAIN: dict[str, Callable[[Deployment, Path], Client]] = {
    "podman": Podman, "skopeo": Skopeo, "crane": Crane, "oras": Oras, "regctl": Regctl
}  # fmt: skip


@pytest.fixture(scope="module")
def docker_daemon() -> Iterator[str]:
    with dockerd() as address:
        yield address


@pytest.fixture(params=["docker", *_PLAIN])
def a_client(request: pytest.FixtureRequest, deployment: Deployment, tmp_path: Path) -> Iterator[Client]:
    """A client that is not logged in."""
    find(request.param)
    if request.param != "docker":
        yield _PLAIN[request.param](deployment, tmp_path)
        return
    client = Docker(deployment, tmp_path, request.getfixturevalue("docker_daemon"))
    yield client
    client.forget()


@pytest.fixture
def known_image(admin: Wire) -> None:
    """What crane looks at when it logs in."""
    image = images.image((2_000,), with_busybox=False)
    name, tag = PUBLIC.rsplit(":", 1)
    for content in image.blobs:
        admin.push_blob(name, content)
    admin.push_manifest(name, tag, image.manifest)


def test_what_is_pushed_is_pulled(a_client: Client, admin: Wire, known_image: None) -> None:
    image, name = images.image((3_000, 150_000, 9_000_000)), f"deployed/{secrets.token_hex(5)}"
    a_client.log_in()
    if isinstance(a_client, Oras):
        # oras 1.3.6 takes uploads at the registry's own host only, so they go through a function, which takes a few MiB.
        refused = a_client.try_push(image, f"{name}:large")
        assert refused.code != 0
        assert "Request Entity Too Large" in refused.output
        image = images.image()
    a_client.push(image, f"{name}:one")
    assert a_client.pull(f"{name}:one").diff_ids == image.diff_ids
    assert admin.get(f"/v2/{name}/tags/list").json["tags"] == ["one"]


@pytest.fixture
def somebody(deployment: Deployment) -> str:
    """A user of this test's own: after ten wrong passwords the registry listens to a name no more."""
    name = f"user{secrets.token_hex(4)}"
    made = {"username": name, "email": f"{name}@example.com", "realname": name, "password": "Right-password-1"}
    credentials = (deployment.user, deployment.password)
    assert httpx.post(f"{deployment.url}/api/v2.0/users", json=made, auth=credentials, timeout=60).status_code == 201
    return name


def test_a_wrong_password_is_refused_and_a_stranger_reads_nothing_private(
    a_client: Client, somebody: str, admin: Wire, tmp_path: Path, known_image: None
) -> None:
    name = f"deployed/{secrets.token_hex(5)}"
    admin.push_blob(name, b"{}")
    assert a_client.try_log_in(somebody, "wrong").code != 0
    (tmp_path / "stranger").mkdir()
    assert a_client.try_pull(f"{name}:one", tmp_path / "stranger").code != 0
