"""What is not an image: files, attachments, sha512, ranges and charts."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.clients import images
from tests.clients.client import Client
from tests.clients.commands import Done, find, run
from tests.clients.conftest import MakeClient, push_over_http
from tests.running import Running
from tests.wire import Wire, digest_of


@pytest.fixture
def oras(make_client: MakeClient) -> Client:
    client = make_client("oras")
    client.log_in()
    return client


@pytest.fixture
def regctl(make_client: MakeClient) -> Client:
    client = make_client("regctl")
    client.log_in()
    return client


@pytest.fixture
def pushed(admin: Wire, repository: str) -> images.Image:
    image = images.image()
    push_over_http(admin, image, f"{repository}:v1")
    return image


def test_oras_pushes_files_and_gets_them_back(oras: Client, repository: str, tmp_path: Path) -> None:
    target, content = oras.full(f"{repository}:files"), os.urandom(70_000)
    (tmp_path / "model.bin").write_bytes(content)
    (tmp_path / "card.txt").write_text("a card")
    files = ("model.bin:application/vnd.example.model", "card.txt:text/plain")

    kind = ("--artifact-type", "application/vnd.example.bundle")
    oras.run("push", "--plain-http", *kind, target, *files, folder=tmp_path).expect_success()
    oras.run("pull", "--plain-http", "--output", tmp_path / "got", target).expect_success()

    assert (tmp_path / "got" / "model.bin").read_bytes() == content
    assert (tmp_path / "got" / "card.txt").read_text() == "a card"


def test_oras_attaches_and_discovers(oras: Client, pushed: images.Image, repository: str, tmp_path: Path) -> None:
    (tmp_path / "sbom.json").write_text('{"packages": []}')
    subject = oras.full(f"{repository}:v1")
    for kind in ("application/vnd.example.sbom", "application/vnd.example.signature"):
        attach = ("attach", "--plain-http", "--artifact-type", kind, subject, "sbom.json:application/json")
        oras.run(*attach, folder=tmp_path).expect_success()

    asked = ("discover", "--plain-http", "--format", "json")
    everything = json.loads(oras.run(*asked, subject).expect_success().output)
    filtered = json.loads(
        oras.run(*asked, "--artifact-type", "application/vnd.example.sbom", subject).expect_success().output
    )

    kinds = sorted(one["artifactType"] for one in everything["referrers"])
    assert kinds == ["application/vnd.example.sbom", "application/vnd.example.signature"]
    assert [one["artifactType"] for one in filtered["referrers"]] == ["application/vnd.example.sbom"]


def test_oras_lists_tags_and_repositories(oras: Client, pushed: images.Image, repository: str) -> None:
    tags = oras.run("repo", "tags", "--plain-http", oras.full(repository)).expect_success().output.split()
    names = oras.run("repo", "ls", "--plain-http", oras.registry.host).expect_success().output.split()

    assert tags == ["v1"]
    assert repository in names


def test_regctl_sees_referrers_through_the_api_and_not_through_a_tag(
    regctl: Client, pushed: images.Image, repository: str, admin: Wire
) -> None:
    subject = regctl.full(f"{repository}:v1")
    put = ("artifact", "put", "--artifact-type", "application/vnd.example.note", "--subject", subject)
    regctl.run(*put, typed="a note").expect_success()

    listed = regctl.run("artifact", "list", subject, "--format", "{{jsonPretty .}}").expect_success().output

    assert "application/vnd.example.note" in listed
    # The fallback tag sha256-<hex> appears when a client believes that a registry has no referrers API.
    assert admin.get(f"/v2/{repository}/tags/list").json["tags"] == ["v1"]


def test_regctl_pushes_a_blob_by_its_sha512(regctl: Client, repository: str, admin: Wire) -> None:
    content = "moorage " * 700
    wanted = digest_of(content.encode(), "sha512")

    said = regctl.run("blob", "put", "--digest", wanted, regctl.full(repository), typed=content).expect_success()

    assert said.output.strip() == wanted
    assert admin.get(f"/v2/{repository}/blobs/{wanted}").body == content.encode()


def test_regctl_rewrites_an_image_to_sha512(regctl: Client, pushed: images.Image, repository: str, admin: Wire) -> None:
    source = regctl.full(f"{repository}:v1")
    regctl.run("image", "mod", source, "--create", "v512", "--digest-algo", "sha512").expect_success()

    manifest = admin.manifest(repository, "v512")
    layers = manifest.json["layers"]

    assert all(one["digest"].startswith("sha512:") for one in layers)
    contents = [admin.get(f"/v2/{repository}/blobs/{one['digest']}").body for one in layers]
    assert contents == [layer.blob for layer in pushed.layers]
    assert admin.manifest(repository, digest_of(manifest.body, "sha512")).body == manifest.body


def test_regctl_reads_the_tags_of_a_repository(regctl: Client, pushed: images.Image, repository: str) -> None:
    assert regctl.run("tag", "list", regctl.full(repository)).expect_success().output.split() == ["v1"]


class Helm:
    """helm with a home of its own."""

    def __init__(self, registry: Running, home: Path) -> None:
        find("helm")
        self.registry, self.home = registry, home

    def run(self, *command: str | Path, typed: str = "") -> Done:
        folders = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return run(["helm", *command], {"HOME": str(self.home), **folders}, typed=typed)

    def try_log_in(self, password: str) -> Done:
        account = ("--plain-http", "--username", self.registry.user, "--password-stdin")
        return self.run("registry", "login", *account, self.registry.host, typed=password)


@pytest.fixture
def helm(registry: Running, tmp_path: Path) -> Helm:
    return Helm(registry, tmp_path)


def chart(folder: Path, name: str) -> Path:
    """The smallest chart that helm takes."""
    path = folder / f"{name}-0.1.0.tgz"
    content = f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n".encode()
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(f"{name}/Chart.yaml")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return path


def test_helm_pushes_a_chart_and_pulls_it(helm: Helm, repository: str, tmp_path: Path) -> None:
    project, name = "clients", f"chart-{repository.split('/')[1]}"
    packed, address = chart(tmp_path, name), f"oci://{helm.registry.host}/{project}"
    helm.try_log_in(helm.registry.password).expect_success()
    got = tmp_path / "got"
    got.mkdir()

    helm.run("push", "--plain-http", packed, address).expect_success()
    pull = ("pull", "--plain-http", "--version", "0.1.0", "--destination", got, f"{address}/{name}")
    helm.run(*pull).expect_success()

    assert (got / packed.name).read_bytes() == packed.read_bytes()


def test_helm_is_told_of_a_wrong_password(helm: Helm) -> None:
    done = helm.try_log_in(f"{helm.registry.password}x")

    assert done.code != 0
    assert "401" in done.output or "unauthorized" in done.output.lower(), done.output
