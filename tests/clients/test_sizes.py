"""Large layers, many layers, many pushes at once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients import images
from tests.clients.client import Client
from tests.clients.commands import SEARCH_PATH, find
from tests.clients.conftest import MakeClient
from tests.clients.go_tools import Crane
from tests.wire import Wire

GIGABYTE = 1_000_000_000
# Every layer stays on disk as pushed, as stored by the registry and as pulled.
_NEEDED_BYTES = 6 * GIGABYTE


@pytest.fixture
def client(make_client: MakeClient, request: pytest.FixtureRequest) -> Client:
    made = make_client(request.param)
    made.log_in()
    return made


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names, indirect=True)


@pytest.fixture
def huge(tmp_path: Path) -> tuple[Path, str]:
    if shutil.disk_usage(tmp_path).free < _NEEDED_BYTES:
        pytest.skip(f"less than {_NEEDED_BYTES} bytes are free in {tmp_path}")
    return images.write_huge_layout(tmp_path / "huge", GIGABYTE)


@pytest.mark.slow
@every("skopeo")
def test_a_layer_of_one_gigabyte_goes_up_and_comes_down(
    client: Client, huge: tuple[Path, str], repository: str, admin: Wire
) -> None:
    """skopeo sends it as one chunked PATCH, and checks the digest of what it reads back."""
    layout, digest = huge
    target = f"docker://{client.full(f'{repository}:huge')}"

    client.run("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", target, timeout_s=500).expect_success()
    size = int(admin.head(f"/v2/{repository}/blobs/{digest}").headers["content-length"])
    folder = client.new_folder()
    client.run("copy", "--src-tls-verify=false", target, f"oci:{folder}:latest", timeout_s=500).expect_success()

    arrived = folder / "blobs" / digest.replace(":", "/")
    assert arrived.stat().st_size == size > GIGABYTE
    with arrived.open("rb") as content:
        assert f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}" == digest


@pytest.mark.slow
@every("crane")
def test_crane_streams_a_layer_of_one_gigabyte(client: Crane, huge: tuple[Path, str], repository: str) -> None:
    """crane sends it as one PATCH with a length; the pull is hashed here as it streams."""
    layout, digest = huge

    client.run("push", layout, client.full(f"{repository}:huge"), timeout_s=500).expect_success()

    command = [find("crane"), "blob", client.full(f"{repository}@{digest}")]
    environ = {**client.environ, "PATH": SEARCH_PATH}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as reading:
        assert reading.stdout is not None
        assert f"sha256:{hashlib.file_digest(reading.stdout, 'sha256').hexdigest()}" == digest  # type: ignore[arg-type]
    assert reading.returncode == 0


@every("docker", "skopeo", "ctr", "crane")
def test_an_image_of_a_hundred_layers(client: Client, repository: str, admin: Wire) -> None:
    image = images.image(tuple(500 + 11 * place for place in range(100)), with_busybox=False)

    client.push(image, f"{repository}:deep")

    assert len(admin.manifest(repository, "deep").json["layers"]) == 100
    assert client.pull(f"{repository}:deep").diff_ids == image.diff_ids


@every("docker", "skopeo", "crane", "oras")
@pytest.mark.parametrize("shared", [True, False], ids=["into one repository", "into eight repositories"])
def test_eight_pushes_at_once(client: Client, shared: bool, repository: str, admin: Wire) -> None:
    base = images.layer(300_000)
    made = [images.of_layers((base, images.layer(50_000 + place))) for place in range(8)]
    targets = [f"{repository}:t{place}" if shared else f"{repository}-{place}:v1" for place in range(8)]

    with ThreadPoolExecutor(8) as pool:
        for done in pool.map(client.try_push, made, targets):
            done.expect_success()

    for image, target in zip(made, targets, strict=True):
        assert client.pull(target).diff_ids == image.diff_ids
    if shared:
        assert admin.get(f"/v2/{repository}/tags/list").json["tags"] == [f"t{place}" for place in range(8)]


@every("skopeo", "crane")
def test_eight_pushes_of_one_new_image_at_once(client: Client, repository: str, admin: Wire) -> None:
    """All eight upload the same blobs: one wins each, and nobody is told of it."""
    image = images.image((200_000, 70_000))

    with ThreadPoolExecutor(8) as pool:
        for done in pool.map(lambda place: client.try_push(image, f"{repository}:t{place}"), range(8)):
            done.expect_success()

    digests = {admin.manifest(repository, f"t{place}").headers["docker-content-digest"] for place in range(8)}
    assert len(digests) == 1
    assert client.pull(f"{repository}:t7").diff_ids == image.diff_ids
