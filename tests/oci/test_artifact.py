"""What Harbor's API tells about manifests: types as Harbor derives them, numbers that JavaScript reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.oci import artifact
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import DOCKER_LIST, OCI_INDEX, parse_manifest
from tests import builders


def row(content: bytes, children: tuple[int, ...] = ()) -> artifact.ArtifactRow:
    return artifact.row_of(parse_manifest(content, None, Digest.of(content)), children, 5)


def with_config(media_type: str, **more: object) -> bytes:
    return builders.image(**more).replace(builders.CONFIG_TYPE.encode(), media_type.encode())


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("application/vnd.oci.image.config.v1+json", "IMAGE"),
        ("application/vnd.docker.container.image.v1+json", "IMAGE"),
        ("application/vnd.cncf.helm.config.v1+json", "CHART"),
        ("application/vnd.wasm.config.v1+json", "WASM"),
        ("application/vnd.goharbor.harbor.sbom.v1", "SBOM"),
        ("application/vnd.cncf.model.manifest.v1+json", "CNAI"),
        ("application/vnd.acme.rocket.config.v1+json", "ROCKET"),
        ("application/vnd.acme.rocket.fuel.config.v1alpha1+json", "ROCKET.FUEL"),
        ("application/vnd.oci.empty.v1+json", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_the_config_says_the_type(media_type: str, kind: str) -> None:
    found = row(with_config(media_type))
    assert (found.type, found.media_type) == (kind, media_type)


def test_the_artifact_type_goes_before_the_config() -> None:
    assert row(builders.image(artifactType="application/vnd.cncf.helm.config.v1+json")).type == "CHART"
    unknown = row(with_config("application/vnd.oci.empty.v1+json", artifactType="text/plain"))
    assert (unknown.type, unknown.artifact_type) == ("UNKNOWN", "text/plain")


@pytest.mark.parametrize(("key", "value"), [("module.wasm.image/variant", "compat"), ("run.oci.handler", "wasm")])
def test_an_image_of_web_assembly_says_so_in_an_annotation(key: str, value: str) -> None:
    assert row(builders.image(annotations={key: "other"})).type == "IMAGE"
    found = row(builders.image(annotations={key: value}))
    # Harbor looks at the artifact's type first, which is the config's.
    assert (found.type, found.media_type) == ("IMAGE", "application/vnd.wasm.config.v1+json")


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_is_an_image_unless_it_is_a_bundle(media_type: str) -> None:
    index = builders.index(b"child").replace(OCI_INDEX.encode(), media_type.encode())
    assert row(index, (700, 300)).size_bytes == len(index) + 1000
    assert (row(index).type, row(index).media_type, row(index).artifact_type) == ("IMAGE", media_type, None)
    bundle = json.loads(index) | {
        "annotations": {"org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1"}
    }
    assert row(json.dumps(bundle).encode()).type == "CNAB"


def test_a_blob_named_twice_counts_once() -> None:
    content = builders.image(layers=(b"layer", b"layer", b"other"))
    assert row(content).size_bytes == len(content) + 2 + 5 + 5


@given(st.integers(1), st.text(), st.text())
def test_numbers_are_positive_and_exact_in_javascript(project_id: int, name: str, tag: str) -> None:
    digest = Digest.of(tag.encode())
    numbers = (
        artifact.repository_id(project_id, name),
        artifact.artifact_id(project_id, name, digest),
        artifact.tag_id(project_id, name, tag),
    )
    assert all(0 < number < 2**53 for number in numbers)
    assert numbers == (
        artifact.repository_id(project_id, name),
        artifact.artifact_id(project_id, name, digest),
        artifact.tag_id(project_id, name, tag),
    )


def test_numbers_differ_by_project_name_and_kind() -> None:
    numbers = {artifact.repository_id(project, name) for project in range(50) for name in ("a", "b", "1", "11")}
    assert len(numbers) == 200
    assert artifact.tag_id(1, "a", "b") != artifact.tag_id(1, "ab", "")


@pytest.mark.parametrize(
    ("artifact_type", "kind"),
    [
        ("application/vnd.dev.cosign.artifact.sig.v1+json", "signature.cosign"),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", "signature.cosign"),
        ("application/vnd.cncf.notary.signature", "signature.notation"),
        ("application/vnd.goharbor.harbor.sbom.v1", "sbom.harbor"),
        ("application/spdx+json", "subject.accessory"),
        (None, "subject.accessory"),
    ],
)
def test_accessories_have_harbors_names(artifact_type: str | None, kind: str) -> None:
    assert artifact.accessory_type(artifact_type) == kind
