"""Every client pushes, and every byte comes back, by tag and by digest, once and again."""

from __future__ import annotations

import json

import pytest

from tests.clients import images
from tests.clients.client import Client, IndexClient
from tests.clients.conftest import MakeClient
from tests.wire import ACCEPT, Wire

EVERY_CLIENT = ("docker", "podman", "buildah", "skopeo", "ctr", "crane", "oras", "regctl")
EXACT_CLIENTS = ("skopeo", "ctr", "crane", "oras", "regctl")


@pytest.fixture
def client(make_client: MakeClient, request: pytest.FixtureRequest) -> Client:
    made = make_client(request.param)
    made.log_in()
    return made


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names, indirect=True)


@every(*EVERY_CLIENT)
def test_what_was_pushed_comes_back_by_tag_and_by_digest(client: Client, repository: str, admin: Wire) -> None:
    image = images.image((2_000, 400_000, 60_000))

    client.push(image, f"{repository}:v1")

    digest = admin.manifest(repository, "v1").headers["docker-content-digest"]
    for reference in (f"{repository}:v1", f"{repository}@{digest}"):
        pulled = client.pull(reference)
        assert pulled.diff_ids == image.diff_ids
        assert pulled.digest in (None, digest)


@every(*EXACT_CLIENTS)
def test_a_client_that_copies_keeps_the_manifest_byte_for_byte(client: Client, repository: str, admin: Wire) -> None:
    image = images.image(annotations={"written": "as  it is \u00e9"})

    client.push(image, f"{repository}:v1")

    assert admin.manifest(repository, "v1").body == image.manifest


@every(*EVERY_CLIENT)
def test_the_second_push_of_an_image_changes_nothing(client: Client, repository: str, admin: Wire) -> None:
    image = images.image()
    client.push(image, f"{repository}:v1")
    first = admin.manifest(repository, "v1")

    client.push(image, f"{repository}:v1")

    second = admin.manifest(repository, "v1")
    assert second.body == first.body
    assert second.headers["docker-content-digest"] == first.headers["docker-content-digest"]


@every(*EVERY_CLIENT)
def test_the_manifest_states_the_size_of_every_blob(client: Client, repository: str, admin: Wire) -> None:
    """docker writes what a HEAD of the blob told it: a HEAD without a length gives manifests without sizes."""
    image = images.image()
    client.push(image, f"{repository}:v1")
    client.push(image, f"{repository}:v2")

    for tag in ("v1", "v2"):
        manifest = json.loads(admin.manifest(repository, tag).body)
        for one in (manifest["config"], *manifest["layers"]):
            head = admin.head(f"/v2/{repository}/blobs/{one['digest']}")
            assert one["size"] == int(head.headers["content-length"]) > 0


@every(*EXACT_CLIENTS)
def test_an_index_travels_with_all_its_platforms(client: IndexClient, repository: str, admin: Wire) -> None:
    index = images.index(images.image(), images.image(architecture="arm64"), images.image(architecture="s390x"))

    client.push_index(index, f"{repository}:many")

    assert admin.manifest(repository, "many").body == index.document
    arrived = client.pull_index(f"{repository}:many")
    assert arrived[index.digest] == index.document
    for image in index.images:
        assert arrived[image.digest] == image.manifest
        assert set(image.blobs) <= set(arrived.values())


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_a_client_takes_its_own_platform_out_of_an_index(make_client: MakeClient, name: str, repository: str) -> None:
    writer, reader = make_client("skopeo"), make_client(name)
    writer.log_in()
    reader.log_in()
    ours, other = images.image(), images.image(architecture="s390x")
    assert isinstance(writer, IndexClient)

    writer.push_index(images.index(other, ours), f"{repository}:many")

    assert reader.pull(f"{repository}:many").diff_ids == ours.diff_ids


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_a_client_writes_an_index_itself(make_client: MakeClient, name: str, repository: str, admin: Wire) -> None:
    client = make_client(name)
    client.log_in()
    for tag, architecture in (("one", "amd64"), ("two", "arm64")):
        client.push(images.image(architecture=architecture), f"{repository}:{tag}")
    listed, one, two = (client.full(f"{repository}:{tag}") for tag in ("many", "one", "two"))

    if name == "docker":
        client.run("manifest", "create", "--insecure", listed, one, two).expect_success()
        client.run("manifest", "push", "--insecure", listed).expect_success()
    else:
        client.run("manifest", "create", listed).expect_success()
        for child in (one, two):
            client.run("manifest", "add", "--tls-verify=false", listed, f"docker://{child}").expect_success()
        client.run("manifest", "push", "--all", "--tls-verify=false", listed, f"docker://{listed}").expect_success()

    children = admin.manifest(repository, "many").json["manifests"]
    assert sorted(child["platform"]["architecture"] for child in children) == ["amd64", "arm64"]
    for child in children:
        answer = admin.head(f"/v2/{repository}/manifests/{child['digest']}", ACCEPT)
        assert (answer.status, int(answer.headers["content-length"])) == (200, child["size"])
