"""The quota as a client meets it, the emulator behind the registry."""

from __future__ import annotations

import uuid

import pytest

from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.table import Table
from chalicelib.oci.digest import Digest
from tests import builders
from tests.client import Client

LIMIT = 10_000


@pytest.fixture
def project(table: Table) -> tuple[str, int]:
    """Name and id of a project that takes 10,000 bytes."""
    made = DynamoProjects(table).create_project(
        f"q{uuid.uuid4().hex[:12]}", is_public=False, by="admin", now=1, limit_bytes=LIMIT
    )
    assert made is not None
    return made.name, made.project_id


def used(table: Table, project: tuple[str, int]) -> int:
    return Quotas(table).usage(project[1]).used_bytes


def message(used_text: str, adding: str) -> str:
    return (
        f"adding {adding} of storage resource, which when updated to current usage of {used_text} will exceed the "
        "configured upper limit of 9.8 KiB."
    )


def test_a_push_that_does_not_fit_is_403_in_harbors_words_and_charges_nothing(
    admin: Client, table: Table, project: tuple[str, int]
) -> None:
    name, layer = f"{project[0]}/app", b"x" * 9_000
    assert admin.push_blob(name, layer, Digest.of(layer)).status == 201
    more = b"y" * 1_024
    answer = admin.push_blob(name, more, Digest.of(more))
    assert (answer.status, answer.error_code) == (403, "DENIED")
    assert answer.json()["errors"][0]["message"] == message("8.8 KiB", "1.0 KiB")
    assert admin.get(f"/v2/{name}/blobs/{Digest.of(more)}").status == 404
    assert admin.push_blob(name, b"{}", Digest.of(b"{}")).status == 201
    large = builders.image(layers=(layer,), annotations={"padding": "z" * 900})
    answer = admin.send("PUT", f"/v2/{name}/manifests/latest", large)
    assert (answer.status, answer.error_code) == (403, "DENIED")
    assert used(table, project) == 9_002
    fits = builders.image(layers=(layer,))
    assert admin.send("PUT", f"/v2/{name}/manifests/latest", fits).status == 201
    assert used(table, project) == 9_002 + len(fits)


def test_a_mount_that_does_not_fit_is_403(admin: Client, table: Table, project: tuple[str, int]) -> None:
    source, layer = f"library/s{uuid.uuid4().hex[:8]}", uuid.uuid4().bytes * 700
    assert admin.push_blob(source, layer, Digest.of(layer)).status == 201
    target = f"/v2/{project[0]}/app/blobs/uploads/?mount={Digest.of(layer)}&from={source}"
    answer = admin.send("POST", target)
    assert (answer.status, answer.error_code) == (403, "DENIED")
    assert used(table, project) == 0


def test_deleting_an_image_makes_room_for_the_next(admin: Client, table: Table, project: tuple[str, int]) -> None:
    name = f"{project[0]}/app"
    for number in range(3):
        layer = bytes([number]) * 8_000
        content = builders.image(layers=(layer,))
        for blob in (b"{}", layer):
            assert admin.push_blob(name, blob, Digest.of(blob)).status == 201
        assert admin.send("PUT", f"/v2/{name}/manifests/v{number}", content).status == 201
        assert used(table, project) == 8_002 + len(content)
        assert admin.send("DELETE", f"/v2/{name}/manifests/{Digest.of(content)}").status == 202
        assert used(table, project) == 0


def test_a_blob_mounted_within_the_project_is_charged_once(
    admin: Client, table: Table, project: tuple[str, int]
) -> None:
    layer = b"x" * 9_000
    assert admin.push_blob(f"{project[0]}/one", layer, Digest.of(layer)).status == 201
    for query in (f"mount={Digest.of(layer)}&from={project[0]}/one", f"mount={Digest.of(layer)}"):
        assert admin.send("POST", f"/v2/{project[0]}/two/blobs/uploads/?{query}").status == 201
    assert used(table, project) == 9_000
    assert admin.send("DELETE", f"/v2/{project[0]}/one/blobs/{Digest.of(layer)}").status == 202
    assert used(table, project) == 9_000
    assert admin.send("DELETE", f"/v2/{project[0]}/two/blobs/{Digest.of(layer)}").status == 202
    assert used(table, project) == 0
