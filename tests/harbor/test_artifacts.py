"""Artifacts over Harbor's API: what was pushed over `/v2/` is listed, told, marked and removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.oci.digest import Digest
from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient

Calls = Callable[[], dict[str, int]]


@pytest.fixture
def name() -> str:
    return pushes.unique()


@pytest.fixture
def push(admin: Client) -> Client:
    return admin


def artifacts(name: str, rest: str = "") -> str:
    return f"/projects/library/repositories/{name.replace('/', '%252F')}/artifacts{rest}"


def listed(client: HarborClient, name: str, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(artifacts(name, query))
    assert answer.status == 200, answer
    return list(answer.json())


def digests(found: list[dict[str, Any]]) -> list[str]:
    return [artifact["digest"] for artifact in found]


def test_a_pushed_image_is_listed_with_everything_harbor_tells(harbor_admin: HarborClient, push: Client, name: str) -> None:
    digest = pushes.image(push, f"library/{name}", "v1", "latest", annotations={"team": "a"})
    (artifact,) = listed(harbor_admin, name)
    assert artifact["digest"] == str(digest)
    assert (artifact["type"], artifact["repository_name"]) == ("IMAGE", f"library/{name}")
    assert artifact["media_type"] == "application/vnd.oci.image.config.v1+json"
    assert artifact["manifest_media_type"] == "application/vnd.oci.image.manifest.v1+json"
    attributes = artifact["extra_attrs"]
    assert (attributes["architecture"], attributes["os"], attributes["author"]) == ("amd64", "linux", "Ann")
    assert attributes["config"] == {"Env": ["A=1"], "Labels": {"x": "y"}}
    assert attributes["created"] == "2024-05-01T10:00:00Z"
    assert artifact["annotations"] == {"team": "a"}
    assert {tag["name"] for tag in artifact["tags"]} == {"v1", "latest"}
    assert {tag["artifact_id"] for tag in artifact["tags"]} == {artifact["id"]}
    assert artifact["pull_time"] == "0001-01-01T00:00:00.000Z"
    link = artifact["addition_links"]["build_history"]
    assert harbor_admin.get(link["href"]).json()[0]["created_by"] == "RUN true"
    assert harbor_admin.get(f"/icons/{artifact['icon']}").json()["content-type"] == "image/png"


def test_one_artifact_is_told_by_tag_and_by_digest(harbor_admin: HarborClient, push: Client, name: str) -> None:
    digest = pushes.image(push, f"library/{name}", "v1")
    by_tag, by_digest = (harbor_admin.get(artifacts(name, f"/{reference}")) for reference in ("v1", digest))
    assert by_tag.json() == by_digest.json()
    assert by_tag.json()["digest"] == str(digest)
    assert "accessories" not in by_tag.json()
    assert "tags" not in harbor_admin.get(artifacts(name, "/v1?with_tag=false")).json()


def test_names_with_slashes_are_encoded_twice(harbor_admin: HarborClient, push: Client, name: str) -> None:
    deep = f"{name}/b/c"
    digest = pushes.image(push, f"library/{deep}", "v1")
    assert digests(listed(harbor_admin, deep)) == [str(digest)]
    link = listed(harbor_admin, deep)[0]["addition_links"]["build_history"]["href"]
    assert f"{name}%252Fb%252Fc" in link
    assert harbor_admin.get(link).status == 200


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("/v9", 404),
        (f"/{Digest.of(b'none')}", 404),
        ("/sha256:bad", 404),
        ("/-bad", 404),
        ("/v9/tags", 404),
        ("/v9/accessories", 404),
        ("/v9/additions/build_history", 404),
        ("/v9/additions/vulnerabilities", 404),
        ("/v9/additions/nothing", 422),
        ("?page_size=0", 422),
        ("?page_size=101", 422),
        ("?page=0", 422),
        ("?page=x", 422),
        ("?q=broken", 400),
        ("?q=a=[1~2", 400),
        ("?with_tag=perhaps", 422),
    ],
)
def test_what_is_not_there_or_not_right_is_refused(
    harbor_admin: HarborClient, push: Client, name: str, rest: str, status: int
) -> None:
    pushes.image(push, f"library/{name}", "v1")
    assert harbor_admin.get(artifacts(name, rest)).status == status


def test_a_repository_that_is_not_there_has_no_artifacts(harbor_admin: HarborClient) -> None:
    answer = harbor_admin.get(artifacts("none"))
    assert (answer.status, answer.json(), answer.headers["x-total-count"]) == (200, [], "0")
    assert harbor_admin.get(artifacts("BAD")).status == 404


def test_pages_are_newest_first_with_exact_totals(harbor_admin: HarborClient, push: Client, name: str) -> None:
    made = [str(pushes.image(push, f"library/{name}", f"v{number}")) for number in range(5)]
    assert digests(listed(harbor_admin, name)) == made[::-1]
    answer = harbor_admin.get(artifacts(name, "?page=2&page_size=2"))
    assert digests(answer.json()) == made[::-1][2:4]
    assert answer.headers["x-total-count"] == "5"
    assert 'rel="prev"' in answer.headers["link"]
    assert 'rel="next"' in answer.headers["link"]
    assert digests(listed(harbor_admin, name, "?sort=push_time&page_size=2")) == made[:2]
    assert digests(listed(harbor_admin, name, "?page=9")) == []


def test_tags_filter_the_list(harbor_admin: HarborClient, push: Client, name: str) -> None:
    tagged, bare = pushes.image(push, f"library/{name}", "v1", "beta-2"), pushes.image(push, f"library/{name}")
    for query, wanted in {
        "tags=*": [tagged],
        "tags=nil": [bare],
        "tags=v1": [tagged],
        "tags=~beta": [tagged],
        "tags=v9": [],
        "tags={v1 v9}": [tagged],
        "tags=~2,type=IMAGE": [tagged],
    }.items():
        assert digests(listed(harbor_admin, name, f"?q={query}")) == [str(digest) for digest in wanted], query


def test_rows_filter_and_sort_the_list(harbor_admin: HarborClient, push: Client, name: str) -> None:
    image = pushes.image(push, f"library/{name}", "v1")
    chart = pushes.chart(push, f"library/{name}", "c1", pushes.archive({"c/values.yaml": b"a: 1"}))
    for query, wanted in {
        "type=CHART": [chart],
        "media_type=application/vnd.cncf.helm.config.v1%252bjson": [chart],
        f"digest={image}": [image],
        "push_time=[2020-01-01T00:00:00~2020-01-02T00:00:00]": [],
        "push_time=[2020-01-01T00:00:00~]": [chart, image],
        "pull_time=[2020-01-01T00:00:00~]": [],
        "size=[0~1000000]": [chart, image],
    }.items():
        assert digests(listed(harbor_admin, name, f"?q={query}")) == [str(digest) for digest in wanted], query
    by_type = listed(harbor_admin, name, "?sort=-type")
    assert [artifact["type"] for artifact in by_type] == ["IMAGE", "CHART"]


def test_an_index_names_its_children_which_are_not_listed(harbor_admin: HarborClient, push: Client, name: str) -> None:
    arm, amd = pushes.image(push, f"library/{name}"), pushes.image(push, f"library/{name}")
    platforms = {arm: {"architecture": "arm64", "os": "linux", "variant": "v8"}, amd: {"architecture": "amd64", "os": "linux"}}
    digest = pushes.index(push, f"library/{name}", "v1", platforms)
    (found,) = listed(harbor_admin, name)
    assert found["digest"] == str(digest)
    assert found["addition_links"] == {}
    one, two = found["references"]
    assert (one["child_digest"], one["platform"]) == (str(arm), platforms[arm])
    assert (two["child_digest"], two["parent_id"]) == (str(amd), found["id"])
    child = harbor_admin.get(artifacts(name, f"/{arm}")).json()
    assert child["id"] == one["child_id"]


def test_a_hostile_platform_is_told_as_far_as_it_is_one(harbor_admin: HarborClient, push: Client, name: str) -> None:
    child = pushes.image(push, f"library/{name}")
    platform: Any = {"architecture": ["x"], "os": None, "os.version": "10.0", "os.features": [1, "win32k"], "own": {}}
    pushes.index(push, f"library/{name}", "v1", {child: platform})
    (reference,) = harbor_admin.get(artifacts(name, "/v1")).json()["references"]
    assert reference["platform"] == {"'os.version'": "10.0", "'os.features'": ["win32k"]}


def test_accessories_are_listed_with_their_subject_and_not_beside_it(
    harbor_admin: HarborClient, push: Client, name: str
) -> None:
    subject = pushes.image(push, f"library/{name}", "v1")
    kinds = {
        "signature.cosign": pushes.COSIGN,
        "signature.notation": "application/vnd.cncf.notary.signature",
        "sbom.harbor": "application/vnd.goharbor.harbor.sbom.v1",
        "subject.accessory": "application/vnd.example.report+json",
    }
    made = {type_: str(pushes.accessory(push, f"library/{name}", subject, kind)) for type_, kind in kinds.items()}
    (artifact,) = listed(harbor_admin, name, "?with_accessory=true")
    assert {found["type"]: found["digest"] for found in artifact["accessories"]} == made
    assert {found["subject_artifact_digest"] for found in artifact["accessories"]} == {str(subject)}
    answer = harbor_admin.get(artifacts(name, "/v1/accessories?q=type=sbom.harbor"))
    assert [found["digest"] for found in answer.json()] == [made["sbom.harbor"]]
    page = harbor_admin.get(artifacts(name, "/v1/accessories?page_size=3&page=2"))
    assert (len(page.json()), page.headers["x-total-count"]) == (1, "4")


def test_a_child_tells_the_signatures_of_its_index_when_asked(harbor_admin: HarborClient, push: Client, name: str) -> None:
    child = pushes.image(push, f"library/{name}")
    parent = pushes.index(push, f"library/{name}", "v1", {child: {"os": "linux"}})
    signature = pushes.accessory(push, f"library/{name}", parent)
    document = harbor_admin.get(artifacts(name, f"/{child}?with_inherited_accessory=true")).json()
    (inherited,) = document["inherited_accessories"]
    assert (inherited["digest"], inherited["subject_artifact_digest"]) == (str(signature), str(parent))
    assert "inherited_accessories" not in harbor_admin.get(artifacts(name, f"/{child}")).json()


def test_deleting_by_tag_removes_the_artifact_and_what_lives_with_it(
    harbor_admin: HarborClient, push: Client, name: str
) -> None:
    keep, go = pushes.image(push, f"library/{name}", "child"), pushes.image(push, f"library/{name}")
    parent = pushes.index(push, f"library/{name}", "v1", {keep: {"os": "linux"}, go: {"os": "linux"}})
    signature = pushes.accessory(push, f"library/{name}", parent)
    on_child = pushes.accessory(push, f"library/{name}", go)
    answer = harbor_admin.delete(artifacts(name, f"/{go}"))
    assert (answer.status, answer.error_code) == (412, "PRECONDITION")
    assert harbor_admin.delete(artifacts(name, "/v1")).status == 200
    for digest in (parent, signature, go, on_child):
        assert push.get(f"/v2/library/{name}/manifests/{digest}").status == 404
    assert digests(listed(harbor_admin, name)) == [str(keep)]
    assert harbor_admin.delete(artifacts(name, "/v1")).status == 404


def test_labels_mark_artifacts_within_their_scope(harbor_admin: HarborClient, push: Client, name: str) -> None:
    digest = pushes.image(push, f"library/{name}", "v1")
    other = pushes.image(push, f"library/{name}", "v2")

    def label(**more: Any) -> int:
        answer = harbor_admin.post("/labels", json={"name": pushes.unique("l"), **more})
        assert answer.status == 201, answer
        return int(str(answer.headers["location"]).rpartition("/")[2])

    one, two = label(scope="g"), label(scope="g")
    for number in (one, two):
        assert harbor_admin.post(artifacts(name, "/v1/labels"), json={"id": number}).status == 200
    again = harbor_admin.post(artifacts(name, "/v1/labels"), json={"id": one})
    assert (again.status, again.error_code) == (409, "CONFLICT")
    assert harbor_admin.post(artifacts(name, "/v1/labels"), json={"id": 999999999}).status == 404
    assert harbor_admin.post(artifacts(name, "/v9/labels"), json={"id": one}).status == 404
    assert harbor_admin.post(artifacts(name, "/v1/labels"), json={}).status == 404
    assert harbor_admin.post(artifacts(name, "/v1/labels"), json={"id": "x"}).status == 422
    assert harbor_admin.post(artifacts(name, "/v2/labels"), json={"id": one}).status == 200
    assert digests(listed(harbor_admin, name, f"?q=labels=({one} {two})")) == [str(digest)]
    assert digests(listed(harbor_admin, name, f"?q=labels={one}")) == [str(other), str(digest)]
    found = harbor_admin.get(artifacts(name, "/v1?with_label=true")).json()
    assert [marked["id"] for marked in found["labels"]] == [one, two]
    assert "labels" not in harbor_admin.get(artifacts(name, "/v1")).json()
    assert harbor_admin.delete(artifacts(name, f"/v1/labels/{one}")).status == 200
    assert harbor_admin.delete(artifacts(name, f"/v1/labels/{one}")).status == 404
    assert harbor_admin.delete(f"/labels/{two}").status == 200
    assert harbor_admin.get(artifacts(name, "/v1?with_label=true")).json()["labels"] == []


def test_a_config_that_is_no_json_takes_no_page_down(harbor_admin: HarborClient, push: Client, name: str) -> None:
    pushes.image(push, f"library/{name}", "bad", of=pushes.unique().encode())
    pushes.image(push, f"library/{name}", "list", of=json.dumps([pushes.unique()]).encode())
    pushes.image(push, f"library/{name}", "large", of=pushes.config(filler="x" * 300_000))
    found = listed(harbor_admin, name)
    assert len(found) == 3
    assert found[0]["extra_attrs"] == {}
    assert harbor_admin.get(artifacts(name, "/bad/additions/build_history")).body == b"null"


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("DELETE", "/v1"),
        ("POST", "/v1/tags"),
        ("DELETE", "/v1/tags/v1"),
        ("POST", "/v1/labels"),
        ("DELETE", "/v1/labels/1"),
        ("POST", "?from=library/x:v1"),
    ],
)
def test_strangers_read_a_public_project_and_change_nothing(
    anonymous: HarborClient, push: Client, name: str, method: str, rest: str
) -> None:
    pushes.image(push, f"library/{name}", "v1")
    for read in ("", "/v1", "/v1/tags", "/v1/accessories", "/v1/additions/build_history"):
        assert anonymous.get(artifacts(name, read)).status == 200
    body = {"name": "v2", "id": 1} if method == "POST" and "?" not in rest else None
    answer = anonymous.send(method, artifacts(name, rest), json=body)
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")


def test_a_page_costs_the_same_calls_for_one_artifact_more(
    harbor_admin: HarborClient, push: Client, name: str, calls: Calls
) -> None:
    for number in range(3):
        pushes.image(push, f"library/{name}", f"v{number}")
    listed(harbor_admin, name)

    def cost(query: str) -> dict[str, int]:
        calls()
        listed(harbor_admin, name, query)
        return calls()

    before = cost("?page_size=2&with_label=true&with_accessory=true")
    pushes.image(push, f"library/{name}", "v9")
    listed(harbor_admin, name)
    assert cost("?page_size=2&with_label=true&with_accessory=true") == before
    assert before == {"DynamoDB.BatchGetItem": 3, "DynamoDB.Query": 6}
