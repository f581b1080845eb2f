"""Copies between repositories upload nothing, and what a client deletes is gone."""

from __future__ import annotations

import pytest

from tests.clients import images
from tests.clients.client import Client
from tests.clients.conftest import MakeClient, push_over_http
from tests.clients.containerd import Ctr
from tests.clients.containers_tools import Skopeo, StoringTool
from tests.clients.docker import Docker
from tests.clients.images import Image
from tests.wire import ACCEPT, Wire


@pytest.fixture
def client(make_client: MakeClient, request: pytest.FixtureRequest) -> Client:
    made = make_client(request.param)
    made.log_in()
    return made


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names, indirect=True)


def copy_command(client: Client, source: str, target: str) -> tuple[str, ...]:
    """How each program copies inside one registry, talking about it."""
    plain = {
        "crane": ("copy",),
        "oras": ("cp", "--from-plain-http", "--to-plain-http"),
        "regctl": ("--verbosity", "debug", "image", "copy"),
    }
    return (*plain[client.program], client.full(source), client.full(target))


@every("crane", "oras", "regctl")
def test_a_copy_to_another_repository_mounts_every_blob(client: Client, repository: str, admin: Wire) -> None:
    image, target = images.image(), f"{repository}-mounted"
    client.push(image, f"{repository}:v1")

    said = client.run(*copy_command(client, f"{repository}:v1", f"{target}:v1")).expect_success().output

    words = {"crane": "mounted blob", "oras": "Mounted ", "regctl": "server side with registry mount"}
    assert said.count(words[client.program]) == len(image.blobs), said
    assert admin.manifest(target, "v1").body == image.manifest
    assert client.pull(f"{target}:v1").diff_ids == image.diff_ids


@every("skopeo")
def test_skopeo_mounts_the_layers_it_knows(client: Skopeo, repository: str) -> None:
    image, target = images.image(), f"{repository}-mounted"
    client.push(image, f"{repository}:v1")

    source = f"docker://{client.full(f'{repository}:v1')}"
    said = client.copy(source, f"docker://{client.full(f'{target}:v1')}").expect_success().output

    # What skopeo knows is in one cache of the whole machine, which it may fail to write: then it uploads, without a word.
    assert said.count("... mount OK") in range(1, len(image.layers) + 1), said
    assert client.pull(f"{target}:v1").diff_ids == image.diff_ids


@every("docker")
def test_docker_mounts_the_layers_it_pushed_before(client: Docker, repository: str) -> None:
    image, target = images.image(), f"{repository}-mounted"
    client.push(image, f"{repository}:v1")

    client.run("tag", client.full(f"{repository}:v1"), client.full(f"{target}:v1")).expect_success()
    said = client.run("push", client.full(f"{target}:v1")).expect_success().output

    assert said.count(f"Mounted from {repository}") == len(image.layers), said
    assert client.pull(f"{target}:v1").diff_ids == image.diff_ids


@every("podman", "buildah")
def test_a_stored_image_goes_to_a_second_repository(client: StoringTool, repository: str) -> None:
    image, target = images.image(), f"{repository}-mounted"
    client.push(image, f"{repository}:v1")

    client.run("tag", client.full(f"{repository}:v1"), client.full(f"{target}:v1")).expect_success()
    client.push_again(f"{target}:v1").expect_success()

    assert client.pull(f"{target}:v1").diff_ids == image.diff_ids


@every("ctr")
def test_ctr_pushes_what_it_pulled_to_a_second_repository(client: Ctr, repository: str, admin: Wire) -> None:
    image, target = images.image(), f"{repository}-mounted"
    client.push(image, f"{repository}:v1")

    client.copy(f"{repository}:v1", f"{target}:v1").expect_success()

    assert admin.manifest(target, "v1").body == image.manifest
    assert client.pull(f"{target}:v1").diff_ids == image.diff_ids


def gone(admin: Wire, repository: str, reference: str) -> bool:
    status = admin.head(f"/v2/{repository}/manifests/{reference}", ACCEPT).status
    assert status in (200, 404)
    return status == 404


def push_two_tags(admin: Wire, repository: str) -> Image:
    image = images.image()
    push_over_http(admin, image, f"{repository}:gone")
    push_over_http(admin, image, f"{repository}:kept")
    return image


@pytest.mark.parametrize(
    ("client", "command"),
    [("crane", ("delete",)), ("regctl", ("tag", "delete"))],
    indirect=["client"],
)
def test_deleting_a_tag_keeps_the_manifest(
    client: Client, command: tuple[str, ...], repository: str, admin: Wire
) -> None:
    image = push_two_tags(admin, repository)

    client.run(*command, client.full(f"{repository}:gone")).expect_success()

    assert gone(admin, repository, "gone")
    assert not gone(admin, repository, "kept")
    assert client.pull(f"{repository}@{image.digest}").diff_ids == image.diff_ids


@pytest.mark.parametrize(
    ("client", "command"),
    [
        ("crane", ("delete",)),
        ("regctl", ("manifest", "delete")),
        ("oras", ("manifest", "delete", "--force", "--plain-http")),
    ],
    indirect=["client"],
)
def test_deleting_a_manifest_takes_its_tags_along(
    client: Client, command: tuple[str, ...], repository: str, admin: Wire
) -> None:
    image = push_two_tags(admin, repository)

    client.run(*command, client.full(f"{repository}@{image.digest}")).expect_success()

    for reference in (image.digest, "gone", "kept"):
        assert gone(admin, repository, reference)


@every("skopeo")
def test_skopeo_deletes_the_manifest_behind_a_tag(client: Skopeo, repository: str, admin: Wire) -> None:
    image = push_two_tags(admin, repository)

    client.run("delete", "--tls-verify=false", f"docker://{client.full(f'{repository}:gone')}").expect_success()

    assert gone(admin, repository, image.digest)
    assert gone(admin, repository, "kept")


@every("docker", "podman", "skopeo", "ctr", "crane", "oras", "regctl")
def test_what_was_deleted_can_be_pushed_again(client: Client, repository: str, admin: Wire) -> None:
    image = images.image()
    client.push(image, f"{repository}:v1")
    digest = admin.manifest(repository, "v1").headers["docker-content-digest"]
    assert admin.delete(f"/v2/{repository}/manifests/{digest}").status == 202
    assert client.try_pull(f"{repository}:v1", client.new_folder()).code != 0

    client.push(image, f"{repository}:v1")

    assert client.pull(f"{repository}:v1").diff_ids == image.diff_ids
