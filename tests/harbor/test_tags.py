"""Tags over Harbor's API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient


def tags(name: str, reference: object, rest: str = "") -> str:
    return f"/projects/library/repositories/{name}/artifacts/{reference}/tags{rest}"


def test_a_tag_is_given_once_and_taken_away(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    digest, other = pushes.image(admin, f"library/{name}", "v1"), pushes.image(admin, f"library/{name}", "v2")
    assert harbor_admin.post(tags(name, digest), json={"name": "stable"}).status == 201
    assert admin.get(f"/v2/library/{name}/manifests/stable").headers["docker-content-digest"] == str(digest)
    for reference in (digest, other, "v2"):
        again = harbor_admin.post(tags(name, reference), json={"name": "stable"})
        assert (again.status, again.error_code) == (409, "CONFLICT")
    for reference, wrong in ((other, "stable"), (digest, "v9"), (digest, str(digest)), (digest, "-")):
        assert harbor_admin.delete(tags(name, reference, f"/{wrong}")).status == 404
    assert harbor_admin.delete(tags(name, "v1", "/stable")).status == 200
    assert harbor_admin.delete(tags(name, "v1", "/stable")).status == 404
    assert admin.get(f"/v2/library/{name}/manifests/stable").status == 404


def test_an_artifact_outlives_its_last_tag(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    digest = pushes.image(admin, f"library/{name}", "v1")
    assert harbor_admin.delete(tags(name, "v1", "/v1")).status == 200
    document = harbor_admin.get(f"/projects/library/repositories/{name}/artifacts/{digest}").json()
    assert document["tags"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "-bad"}, 400),
        ({"name": "a" * 129}, 400),
        ({"name": "a/b"}, 400),
        ({"name": "sha256:abc"}, 400),
        ({}, 422),
        ({"name": 1}, 422),
    ],
)
def test_what_cannot_be_a_tag_is_refused(
    harbor_admin: HarborClient, admin: Client, body: dict[str, object], status: int
) -> None:
    name = pushes.unique()
    pushes.image(admin, f"library/{name}", "v1")
    assert harbor_admin.post(tags(name, "v1"), json=body).status == status
    assert harbor_admin.post(tags(name, "v9"), json={"name": "x"}).status == 404


def test_tags_are_filtered_sorted_and_paged(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    pushes.image(admin, f"library/{name}", "v1", "v2", "beta")
    assert {tag["name"] for tag in harbor_admin.get(tags(name, "v1")).json()} == {"v1", "v2", "beta"}
    assert [tag["name"] for tag in harbor_admin.get(tags(name, "v1", "?q=name=~v&sort=-name")).json()] == ["v2", "v1"]
    page = harbor_admin.get(tags(name, "v1", "?sort=name&page=2&page_size=2"))
    assert [tag["name"] for tag in page.json()] == ["v2"]
    assert page.headers["x-total-count"] == "3"
    for query in ("?q=broken", "?page_size=0"):
        assert harbor_admin.get(tags(name, "v1", query)).status in (400, 422)


def test_of_many_who_give_the_same_tag_one_does(harbor_admin: HarborClient, admin: Client) -> None:
    name = pushes.unique()
    digests = [pushes.image(admin, f"library/{name}", f"v{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda digest: harbor_admin.post(tags(name, digest), json={"name": "stable"}), digests)
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
