"""Robots over HTTP: made, listed, changed, removed; what they may; and docker's login with them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.oci.digest import Digest
from tests.client import Answer, Client, basic
from tests.harbor.client import HarborClient
from tests.harbor.people import World

PULL, PUSH = {"resource": "repository", "action": "pull"}, {"resource": "repository", "action": "push"}
MAKE = {"resource": "robot", "action": "create"}
LAYER = b"layer"


def on(project: str, *access: dict[str, str]) -> dict[str, Any]:
    return {"kind": "project", "namespace": project, "access": list(access)}


def body(project: str, *access: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "name": "ci",
        "level": "project",
        "duration": 30,
        "permissions": [on(project, *(access or (PULL, PUSH)))],
        **more,
    }


def made(client: HarborClient, document: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/robots", json=document)
    assert answer.status == 201, answer.body
    robot: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v2.0/robots/{robot['id']}"
    return robot


def push(client: Client, name: str) -> int:
    return client.push_blob(name, LAYER, Digest.of(LAYER)).status


def test_project_robot_is_made_by_the_administrator_of_the_project_and_works_in_it(world: World) -> None:
    name, ann = world.user()
    project, other = world.project(by=ann), world.project()
    before = int(time.time())
    robot = made(ann, body(project, description="builds"))
    assert robot["name"] == f"robot$team-{project.partition('-')[2]}+ci"
    assert len(robot["secret"]) == 32
    assert before + 30 * 86400 <= robot["expires_at"] <= before + 30 * 86400 + 60
    found = ann.get(f"/robots/{robot['id']}").json()
    assert "secret" not in found
    assert (found["name"], found["description"], found["level"]) == (robot["name"], "builds", "project")
    assert (found["disable"], found["editable"], found["duration"]) == (False, True, 30)
    maker = bootstrap.users(world.settings).find(name)
    assert maker is not None
    assert (found["creator_type"], found["creator_ref"]) == ("local", maker.user_id)
    assert found["permissions"] == [on(project, {**PULL, "effect": "allow"}, {**PUSH, "effect": "allow"})]
    client = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
    assert push(client, f"{project}/app") == 201
    token = client.login(f"repository:{project}/app:pull,push", f"repository:{other}/app:pull,push")
    assert push(token, f"{project}/app") == 201
    assert push(token, f"{other}/app") in (401, 403)
    assert push(client, f"{other}/app") == 403
    assert Client(client.api, basic(robot["name"], "Wrong-secret-1")).get("/service/token").status == 401


def test_system_robot_reaches_the_projects_it_names_and_all_of_them_with_a_star(world: World) -> None:
    one, two = world.project(), world.project()
    named = made(world.admin, {**body(one), "name": world.name("sys"), "level": "system"})
    every = made(world.admin, {**body("*"), "name": world.name("sys"), "level": "system", "duration": -1})
    assert every["expires_at"] == -1
    assert world.admin.get(f"/robots/{every['id']}").json()["duration"] == -1
    for robot, reached in ((named, (one,)), (every, (one, two))):
        client = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
        for project in (one, two):
            assert push(client, f"{project}/app") == (201 if project in reached else 403)
    seen = world.anonymous.basic(named["name"], named["secret"]).get("/projects", params={"page_size": 100}).json()
    assert one in [project["name"] for project in seen] and two not in [project["name"] for project in seen]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "CI"}, 400),
        ({"name": "a+b"}, 400),
        ({"name": ""}, 400),
        ({"name": "a" * 250}, 400),
        ({"level": "galaxy"}, 400),
        ({"level": ""}, 400),
        ({"duration": 0}, 400),
        ({"duration": -2}, 400),
        ({"duration": 2**31}, 400),
        ({"duration": "long"}, 422),
        ({"permissions": []}, 400),
        ({"permissions": [{"kind": "project", "namespace": "PROJECT", "access": []}]}, 400),
        ({"permissions": [on("PROJECT", {"resource": "trust-policy", "action": "create"})]}, 400),
        ({"permissions": [on("PROJECT", {"resource": "repository", "action": "fly"})]}, 400),
        ({"permissions": [on("PROJECT", {**PULL, "effect": "deny"})]}, 400),
        ({"permissions": [on("PROJECT", PULL), on("library", PULL)]}, 400),
        ({"permissions": [on("*", PULL)]}, 400),
        ({"permissions": [{"kind": "system", "namespace": "/", "access": [{"resource": "user", "action": "list"}]}]}, 400),
        ({"permissions": [{"kind": "strange", "namespace": "PROJECT", "access": [PULL]}]}, 400),
        ({"permissions": [{}]}, 400),
        ({"permissions": [on("no-such-project", PULL)]}, 404),
        ({"secret": "short"}, 400),
        ({"secret": "all-lower-case-1"}, 400),
        ({"description": "x" * 2000}, 400),
    ],
)
def test_what_cannot_be_a_robot_is_refused(world: World, change: dict[str, Any], status: int) -> None:
    project = world.project()
    document = body(project, **change)
    for permission in document["permissions"]:
        if permission.get("namespace") == "PROJECT":
            permission["namespace"] = project
    assert world.admin.post("/robots", json=document).status == status
    number = world.id_of(project)
    assert world.admin.get("/robots", params={"q": f"Level=project,ProjectID={number}"}).json() == []


def test_name_is_taken_once_and_life_is_the_configured_one_unless_asked(world: World) -> None:
    project = world.project()
    document = body(project)
    del document["duration"]
    robot = made(world.admin, document)
    assert world.admin.get(f"/robots/{robot['id']}").json()["duration"] == 30
    answer = world.admin.post("/robots", json=document)
    assert (answer.status, answer.error_code) == (409, "CONFLICT")


def test_secret_can_be_given_and_is_refreshed(world: World) -> None:
    project = world.project()
    robot = made(world.admin, body(project, secret="Given-secret-1"))
    url = f"/robots/{robot['id']}"
    assert robot["secret"] == "Given-secret-1"

    def logs_in(secret: str) -> bool:
        query = f"/service/token?scope=repository:{project}/app:pull"
        return Client(world.anonymous.api, basic(robot["name"], secret)).get(query).status == 200

    assert logs_in("Given-secret-1")
    fresh = world.admin.patch(url, json={}).json()["secret"]
    assert len(fresh) == 32 and logs_in(fresh) and not logs_in("Given-secret-1")
    assert world.admin.patch(url, json={"secret": "Another-secret-2"}).json() == {"secret": ""}
    assert logs_in("Another-secret-2") and not logs_in(fresh)
    assert world.admin.patch(url, json={"secret": "weak"}).status == 400
    assert logs_in("Another-secret-2")


def token_status(world: World, robot: dict[str, Any], *, now: int | None = None) -> Answer:
    client = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
    return client.send("GET", "/service/token?scope=repository:x/y:pull", now=now)


def test_disabled_expired_and_removed_robots_get_no_token_at_once(world: World) -> None:
    project = world.project()
    robot = made(world.admin, body(project, duration=1))
    url = f"/robots/{robot['id']}"
    assert token_status(world, robot).status == 200
    assert token_status(world, robot, now=robot["expires_at"] - 1).status == 200
    assert token_status(world, robot, now=robot["expires_at"]).status == 401
    document = world.admin.get(url).json()
    assert world.admin.put(url, json={**document, "disable": True}).status == 200
    assert world.admin.get(url).json()["disable"] is True
    assert token_status(world, robot).status == 401
    assert world.anonymous.basic(robot["name"], robot["secret"]).get("/projects").status == 401
    assert world.admin.put(url, json={**document, "disable": False, "duration": -1}).status == 200
    assert world.admin.get(url).json()["expires_at"] == -1
    assert token_status(world, robot).status == 200
    assert world.admin.delete(url).status == 200
    assert token_status(world, robot).status == 401
    assert world.anonymous.basic(robot["name"], robot["secret"]).get("/projects").status == 401
    for method in ("GET", "DELETE"):
        assert world.admin.send(method, url).status == 404
    assert made(world.admin, body(project))["id"] > robot["id"]


def test_rights_are_changed_but_not_level_name_and_project(world: World) -> None:
    project, other = world.project(), world.project()
    robot = made(world.admin, body(project))
    url = f"/robots/{robot['id']}"
    document = world.admin.get(url).json()
    assert world.admin.put(url, json={**document, "permissions": [on(project, PULL)]}).status == 200
    client = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
    assert push(client.login(f"repository:{project}/app:pull,push"), f"{project}/app") in (401, 403)
    assert world.admin.get(url).json()["permissions"] == [on(project, {**PULL, "effect": "allow"})]
    for change in (
        {"name": "robot$other"},
        {"level": "system"},
        {"permissions": [on(other, PULL)]},
        {"permissions": []},
        {"duration": 0},
    ):
        assert world.admin.put(url, json={**document, **change}).status == 400
    assert world.admin.put(url, json={**document, "name": "ci", "duration": 60}).status == 200


def test_robots_are_listed_by_level_and_project(world: World) -> None:
    project = world.project()
    names = [made(world.admin, body(project, name=f"ci{number}"))["name"] for number in range(5)]
    number = world.id_of(project)
    params = {"q": f"Level=project,ProjectID={number}", "page_size": 3}
    answer = world.admin.get("/robots", params=params)
    assert [robot["name"] for robot in answer.json()] == names[:3]
    assert answer.headers["x-total-count"] == "5" and 'rel="next"' in answer.headers["link"]
    answer = world.admin.get("/robots", params={**params, "sort": "-name"})
    assert [robot["name"] for robot in answer.json()] == names[:1:-1]
    answer = world.admin.get("/robots", params={"q": f"Level=project,ProjectID={number},name=~ci3"})
    assert [robot["name"] for robot in answer.json()] == [names[3]]
    system = made(world.admin, {**body("*"), "name": world.name("sys"), "level": "system"})
    for q in ({}, {"q": "Level=system"}):
        listed = world.admin.get("/robots", params={**q, "page_size": 100}).json()
        assert system["id"] in [robot["id"] for robot in listed]
        assert not set(names) & {robot["name"] for robot in listed}


@pytest.mark.parametrize("q", ["Level=galaxy", "Level=project", "Level=project,ProjectID=x", "Level=project,ProjectID=0", "x"])
def test_bad_lists_are_400(world: World, q: str) -> None:
    assert world.admin.get("/robots", params={"q": q}).status == 400


def test_who_has_no_right_on_robots_is_refused(world: World) -> None:
    project = world.project()
    robot = made(world.admin, body(project))
    system = made(world.admin, {**body("*"), "name": world.name("sys"), "level": "system"})
    url, q = f"/robots/{robot['id']}", {"q": f"Level=project,ProjectID={world.id_of(project)}"}
    _, stranger = world.user()
    for client, status in ((world.anonymous, 401), (stranger, 403)):
        assert client.get(url).status == status
        assert client.get("/robots", params=q).status == status
        assert client.get("/robots").status == status
        assert client.delete(url).status == status
        assert client.patch(url, json={}).status == status
        assert client.post("/robots", json=body(project, name="new")).status == status
        assert client.get(f"/robots/{system['id']}").status == status
    for role_id, may_see in ((4, 200), (2, 200), (3, 200), (5, 403)):
        _, client = world.member(project, role_id)
        assert client.get(url).status == may_see
        assert client.get("/robots", params=q).status == may_see
        assert client.delete(url).status == 403
        assert client.post("/robots", json=body(project, name="new")).status == 403
    _, owner = world.member(project, 1)
    assert owner.get(f"/robots/{system['id']}").status == 403
    assert owner.post("/robots", json={**body(project), "level": "system"}).status == 403
    assert world.admin.get("/robots/999999999").status == 404
    assert world.admin.get("/robots/x").status == 422


def test_robot_makes_robots_within_its_own_rights_only(world: World) -> None:
    project, other = world.project(), world.project()
    maker = made(world.admin, body(project, PULL, MAKE))
    robot = world.anonymous.basic(maker["name"], maker["secret"])
    child = made(robot, body(project, PULL, name="child"))
    found = world.admin.get(f"/robots/{child['id']}").json()
    assert (found["creator_type"], found["creator_ref"]) == ("robot", maker["id"])
    answer = robot.post("/robots", json=body(project, PULL, PUSH, name="more"))
    assert (answer.status, answer.error_code) == (403, "DENIED")
    assert robot.post("/robots", json=body(other, PULL, name="elsewhere")).status == 403
    wide = {**body("*", PULL, MAKE), "name": world.name("sys"), "level": "system"}
    wide["permissions"].append({"kind": "system", "namespace": "/", "access": [MAKE]})
    system = made(world.admin, wide)
    maker_of_all = world.anonymous.basic(system["name"], system["secret"])
    made(maker_of_all, body(other, PULL, name="by-system"))
    made(maker_of_all, {**body(other, PULL), "name": world.name("sys"), "level": "system"})
    users = {"kind": "system", "namespace": "/", "access": [{"resource": "user", "action": "create"}]}
    refused = {"name": world.name("sys"), "level": "system", "duration": 1, "permissions": [users]}
    assert maker_of_all.post("/robots", json=refused).error_code == "DENIED"


def test_project_robots_die_with_their_project(world: World) -> None:
    project = world.project()
    robot = made(world.admin, body(project))
    old = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
    token = old.login(f"repository:{project}/app:pull,push")
    assert world.admin.delete(f"/projects/{project}").status == 200
    assert token_status(world, robot).status == 401
    assert world.admin.get(f"/robots/{robot['id']}").status == 404
    world.project(project)
    assert token_status(world, robot).status == 401
    assert push(token, f"{project}/app") in (401, 403, 404)
    again = made(world.admin, body(project))
    assert again["name"] == robot["name"] and again["id"] > robot["id"]
    assert token_status(world, robot).status == 401
    assert token_status(world, again).status == 200


def test_robot_whose_project_is_gone_is_dead_before_anything_was_cleared(world: World) -> None:
    """What a crash between a project's removal and the clearing leaves."""
    from chalicelib.aws import keys  # noqa: PLC0415

    table = bootstrap.wire(world.settings).table
    project = world.project()
    robot = made(world.admin, body(project))
    item = table.get(keys.user(robot["name"]), keys.USER)
    assert world.admin.delete(f"/projects/{project}").status == 200
    assert item is not None
    table.write([table.put(item)])
    assert token_status(world, robot).status == 401
    world.project(project)
    assert token_status(world, robot).status == 401
    again = made(world.admin, body(project))
    assert token_status(world, again).status == 200


