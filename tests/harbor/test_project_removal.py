"""Removing projects: never one with repositories, never half, and nothing of it is left for the next of its name."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from chalicelib.oci.digest import Digest
from tests import builders
from tests.client import Answer, Client
from tests.harbor.client import HarborClient
from tests.harbor.people import PASSWORD, World

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER, CONFIG = b"layer", b"{}"


def push(client: Client, name: str, tag: str = "latest") -> Answer:
    """Push a small image; the answer to its manifest."""
    for content in (LAYER, CONFIG):
        answer = client.push_blob(name, content, Digest.of(content))
        if answer.status != 201:
            return answer
    manifest = builders.image(CONFIG, (LAYER,))
    return client.send("PUT", f"/v2/{name}/manifests/{tag}", manifest, content_type=OCI_MANIFEST)


def registry(world: World, by: HarborClient) -> Client:
    return Client(world.anonymous.api, by.authorization)


def test_project_with_repositories_is_not_removed(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann)
    client = registry(world, ann)
    assert push(client, f"{project}/app").status == 201
    assert world.admin.get(f"/projects/{project}").json()["repo_count"] == 1
    assert ann.get(f"/projects/{project}/summary").json()["repo_count"] == 1
    deletable = ann.get(f"/projects/{project}/_deletable").json()
    assert deletable == {"deletable": False, "message": "the project contains repositories, can not be deleted"}
    answer = ann.delete(f"/projects/{project}")
    assert (answer.status, answer.error_code) == (412, "PRECONDITION")
    assert answer.json()["errors"][0]["message"] == deletable["message"]
    assert client.get(f"/v2/{project}/app/manifests/latest").status == 200


@pytest.mark.parametrize("has_token", [True, False])
def test_what_was_given_in_a_removed_project_is_void_in_the_next_of_its_name(world: World, *, has_token: bool) -> None:
    project = world.project()
    _, ann = world.member(project, 2)
    client = registry(world, ann)
    old = client.login(f"repository:{project}/app:pull,push") if has_token else client
    assert old.push_blob(f"{project}/app", LAYER, Digest.of(LAYER)).status == 201
    assert world.admin.delete(f"/projects/{project}").status == 200
    world.project(project)
    assert push(old, f"{project}/app").status in (403, 404)
    assert old.get(f"/v2/{project}/app/manifests/latest").status in (403, 404)
    assert world.admin.get(f"/projects/{project}").json()["repo_count"] == 0
    catalog = registry(world, world.admin).get("/v2/_catalog?n=1000").json()["repositories"]
    assert f"{project}/app" not in catalog
    fresh = client.login(f"repository:{project}/app:pull,push")
    assert push(fresh, f"{project}/app").status in (401, 403)
    owner = registry(world, world.admin).login(f"repository:{project}/app:pull,push")
    assert push(owner, f"{project}/app").status == 201
    assert old.get(f"/v2/{project}/app/manifests/latest").status in (403, 404)


@pytest.mark.parametrize("is_made_again", [False, True])
def test_upload_begun_in_a_removed_project_ends_nowhere(world: World, *, is_made_again: bool) -> None:
    """Its signed address is all it needs, for hours, but it names the project by its id."""
    project = world.project()
    _, ann = world.member(project, 2)
    started = registry(world, ann).send("POST", f"/v2/{project}/app/blobs/uploads/")
    assert started.status == 202
    assert world.admin.delete(f"/projects/{project}").status == 200
    if is_made_again:
        world.project(project)
    parts = urlsplit(str(started.headers["location"]))
    url, digest = f"{parts.path}?{parts.query}", Digest.of(LAYER)
    finished = Client(world.anonymous.api).send("PUT", f"{url}&digest={digest}", LAYER)
    assert finished.status in (403, 404), finished
    if is_made_again:
        owner = registry(world, world.admin)
        assert owner.get(f"/v2/{project}/app/blobs/{digest}").status == 404
        assert world.admin.get(f"/projects/{project}/summary").json()["quota"]["used"]["storage"] == 0


def test_push_with_the_token_of_a_removed_project_says_that_it_is_gone(world: World) -> None:
    project = world.project()
    client = registry(world, world.admin).login(f"repository:{project}/app:pull,push")
    assert world.admin.delete(f"/projects/{project}").status == 200
    answer = client.push_blob(f"{project}/app", LAYER, Digest.of(LAYER))
    assert (answer.status, answer.error_code) == (404, "NAME_UNKNOWN")


def test_push_and_removal_at_the_same_time_have_one_winner(world: World) -> None:
    def attempt(number: int) -> tuple[bool, bool]:
        project = world.project(world.name(f"race{number}"))
        client = registry(world, world.admin).login(f"repository:{project}/app:pull,push")
        for content in (LAYER, CONFIG):
            assert client.push_blob(f"{project}/app", content, Digest.of(content)).status == 201
        manifest = builders.image(CONFIG, (LAYER,))
        url = f"/v2/{project}/app/manifests/latest"
        with ThreadPoolExecutor(2) as pool:
            pushed = pool.submit(client.send, "PUT", url, manifest, content_type=OCI_MANIFEST)
            time.sleep(0.002 * (number % 8))
            removed = pool.submit(world.admin.delete, f"/projects/{project}")
            is_pushed, is_removed = pushed.result().status, removed.result().status
        assert (is_pushed, is_removed) in ((201, 412), (404, 200)), (is_pushed, is_removed)
        assert client.get(url).status == (200 if is_pushed == 201 else 404)
        return is_pushed == 201, is_removed == 200

    outcomes = list(itertools.starmap(attempt, [(number,) for number in range(16)]))
    assert all(pushed != removed for pushed, removed in outcomes)


def test_members_of_a_removed_project_go_in_steps(world: World) -> None:
    from chalicelib import bootstrap  # noqa: PLC0415
    from chalicelib.aws.members import DynamoMembers  # noqa: PLC0415
    from chalicelib.aws.projects import DynamoProjects  # noqa: PLC0415
    from chalicelib.rbac.member import USER, Entity, Member  # noqa: PLC0415
    from chalicelib.rbac.model import Project  # noqa: PLC0415
    from chalicelib.rbac.project_records import ProjectRecords  # noqa: PLC0415

    table = bootstrap.wire(world.settings).table
    members, projects = DynamoMembers(table), DynamoProjects(table)
    project = Project(world.project(), 0, is_public=False)
    project = project._replace(project_id=world.id_of(project.name))
    for number in range(60):
        entity = Entity(USER, 10**6 + number, f"{project.name}-{number}")
        table.write(members.add_actions(project, Member(members.new_id(), project.project_id, entity, "guest")))
    assert world.admin.delete(f"/projects/{project.name}").status == 200
    assert members.page(project.project_id, 0, 100, False)[1] == 61 - 50
    assert project.project_id in [departed.project_id for departed in projects.departed()]
    assert ProjectRecords(projects, members).sweep() >= 1
    assert members.page(project.project_id, 0, 100, False) == ([], 0)
    assert project.project_id not in [departed.project_id for departed in projects.departed()]
    assert members.granted(f"{project.name}-59", 10**6 + 59, ()) == {}


def test_removed_member_is_refused_by_the_next_request(world: World) -> None:
    project = world.project()
    name, ann = world.member(project, 1)
    body = {"role_id": 3, "member_user": {"username": world.user()[0]}}
    assert ann.post(f"/projects/{project}/members", json=body).status == 201
    members = world.admin.get(f"/projects/{project}/members", params={"entityname": name}).json()
    assert world.admin.delete(f"/projects/{project}/members/{members[0]['id']}").status == 200
    assert ann.get(f"/projects/{project}/members").status == 403
    query = f"scope=repository:{project}/app:pull"
    token = world.anonymous.basic(name, PASSWORD).get(f"/service/token?{query}").json()["token"]
    assert Client(world.anonymous.api, f"Bearer {token}").get(f"/v2/{project}/app/manifests/x").status == 403
