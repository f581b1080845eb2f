"""Repositories, search and statistics over Harbor's API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.harbor.artifact_views import NEVER
from chalicelib.oci.digest import Digest
from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient

Calls = Callable[[], dict[str, int]]
PASSWORD = "Secret-password-1"


@pytest.fixture(scope="module")
def team(api: object, harbor_admin: HarborClient) -> str:
    """A private project."""
    name = pushes.unique("p")
    assert harbor_admin.post("/projects", json={"project_name": name}).status == 201
    return name


def user(settings: Settings, anonymous: HarborClient, project: str = "", role: str = "") -> HarborClient:
    name, people = pushes.unique("u"), bootstrap.users(settings)
    people.create(name, PASSWORD, is_admin=False, now=1)
    if role:
        people.grant(project, name, role)
    return anonymous.basic(name, PASSWORD)


@pytest.fixture(scope="module")
def guest(settings: Settings, anonymous: HarborClient, team: str) -> HarborClient:
    return user(settings, anonymous, team, "guest")


@pytest.fixture(scope="module")
def outsider(settings: Settings, anonymous: HarborClient, team: str) -> HarborClient:
    return user(settings, anonymous)


def names(client: HarborClient, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status == 200, answer
    return [found["name"] for found in answer.json()]


def of(project: str, name: str = "") -> str:
    rest = f"/{name.replace('/', '%252F')}" if name else ""
    return f"/projects/{project}/repositories{rest}"


def test_a_repository_is_told_described_and_deleted(harbor_admin: HarborClient, admin: Client, team: str) -> None:
    name = f"{pushes.unique()}/deep"
    pushes.image(admin, f"{team}/{name}", "v1")
    pushes.image(admin, f"{team}/{name}", "v2")
    document = harbor_admin.get(of(team, name)).json()
    assert (document["name"], document["artifact_count"], document["pull_count"]) == (f"{team}/{name}", 2, 0)
    assert "description" not in document
    for text in ("# An app\n<b>bold</b>", "\u00e9" * 100):
        assert harbor_admin.put(of(team, name), json={"description": text}).status == 200
        assert harbor_admin.get(of(team, name)).json()["description"] == text
    assert harbor_admin.put(of(team, name), json={"description": "x" * 16385}).status == 400
    assert harbor_admin.put(of(team, name), json={"description": 1}).status == 422
    assert harbor_admin.put(of(team, name), json={}).status == 200
    assert "description" not in harbor_admin.get(of(team, name)).json()
    assert harbor_admin.delete(of(team, name)).status == 200
    for method in ("GET", "DELETE"):
        answer = harbor_admin.send(method, of(team, name))
        assert (answer.status, answer.error_code) == (404, "NOT_FOUND")
    assert harbor_admin.put(of(team, name), json={"description": "x"}).status == 404
    assert admin.get(f"/v2/{team}/{name}/manifests/v1").status == 404


def test_a_projects_repositories_are_filtered_sorted_and_paged(
    harbor_admin: HarborClient, admin: Client, team: str
) -> None:
    start = pushes.unique()
    for letter in "bca":
        pushes.image(admin, f"{team}/{start}-{letter}", "v1")
    pushes.image(admin, f"{team}/{start}-c", "v2")
    wanted = [f"{team}/{start}-{letter}" for letter in "abc"]
    assert names(harbor_admin, f"{of(team)}?q=name=~{start}") == wanted
    assert names(harbor_admin, f"{of(team)}?q=name=~{start}&sort=-name") == wanted[::-1]
    assert names(harbor_admin, f"{of(team)}?q=name=~{start}&sort=-artifact_count,name")[0] == wanted[2]
    assert names(harbor_admin, f"{of(team)}?q=name=~{start},artifact_count=2") == [wanted[2]]
    assert names(harbor_admin, f"{of(team)}?q=name={team}/{start}-a") == wanted[:1]
    page = harbor_admin.get(f"{of(team)}?q=name=~{start}&page=2&page_size=2")
    assert [found["name"] for found in page.json()] == wanted[2:]
    assert page.headers["x-total-count"] == "3"
    everything = names(harbor_admin, f"{of(team)}?page_size=100")
    assert everything == sorted(everything)
    assert names(harbor_admin, f"{of(team)}?sort=-name&page_size=100") == everything[::-1]
    assert names(harbor_admin, f"{of(team)}?page=2&page_size=2") == everything[2:4]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/repositories?q=broken", 400),
        ("/repositories?page_size=0", 422),
        ("/repositories?page_size=101", 422),
        ("/repositories?q=blob_digest=sha256:bad", 400),
        ("/projects/none-at-all/repositories", 404),
        ("/projects/library/repositories/BAD", 404),
        ("/projects/library/repositories/none", 404),
        ("/projects/library/repositories/..%252F..%252Fx", 404),
    ],
)
def test_bad_requests_are_refused(harbor_admin: HarborClient, url: str, status: int) -> None:
    assert harbor_admin.get(url).status == status


def test_everybody_lists_what_they_may_see(
    harbor_admin: HarborClient, anonymous: HarborClient, guest: HarborClient, outsider: HarborClient, admin: Client, team: str
) -> None:
    name = pushes.unique("seen")
    for project in (team, "library"):
        pushes.image(admin, f"{project}/{name}", "v1")
    public, private = f"library/{name}", f"{team}/{name}"
    url = f"/repositories?q=name=~{name}"
    assert names(anonymous, url) == names(outsider, url) == [public]
    assert names(harbor_admin, url) == names(guest, url) == sorted([public, private])
    for found, client in ((1, anonymous), (1, outsider), (2, guest), (2, harbor_admin)):
        assert client.get(url).headers["x-total-count"] == str(found)
        assert len(client.get(f"/search?q={name}").json()["repository"]) == found


@pytest.mark.parametrize(("action", "is_seen"), [("list", True), ("pull", False)])
def test_a_robot_lists_where_it_was_given_to(
    harbor_admin: HarborClient, anonymous: HarborClient, admin: Client, team: str, action: str, is_seen: bool
) -> None:
    name = pushes.unique("robots")
    for project in (team, "library"):
        pushes.image(admin, f"{project}/{name}", "v1")
    access = [{"resource": "repository", "action": action}]
    if action == "pull":
        access.append({"resource": "repository", "action": "push"})
    wanted = {
        "name": pushes.unique("ci"),
        "level": "system",
        "duration": -1,
        "permissions": [{"kind": "project", "namespace": team, "access": access}],
    }
    made = harbor_admin.post("/robots", json=wanted)
    assert made.status == 201, made
    robot = anonymous.basic(made.json()["name"], made.json()["secret"])
    assert (f"{team}/{name}" in names(robot, f"/repositories?q=name=~{name}")) == is_seen
    assert f"library/{name}" in names(robot, f"/repositories?q=name=~{name}")
    assert robot.get(of(team)).status == (200 if is_seen else 403)


def test_rights_are_those_of_the_role(
    harbor_admin: HarborClient, anonymous: HarborClient, guest: HarborClient, outsider: HarborClient, admin: Client, team: str
) -> None:
    name = pushes.unique()
    pushes.image(admin, f"{team}/{name}", "v1")
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert anonymous.send(method, of(team, name), json=body).status == 401
        assert outsider.send(method, of(team, name), json=body).status == 403
        assert guest.send(method, of(team, name), json=body).status == (200 if method == "GET" else 403)
    assert harbor_admin.get(of(team, name)).status == 200


def test_replication_finds_a_repository_to_mount_a_blob_from(
    harbor_admin: HarborClient, outsider: HarborClient, admin: Client, team: str
) -> None:
    """`GET /repositories?q=blob_digest=<digest>&page_size=1` is what Harbor's adapter asks before it uploads a blob."""
    name, content = pushes.unique(), pushes.config()
    pushes.image(admin, f"{team}/{name}", "v1", of=content)
    digest = Digest.of(content)
    url = f"/repositories?q=blob_digest={digest}&page_size=1&page_number=1"
    assert names(harbor_admin, url) == [f"{team}/{name}"]
    assert names(harbor_admin, f"{of(team)}?q=blob_digest={digest}") == [f"{team}/{name}"]
    assert names(harbor_admin, f"{of('library')}?q=blob_digest={digest}") == []
    assert names(outsider, url) == []
    assert names(harbor_admin, f"/repositories?q=blob_digest={Digest.of(b'none')}") == []
    mount = admin.send("POST", f"/v2/{team}/{pushes.unique()}/blobs/uploads/?mount={digest}&from={team}/{name}")
    assert mount.status == 201


