"""Additions of artifacts over Harbor's API."""

from __future__ import annotations

import gzip

import pytest

from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient

FILES = {"app/Chart.yaml": b"name: app", "app/values.yaml": b"replicas: 2\n", "app/README.md": b"# App"}


def addition(name: str, what: str, reference: str = "1.0.0") -> str:
    return f"/projects/library/repositories/{name}/artifacts/{reference}/additions/{what}"


def test_a_chart_shows_its_files_and_dependencies(harbor_admin: HarborClient, admin: Client) -> None:
    name, needs = pushes.unique(), [{"name": "db", "version": "1", "repository": "https://example.com"}]
    pushes.chart(admin, f"library/{name}", "1.0.0", pushes.archive(FILES), dependencies=needs)
    (artifact,) = harbor_admin.get(f"/projects/library/repositories/{name}/artifacts").json()
    assert (artifact["type"], artifact["extra_attrs"]["name"]) == ("CHART", "chart")
    assert set(artifact["addition_links"]) == {"values.yaml", "readme.md", "dependencies"}
    values = harbor_admin.get(addition(name, "values.yaml"))
    assert (values.body, values.headers["content-type"]) == (b"replicas: 2\n", "text/plain; charset=utf-8")
    readme = harbor_admin.get(addition(name, "readme.md"))
    assert (readme.body, readme.headers["content-type"]) == (b"# App", "text/markdown; charset=utf-8")
    assert harbor_admin.get(addition(name, "dependencies")).json() == needs


@pytest.mark.parametrize("packed", [b"no archive", gzip.compress(bytes(70 * 1024 * 1024)), b""])
def test_a_chart_that_cannot_be_opened_is_told_so_and_still_listed(
    harbor_admin: HarborClient, admin: Client, packed: bytes
) -> None:
    name = pushes.unique()
    pushes.chart(admin, f"library/{name}", "1.0.0", packed)
    assert harbor_admin.get(addition(name, "values.yaml")).status in (200, 400)
    assert harbor_admin.get(addition(name, "dependencies")).json() == []
    assert len(harbor_admin.get(f"/projects/library/repositories/{name}/artifacts").json()) == 1


def test_what_an_artifact_does_not_have_is_refused(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    child = pushes.image(admin, f"library/{name}", "v1")
    pushes.index(admin, f"library/{name}", "all", {child: {"os": "linux"}})
    for what, reference in (("values.yaml", "v1"), ("sbom", "v1"), ("license", "v1"), ("build_history", "all")):
        answer = harbor_admin.get(addition(name, what, reference))
        assert (answer.status, answer.error_code) == (400, "BAD_REQUEST")
    assert harbor_admin.get(addition(name, "build_history", "v1")).json()[0]["empty_layer"] is True


def test_what_was_never_scanned_has_no_report(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    pushes.image(admin, f"library/{name}", "v1")
    assert harbor_admin.get(addition(name, "vulnerabilities", "v1")).json() == {}


def test_additions_of_a_private_project_are_private(
    harbor_admin: HarborClient, anonymous: HarborClient, admin: Client
) -> None:
    project = pushes.unique("p")
    assert harbor_admin.post("/projects", json={"project_name": project}).status == 201
    pushes.image(admin, f"{project}/app", "v1")
    url = f"/projects/{project}/repositories/app/artifacts/v1/additions/build_history"
    assert anonymous.get(url).status == 401
    assert harbor_admin.get(url).status == 200


def test_icons_are_pictures(anonymous: HarborClient) -> None:
    digest = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06"
    document = anonymous.get(f"/icons/{digest}").json()
    assert document["content-type"] == "image/png"
    assert document["content"].startswith("iVBORw0KGgo")
    assert anonymous.get(f"/icons/sha256:{'0' * 64}").status == 404
