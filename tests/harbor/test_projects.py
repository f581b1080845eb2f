"""Projects over HTTP: made, found, listed for whom they are visible, changed, removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harbor.client import HarborClient
from tests.harbor.people import World


def test_project_is_made_and_read_by_id_and_by_name(world: World) -> None:
    name, ann = world.user()
    project = world.name()
    answer = ann.post("/projects", json={"project_name": project, "metadata": {"public": "true", "auto_scan": "true"}})
    assert answer.status == 201 and answer.body == b""
    location = answer.headers["location"]
    found = ann.get(location).json()
    assert location == f"/api/v2.0/projects/{found['project_id']}"
    assert ann.get(f"/projects/{project}").json() == found
    assert found["name"] == project and found["repo_count"] == 0
    assert found["metadata"] == {"public": "true", "auto_scan": "true"}
    assert (found["owner_name"], found["current_user_role_id"], found["current_user_role_ids"]) == (name, 1, [1])
    assert found["cve_allowlist"]["items"] == []


def test_location_has_the_name_where_the_client_asks_for_it(world: World) -> None:
    name = world.name()
    answer = world.admin.post("/projects", json={"project_name": name}, headers={"X-Resource-Name-In-Location": "true"})
    assert answer.headers["location"] == f"/api/v2.0/projects/{name}"


def test_project_with_digits_for_a_name_is_found_by_name_when_asked(world: World) -> None:
    name = str(int(world.name("9").partition("-")[2], 16))[:18]
    world.project(name)
    assert world.admin.get(f"/projects/{name}").status == 404
    found = world.admin.get(f"/projects/{name}", headers={"X-Is-Resource-Name": "true"}).json()
    assert found["name"] == name


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"project_name": "Team"}, 400),
        ({"project_name": "a/b"}, 400),
        ({"project_name": ""}, 400),
        ({}, 400),
        ({"project_name": "a" * 254}, 400),
        ({"project_name": "a" * 256}, 422),
        ({"project_name": 5}, 422),
        ({"project_name": "ok", "metadata": {"public": "maybe"}}, 400),
        ({"project_name": "ok", "metadata": {"severity": "worst"}}, 400),
        ({"project_name": "ok", "metadata": {"retention_id": "7"}}, 400),
        ({"project_name": "ok", "storage_limit": -7}, 400),
        ({"project_name": "ok", "storage_limit": 2**51}, 400),
        ({"project_name": "ok", "registry_id": 3}, 400),
        ({"project_name": "ok", "cve_allowlist": {"items": [{"cve_id": "x"}, {"cve_id": "x"}]}}, 400),
        ({"project_name": "ok", "cve_allowlist": {"items": [{"cve_id": " "}]}}, 400),
        ({"project_name": "library"}, 409),
        ([], 422),
    ],
)
def test_what_cannot_be_a_project_is_refused(world: World, body: Any, status: int) -> None:
    assert world.admin.post("/projects", json=body).status == status


def test_unknown_members_are_passed_over(world: World) -> None:
    world.project(color="red", metadata={"public": "false", "proxy_speed_kb": "5"})


def test_anonymous_makes_nothing_and_a_taken_name_is_a_conflict(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann)
    assert world.anonymous.post("/projects", json={"project_name": world.name()}).status == 401
    assert ann.post("/projects", json={"project_name": project}).error_code == "CONFLICT"


def test_deprecated_public_makes_a_public_project(world: World) -> None:
    project = world.project(public=True)
    assert world.anonymous.get(f"/projects/{project}").json()["metadata"] == {"public": "true"}


def test_who_may_make_projects_is_configured(world: World) -> None:
    from chalicelib import bootstrap  # noqa: PLC0415 - the configuration's own API is another's

    _, ann = world.user()
    configurations = bootstrap.wire(world.settings).configurations
    configurations.change({"project_creation_restriction": "adminonly"})
    try:
        assert ann.post("/projects", json={"project_name": world.name()}).status == 403
        world.project()
    finally:
        configurations.change({"project_creation_restriction": "everyone"})
    world.project(by=ann)


def test_a_private_project_is_hidden_and_a_public_one_is_not(world: World) -> None:
    _, ann = world.user()
    private, public = world.project(), world.project(metadata={"public": "true"})
    for client, status in ((world.anonymous, 401), (ann, 403)):
        assert client.get(f"/projects/{private}").status == status
        assert client.get(f"/projects/{private}-absent").status == status
        assert client.get(f"/projects/{public}").status == 200
    assert world.admin.get(f"/projects/{private}-absent").status == 404
    assert world.admin.get("/projects/99999999").status == 404
    assert world.admin.get(f"/projects/{'9' * 400}").status == 404


def test_head_says_whether_a_name_is_taken(world: World) -> None:
    _, ann = world.user()
    project = world.project()
    assert ann.head("/projects", params={"project_name": project}).status == 200
    assert ann.head("/projects", params={"project_name": f"{project}x"}).status == 404
    assert ann.head("/projects").status == 422
    assert world.anonymous.head("/projects", params={"project_name": project}).status == 401


def names(client: HarborClient, url: str = "/projects", **params: Any) -> list[str]:
    answer = client.get(url, params=params)
    assert answer.status == 200, answer.body
    return [project["name"] for project in answer.json()]


def test_list_shows_everybody_what_they_may_see(world: World) -> None:
    mark = world.name("seen")
    _, ann = world.user()
    private, public = world.project(f"{mark}-a"), world.project(f"{mark}-b", metadata={"public": "true"})
    own, other = world.project(f"{mark}-c", by=ann), world.project(f"{mark}-d")
    q = {"q": f"name=~{mark}"}
    assert names(world.admin, **q) == [private, public, own, other]
    assert names(ann, **q) == [public, own]
    assert names(world.anonymous, **q) == [public]
    assert names(ann, **q, sort="-name") == [own, public]
    assert names(ann, name=mark, public="false") == [own]
    assert names(world.anonymous, name=mark, public="false") == []
    assert names(ann, name=mark, public="true") == [public]
    assert names(world.admin, name=mark, owner="admin") == [private, public, other]


def test_pages_of_a_member_are_the_public_projects_and_their_own_in_one_order(world: World) -> None:
    _, ann = world.user()
    for number in range(5):
        world.project(world.name(f"page{number}"), by=ann if number % 2 else None, metadata={"public": "true"})
        world.project(world.name(f"page{number}"), by=ann)
    answer = ann.get("/projects", params={"page_size": 100})
    every, total = [project["name"] for project in answer.json()], int(answer.headers["x-total-count"])
    page = 2
    while len(every) < total:
        every += names(ann, page=page, page_size=100)
        page += 1
    assert every == sorted(every) and len(set(every)) == total
    seen = [name for page in range(1, total // 7 + 2) for name in names(ann, page=page, page_size=7)]
    assert seen == every
    backwards = [name for page in range(1, total // 7 + 2) for name in names(ann, page=page, page_size=7, sort="-name")]
    assert backwards == every[::-1]
    assert names(ann, page=10_000) == []


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page": 0}, 422),
        ({"page_size": 0}, 422),
        ({"page_size": 101}, 422),
        ({"page": "x"}, 422),
        ({"q": "name"}, 400),
        ({"q": "name=[5]"}, 400),
        ({"public": "perhaps"}, 422),
        ({"sort": "nothing,-name"}, 200),
        ({"q": "nothing=5", "page_size": 1}, 200),
    ],
)
def test_what_is_wrong_with_a_page_is_said(world: World, params: dict[str, Any], status: int) -> None:
    assert world.admin.get("/projects", params=params).status == status


def test_project_is_changed_by_whom_it_belongs_to(world: World) -> None:
    _, ann = world.user()
    _, bob = world.user()
    project = world.project(by=ann)
    body = {
        "metadata": {"public": "true", "severity": "High", "prevent_vul": "true"},
        "cve_allowlist": {"items": [{"cve_id": "CVE-2026-1"}], "expires_at": 1_900_000_000},
    }
    assert bob.put(f"/projects/{project}", json=body).status == 403
    assert world.anonymous.put(f"/projects/{project}", json=body).status == 401
    answer = ann.put(f"/projects/{project}", json=body)
    assert (answer.status, answer.body) == (200, b"")
    found = world.anonymous.get(f"/projects/{project}").json()
    assert found["metadata"] == {"public": "true", "severity": "high", "prevent_vul": "true"}
    assert found["cve_allowlist"]["items"] == [{"cve_id": "CVE-2026-1"}]
    assert found["cve_allowlist"]["expires_at"] == 1_900_000_000
    assert project in names(world.anonymous, name=project)
    assert ann.put(f"/projects/{project}", json={"metadata": {"public": "false"}}).status == 200
    assert names(world.anonymous, name=project) == []
    assert ann.get(f"/projects/{project}").json()["metadata"]["severity"] == "high"


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"auto_scan": "sometimes"}},
        {"metadata": {"retention_id": "4"}},
        {"cve_allowlist": {"project_id": 1234567, "items": []}},
    ],
)
def test_change_that_makes_no_sense_changes_nothing(world: World, body: Any) -> None:
    project = world.project()
    before = world.admin.get(f"/projects/{project}").json()
    assert world.admin.put(f"/projects/{project}", json=body).status == 400
    assert world.admin.get(f"/projects/{project}").json() == before




def test_project_without_repositories_is_removed_and_its_name_is_free(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann, metadata={"public": "true"})
    old_id = world.id_of(project)
    assert ann.get(f"/projects/{project}/_deletable").json() == {"deletable": True}
    _, bob = world.user()
    assert bob.delete(f"/projects/{project}").status == 403
    answer = ann.delete(f"/projects/{old_id}")
    assert (answer.status, answer.body) == (200, b"")
    assert world.admin.get(f"/projects/{old_id}").status == 404
    assert world.admin.get(f"/projects/{project}").status == 404
    assert world.admin.delete(f"/projects/{project}").status == 404
    assert names(world.admin, name=project) == [] == names(world.anonymous, name=project)
    assert ann.get(f"/projects/{project}").status == 403
    world.project(project)
    assert world.id_of(project) > old_id
    assert ann.get(f"/projects/{project}").status == 403


def test_summary_counts_members_by_role(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann)
    world.member(project, 3)
    world.member(project, 3)
    _, limited = world.member(project, 5)
    summary = ann.get(f"/projects/{project}/summary").json()
    assert summary["repo_count"] == 0
    counts = {"project_admin_count": 1, "maintainer_count": 0, "developer_count": 0, "guest_count": 2}
    assert {**counts, "limited_guest_count": 1}.items() <= summary.items()
    assert "guest_count" not in limited.get(f"/projects/{project}/summary").json()


METADATA = "/projects/{}/metadatas/"


def test_metadata_is_added_read_changed_and_removed(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann)
    url = METADATA.format(project)
    assert ann.get(url).json() == {"public": "false"}
    assert ann.post(url, json={"prevent_vul": "1"}).status == 200
    assert ann.post(url, json={"prevent_vul": "true"}).status == 409
    assert ann.get(f"{url}prevent_vul").json() == {"prevent_vul": "true"}
    assert ann.put(f"{url}prevent_vul", json={"prevent_vul": "f"}).status == 200
    assert ann.get(url).json() == {"public": "false", "prevent_vul": "false"}
    assert ann.delete(f"{url}prevent_vul").status == 200
    assert ann.get(f"{url}prevent_vul").json() == {}
    assert ann.put(f"{url}public", json={"public": "true"}).status == 200
    assert world.anonymous.get(f"/projects/{project}").status == 200
    assert world.anonymous.get(url).status == 401


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "", {}, 400),
        ("POST", "", {"auto_scan": "true", "public": "true"}, 400),
        ("POST", "", {"nonsense": "true"}, 400),
        ("POST", "", {"retention_id": "3"}, 400),
        ("POST", "", {"proxy_speed_kb": "3"}, 400),
        ("POST", "", {"severity": "terrible"}, 400),
        ("POST", "", {"auto_scan": True}, 422),
        ("PUT", "auto_scan", {"public": "true"}, 400),
        ("PUT", "auto_scan", {"auto_scan": "whenever"}, 400),
        ("PUT", "nonsense", {"nonsense": "true"}, 400),
    ],
)
def test_metadata_harbor_does_not_know_is_refused(world: World, method: str, name: str, body: Any, status: int) -> None:
    project = world.project()
    assert world.admin.send(method, METADATA.format(project) + name, json=body).status == status


def test_changes_at_the_same_time_are_all_made(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    project = world.project()
    keys = ("auto_scan", "prevent_vul", "auto_sbom_generation", "enable_content_trust", "reuse_sys_cve_allowlist")
    with ThreadPoolExecutor(5) as pool:
        url = METADATA.format(project)
        answers = list(pool.map(lambda key: world.admin.post(url, json={key: "true"}).status, keys))
    assert answers == [200] * 5
    assert world.admin.get(url).json() == {"public": "false", **dict.fromkeys(keys, "true")}


def test_projects_made_at_the_same_time_are_all_there_and_one_of_a_name(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    mark = world.name("many")
    before = int(world.admin.get("/projects").headers["x-total-count"])
    wanted = [f"{mark}-{number:02}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"project_name": name, "metadata": {"public": "true"}} for name in (*wanted, *wanted)]
        answers = sorted(pool.map(lambda body: world.admin.post("/projects", json=body).status, bodies))
    assert answers == [201] * 20 + [409] * 20
    assert int(world.admin.get("/projects").headers["x-total-count"]) == before + 20
    found = world.anonymous.get("/projects", params={"q": f"name=~{mark}", "page_size": 100})
    assert [project["name"] for project in found.json()] == wanted
    assert len({project["project_id"] for project in found.json()}) == 20


def test_error_body_is_harbors(world: World) -> None:
    answer = world.admin.get("/projects/no-such-project-at-all")
    assert json.loads(answer.body)["errors"][0]["code"] == "NOT_FOUND"


def test_projects_are_found_by_their_owners_id(world: World) -> None:
    _, ann = world.user()
    project, _ = world.project(by=ann), world.project()
    owner_id = ann.get("/users/current").json()["user_id"]
    answer = world.admin.get("/projects", params={"q": f"owner_id={owner_id}"})
    assert ([found["name"] for found in answer.json()], answer.headers["x-total-count"]) == ([project], "1")
    assert world.admin.put(f"/projects/{project}", json={"metadata": {"auto_scan": "true"}}).status == 200
    assert [found["name"] for found in world.admin.get("/projects", params={"q": f"owner_id={owner_id}"}).json()] == [project]