def test_replication_reads_everything_harbors_adapter_asks_for(
    harbor_admin: HarborClient, admin: Client, team: str
) -> None:
    """The calls of Harbor's own adapter, with its parameters, in its order."""
    name = pushes.unique()
    child = pushes.image(admin, f"{team}/{name}")
    parent = pushes.index(admin, f"{team}/{name}", "v1", {child: {"os": "linux"}})
    signature = pushes.accessory(admin, f"{team}/{name}", parent)
    on_child = pushes.accessory(admin, f"{team}/{name}", child)
    assert harbor_admin.get("/api/version").json() == {"version": "v2.0"}
    assert harbor_admin.get("/labels?scope=g").status == 200
    (project,) = harbor_admin.get(f"/projects?q=name%3D{team}&with_detail=false&page=1&page_size=15").json()
    assert project["name"] == team
    found = harbor_admin.get(f"{of(team)}?page=1&page_size=15")
    assert f"{team}/{name}" in [repository["name"] for repository in found.json()]
    url = f"{of(team, name)}/artifacts?with_label=true&with_accessory=true&page_size=15&page=1"
    (artifact,) = harbor_admin.get(url).json()
    assert (artifact["type"], artifact["digest"], artifact["labels"]) == ("IMAGE", str(parent), [])
    assert [accessory["digest"] for accessory in artifact["accessories"]] == [str(signature)]
    (reference,) = artifact["references"]
    one = harbor_admin.get(f"{of(team, name)}/artifacts/{reference['child_digest']}?with_accessory=true").json()
    assert [accessory["digest"] for accessory in one["accessories"]] == [str(on_child)]
    deep = harbor_admin.get(f"{of(team, name)}/artifacts/{on_child}?with_accessory=true&with_tag=true").json()
    assert (deep["accessories"], deep["tags"]) == ([], [])
    assert [tag["name"] for tag in harbor_admin.get(f"{of(team, name)}/artifacts/{parent}/tags").json()] == ["v1"]
    assert harbor_admin.delete(f"{of(team, name)}/artifacts/v1/tags/v1").status == 200


