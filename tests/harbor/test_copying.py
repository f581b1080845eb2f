"""Copies of artifacts, and what Harbor asks when it replicates from or to a registry."""

from __future__ import annotations

import time

import pytest

from chalicelib import bootstrap
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.harbor.copying import parse_source
from chalicelib.oci.digest import Digest
from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient


def copy(client: HarborClient, target: str, source: str) -> tuple[int, str]:
    project, _, name = target.partition("/")
    encoded = name.replace("/", "%252F")
    answer = client.post(f"/projects/{project}/repositories/{encoded}/artifacts", params={"from": source})
    return answer.status, str(answer.headers.get("location", ""))


@pytest.fixture(scope="module")
def private(api: object, settings: Settings) -> str:
    name = pushes.unique("p")
    bootstrap.projects(settings).create(name, is_public=False, by="admin", now=int(time.time()))
    return name


@pytest.fixture(scope="module")
def developer(settings: Settings, private: str, anonymous: HarborClient) -> HarborClient:
    name, people = pushes.unique("u"), bootstrap.users(settings)
    people.create(name, "Secret-password-1", is_admin=False, now=1)
    people.grant(private, name, "developer")
    return anonymous.basic(name, "Secret-password-1")


def test_an_image_is_copied_with_all_its_tags(harbor_admin: HarborClient, admin: Client, private: str) -> None:
    source, target = f"library/{pushes.unique()}", f"{private}/{pushes.unique()}/deep"
    digest = pushes.image(admin, source, "v1", *(f"t{number}" for number in range(12)))
    status, location = copy(harbor_admin, target, f"{source}:v1")
    assert status == 201
    assert location.startswith(f"/api/v2.0/projects/{private}/repositories/")
    document = harbor_admin.get(location).json()
    assert document["digest"] == str(digest)
    assert len(document["tags"]) == 13
    for reference in ("v1", digest):
        found = admin.get(f"/v2/{target}/manifests/{reference}")
        assert found.body == admin.get(f"/v2/{source}/manifests/v1").body
    assert admin.get(f"/v2/{target}/blobs/{Digest.of(b'layer')}").status == 307
    assert copy(harbor_admin, target, f"{source}@{digest}")[0] == 201


def test_an_index_is_copied_with_children_and_accessories(harbor_admin: HarborClient, admin: Client, private: str) -> None:
    source, target = f"library/{pushes.unique()}", f"{private}/{pushes.unique()}"
    children = {pushes.image(admin, source): {"os": "linux"}, pushes.image(admin, source): {"os": "linux"}}
    parent = pushes.index(admin, source, "v1", children)
    signatures = [pushes.accessory(admin, source, subject) for subject in (parent, *children)]
    on_signature = pushes.accessory(admin, source, signatures[0])
    assert copy(harbor_admin, target, f"{source}:v1")[0] == 201
    for digest in (parent, *children, *signatures, on_signature):
        assert admin.get(f"/v2/{target}/manifests/{digest}").status == 200
    assert len(admin.get(f"/v2/{target}/referrers/{parent}").json()["manifests"]) == 1
    project, _, name = target.partition("/")
    (found,) = harbor_admin.get(f"/projects/{project}/repositories/{name}/artifacts?with_accessory=true").json()
    assert [accessory["digest"] for accessory in found["accessories"]] == [str(signatures[0])]


def test_an_accessory_is_not_copied_alone(harbor_admin: HarborClient, admin: Client, private: str) -> None:
    source = f"library/{pushes.unique()}"
    signature = pushes.accessory(admin, source, pushes.image(admin, source, "v1"))
    assert copy(harbor_admin, f"{private}/x", f"{source}@{signature}")[0] == 403


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("library/none:v1", 404),
        (f"library/none@{Digest.of(b'none')}", 404),
        ("none/none:v1", 404),
        ("library/UPPER:v1", 404),
        ("nothing", 400),
        ("library/none", 400),
        ("library/none@", 400),
        ("", 422),
    ],
)
def test_a_source_that_is_none_is_refused(harbor_admin: HarborClient, private: str, source: str, status: int) -> None:
    assert copy(harbor_admin, f"{private}/x", source)[0] == status


def test_copying_needs_rights_on_both_sides(
    anonymous: HarborClient, developer: HarborClient, harbor_admin: HarborClient, admin: Client, private: str, settings: Settings
) -> None:
    public, secret = f"library/{pushes.unique()}", pushes.unique("p")
    bootstrap.projects(settings).create(secret, is_public=False, by="admin", now=1)
    pushes.image(admin, public, "v1")
    pushes.image(admin, f"{secret}/app", "v1")
    assert copy(developer, f"{private}/{pushes.unique()}", f"{public}:v1")[0] == 201
    assert copy(developer, f"{private}/{pushes.unique()}", f"{secret}/app:v1")[0] == 403
    assert copy(developer, f"library/{pushes.unique()}", f"{public}:v1")[0] == 403
    assert copy(anonymous, f"library/{pushes.unique()}", f"{public}:v1")[0] == 401


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a/b:v1", ("a/b", "v1")),
        ("a/b/c@sha256:1", ("a/b/c", "sha256:1")),
        ("a/b:v1@sha256:1", ("a/b", "sha256:1")),
    ],
)
def test_a_source_is_repository_and_reference(text: str, parts: tuple[str, str]) -> None:
    assert parse_source(text) == parts


@pytest.mark.parametrize("text", ["", "a", "a:b", "a/b", "a/b:", "a/b@", "@x", ":"])
def test_a_source_without_one_of_them_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        parse_source(text)


def test_what_is_deleted_and_copied_over_the_api_is_charged_exactly(
    harbor_admin: HarborClient, admin: Client, table: Table
) -> None:
    project, other = pushes.unique("p"), pushes.unique("p")
    for name, limit in ((project, -1), (other, 1_000)):
        body = {"project_name": name, "storage_limit": limit}
        assert harbor_admin.post("/projects", json=body).status == 201

    def used(name: str) -> int:
        return Quotas(table).usage(harbor_admin.get(f"/projects/{name}").json()["project_id"]).used_bytes

    children = {pushes.image(admin, f"{project}/app"): {"os": "linux"} for _ in range(2)}
    parent = pushes.index(admin, f"{project}/app", "v1", children)
    pushes.accessory(admin, f"{project}/app", parent)
    before = used(project)
    answer = harbor_admin.post(f"/projects/{other}/repositories/app/artifacts", params={"from": f"{project}/app:v1"})
    assert (answer.status, answer.error_code) == (403, "DENIED")
    assert harbor_admin.get(f"/projects/{other}/repositories/app/artifacts?q=tags=*").json() == []
    assert used(other) <= 1_000
    assert copy(harbor_admin, f"{project}/second", f"{project}/app:v1")[0] == 201
    assert used(project) > before, "manifests are charged once a repository, blobs once a project"
    assert harbor_admin.delete(f"/projects/{project}/repositories/second/artifacts/v1").status == 200
    assert used(project) == before
    assert harbor_admin.delete(f"/projects/{project}/repositories/app/artifacts/v1").status == 200
    assert used(project) == 0