def test_rights_in_projects_that_are_gone_are_not_shown(world: World) -> None:
    gone, kept = world.project(), world.project()
    document = {"name": world.name("sys"), "level": "system", "duration": 1, "permissions": [on(gone, PULL), on(kept, PULL)]}
    robot = made(world.admin, document)
    assert world.admin.delete(f"/projects/{gone}").status == 200
    world.project(gone)
    shown = world.admin.get(f"/robots/{robot['id']}").json()["permissions"]
    assert [permission["namespace"] for permission in shown] == [kept]
    client = Client(world.anonymous.api, basic(robot["name"], robot["secret"]))
    assert client.get(f"/v2/{gone}/app/manifests/x").status == 403


def test_prefix_is_configured_and_older_robots_keep_theirs(world: World) -> None:
    project = world.project()
    old = made(world.admin, body(project))
    configurations = bootstrap.wire(world.settings).configurations
    configurations.change({"robot_name_prefix": "machine$"})
    try:
        new = made(world.admin, body(project, name="other"))
        assert new["name"] == f"machine${project}+other"
        assert token_status(world, new).status == 200
    finally:
        configurations.change({"robot_name_prefix": "robot$"})
    assert token_status(world, old).status == 200
    assert token_status(world, new).status == 200


def test_catalogue_is_for_administrators(world: World) -> None:
    _, ann = world.user()
    assert world.anonymous.get("/permissions").status == 401
    assert ann.get("/permissions").status == 403
    world.project(by=ann)
    seen = ann.get("/permissions").json()
    assert PULL in seen["project"] and "system" not in seen
    every = world.admin.get("/permissions").json()
    assert {"resource": "user", "action": "create"} in every["system"]