def test_search_tells_projects_and_repositories(
    harbor_admin: HarborClient, anonymous: HarborClient, guest: HarborClient, admin: Client, team: str
) -> None:
    pushes.image(admin, f"{team}/{pushes.unique()}", "v1")
    (project,) = guest.get(f"/search?q={team}").json()["project"]
    assert (project["name"], project["metadata"]["public"], project["current_user_role_id"]) == (team, "false", 3)
    assert project["repo_count"] == int(str(guest.get(of(team)).headers["x-total-count"]))
    found = guest.get(f"/search?q={team}").json()["repository"][0]
    assert (found["project_name"], found["project_public"], found["artifact_count"]) == (team, False, 1)
    assert anonymous.get(f"/search?q={team}").json() == {"project": [], "repository": []}
    assert [p["name"] for p in anonymous.get("/search?q=librar").json()["project"]] == ["library"]
    assert anonymous.get("/search").status == 422
    assert len(harbor_admin.get(f"/search?q={team}").json()["project"]) == 1


def test_statistics_count_what_somebody_sees(
    harbor_admin: HarborClient, anonymous: HarborClient, guest: HarborClient, outsider: HarborClient, admin: Client, team: str
) -> None:
    assert anonymous.get("/statistics").status == 401
    before: dict[str, Any] = harbor_admin.get("/statistics").json()
    mine = guest.get("/statistics").json()
    assert (mine["private_project_count"], mine["total_project_count"], mine["total_storage_consumption"]) == (1, 0, 0)
    assert outsider.get("/statistics").json()["private_project_count"] == 0
    pushes.image(admin, f"{team}/{pushes.unique()}", "v1")
    pushes.image(admin, f"library/{pushes.unique()}", "v1")
    after = harbor_admin.get("/statistics").json()
    assert after["total_repo_count"] == before["total_repo_count"] + 2
    assert after["public_repo_count"] == before["public_repo_count"] + 1
    assert after["total_project_count"] == after["private_project_count"] + after["public_project_count"]
    assert after["total_storage_consumption"] > 0
    assert guest.get("/statistics").json()["private_repo_count"] == mine["private_repo_count"] + 1


def test_a_page_of_repositories_costs_the_same_for_one_more(
    harbor_admin: HarborClient, admin: Client, team: str, calls: Calls
) -> None:
    def cost(url: str) -> dict[str, int]:
        calls()
        assert harbor_admin.get(url).status == 200
        return calls()

    for _ in range(3):
        pushes.image(admin, f"{team}/{pushes.unique()}", "v1")
    urls = (f"{of(team)}?page_size=3", "/repositories?page_size=3")
    before = [cost(url) for url in urls]
    pushes.image(admin, f"{team}/{pushes.unique()}", "v1")
    assert [cost(url) for url in urls] == before
    assert before == [{"DynamoDB.Query": 2, "DynamoDB.BatchGetItem": 2}] * 2


def test_pulls_are_counted_and_timed(harbor_admin: HarborClient, admin: Client, team: str) -> None:
    name = pushes.unique()
    pushes.image(admin, f"{team}/{name}", "v1", "v2")
    url, deadline = f"{of(team, name)}/artifacts/v1", time.monotonic() + 10
    while harbor_admin.get(url).json()["pull_time"] == NEVER and time.monotonic() < deadline:
        assert admin.get(f"/v2/{team}/{name}/manifests/v1").status == 200
        time.sleep(0.4)  # pulls are counted once a second
    artifact = harbor_admin.get(url).json()
    assert artifact["pull_time"] != NEVER
    assert {tag["name"]: tag["pull_time"] == NEVER for tag in artifact["tags"]} == {"v1": False, "v2": True}
    assert harbor_admin.get(of(team, name)).json()["pull_count"] >= 1
    listed = f"{of(team, name)}/artifacts?q=pull_time=[2020-01-01T00:00:00~]"
    assert len(harbor_admin.get(listed).json()) == 1
