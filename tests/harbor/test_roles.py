"""Custom roles over HTTP, and members who have one."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.oci.digest import Digest
from tests.client import Client
from tests.harbor.people import World

PULL = {"resource": "repository", "action": "pull"}
PUSH = {"resource": "repository", "action": "push"}
READ = {"resource": "project", "action": "read"}


def new(world: World, *permissions: dict[str, str], **more: Any) -> tuple[int, str]:
    """A role: its id and name."""
    name = world.name("role")
    answer = world.admin.post("/roles", json={"name": name, "permissions": list(permissions or (READ, PULL)), **more})
    assert answer.status == 201, answer.body
    return int(answer.headers["location"].rpartition("/")[2]), name


def test_role_is_made_read_changed_and_removed(world: World) -> None:
    role_id, name = new(world, description="looks only")
    assert role_id >= 101
    url = f"/roles/{role_id}"
    _, ann = world.user()
    found = ann.get(url).json()
    assert (found["role_id"], found["name"], found["description"]) == (role_id, name, "looks only")
    assert (found["builtin"], found["permissions"]) == (False, [READ, PULL])
    changed = {"name": f"{name} two", "permissions": [PULL]}
    assert world.admin.put(url, json=changed).status == 200
    assert world.admin.put(url, json=changed).status == 200
    assert ann.get(url).json()["permissions"] == [PULL]
    assert world.admin.post("/roles", json={"name": name, "permissions": [PULL]}).status == 201
    assert world.admin.put(url, json={"name": name, "permissions": [PULL]}).status == 409
    assert world.admin.delete(url).status == 200
    for method in ("GET", "DELETE"):
        assert world.admin.send(method, url).status == 404
    assert world.admin.put(url, json=changed).status == 404


def test_roles_are_listed_harbors_first(world: World) -> None:
    role_id, name = new(world)
    _, ann = world.user()
    roles = ann.get("/roles", params={"page_size": 100}).json()
    assert [role["role_id"] for role in roles[:5]] == [1, 2, 3, 4, 5]
    assert [role["builtin"] for role in roles[:6]] == [True] * 5 + [False]
    assert role_id in [role["role_id"] for role in roles]
    answer = ann.get("/roles", params={"page_size": 2, "page": 2})
    assert [role["role_id"] for role in answer.json()] == [3, 4]
    assert int(answer.headers["x-total-count"]) == len(roles)
    assert [role["name"] for role in ann.get("/roles", params={"q": f"name={name}"}).json()] == [name]
    assert ann.get("/roles", params={"sort": "-name", "page_size": 1}).status == 200
    assert world.anonymous.get("/roles").status == 401


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a/b"},
        {"name": "Guest"},
        {"name": "projectAdmin"},
        {"name": "x" * 65},
        {"permissions": []},
        {"permissions": [{"resource": "user", "action": "create"}]},
        {"permissions": [{"resource": "repository"}]},
        {"description": "x" * 1025},
    ],
)
def test_what_cannot_be_a_role_is_refused(world: World, change: dict[str, Any]) -> None:
    body = {"name": world.name("role"), "permissions": [PULL], **change}
    assert world.admin.post("/roles", json=body).status == 400


def test_harbors_roles_stay_and_only_administrators_change_others(world: World) -> None:
    role_id, name = new(world)
    body = {"name": name, "permissions": [PULL, PUSH]}
    for number in (1, 5):
        assert world.admin.put(f"/roles/{number}", json=body).status == 403
        assert world.admin.delete(f"/roles/{number}").status == 403
    assert world.admin.get("/roles/6").status == 404
    assert world.admin.get("/roles/x").status == 422
    _, ann = world.user()
    for client, status in ((ann, 403), (world.anonymous, 401)):
        assert client.post("/roles", json=body).status == status
        assert client.put(f"/roles/{role_id}", json=body).status == status
        assert client.delete(f"/roles/{role_id}").status == status
    assert world.admin.post("/roles", json=body).status == 409


def test_member_with_a_custom_role_may_what_it_says(world: World) -> None:
    role_id, name = new(world, READ, PULL, PUSH)
    project = world.project()
    user, ann = world.member(project, role_id)
    assert ann.get(f"/projects/{project}").json()["current_user_role_ids"] == [role_id]
    assert ann.get(f"/projects/{project}/members").status == 403
    client = Client(world.anonymous.api, ann.authorization).login(f"repository:{project}/app:pull,push,delete")
    assert client.push_blob(f"{project}/app", b"layer", Digest.of(b"layer")).status == 201
    listed = world.admin.get(f"/projects/{project}/members", params={"entityname": user}).json()
    assert [(member["role_id"], member["role_name"]) for member in listed] == [(role_id, name)]


def test_role_in_use_is_not_removed(world: World) -> None:
    role_id, _ = new(world)
    project = world.project()
    user, _ = world.member(project, role_id)
    url = f"/roles/{role_id}"
    [member] = world.admin.get(f"/projects/{project}/members", params={"entityname": user}).json()
    answer = world.admin.delete(url)
    assert (answer.status, answer.error_code) == (412, "PRECONDITION")
    member_url = f"/projects/{project}/members/{member['id']}"
    assert world.admin.put(member_url, json={"role_id": 3}).status == 200
    assert world.admin.delete(url).status == 200
    assert world.admin.put(member_url, json={"role_id": role_id}).status == 400


def test_role_is_free_when_its_members_project_or_user_are_removed(world: World) -> None:
    role_id, _ = new(world)
    project, other = world.project(), world.project()
    world.member(project, role_id)
    name, _ = world.member(other, role_id)
    assert world.admin.delete(f"/projects/{project}").status == 200
    assert world.admin.delete(f"/roles/{role_id}").status == 412
    people = bootstrap.users(world.settings)
    user = people.find(name)
    assert user is not None
    people.remove(user, by=None, now=1_900_000_000)
    members = world.admin.get(f"/projects/{other}/members").json()
    assert [member["entity_name"] for member in members] == ["admin"]
    assert world.admin.delete(f"/roles/{role_id}").status == 200


def test_role_that_is_removed_and_given_at_the_same_time_is_one_or_the_other(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    for _ in range(6):
        role_id, _ = new(world)
        project = world.project()
        name, _ = world.user()
        body = {"role_id": role_id, "member_user": {"username": name}}
        with ThreadPoolExecutor(2) as pool:
            given = pool.submit(world.admin.post, f"/projects/{project}/members", json=body)
            removed = pool.submit(world.admin.delete, f"/roles/{role_id}")
            outcome = given.result().status, removed.result().status
        assert outcome in ((201, 412), (400, 200), (404, 200)), outcome


def test_nobody_gives_rights_they_do_not_have(world: World) -> None:
    manage = [{"resource": "member", "action": action} for action in ("create", "read", "list", "update", "delete")]
    role_id, _ = new(world, READ, PULL, *manage)
    small, _ = new(world, PULL)
    project = world.project()
    _, ann = world.member(project, role_id)
    url = f"/projects/{project}/members"
    bob, _ = world.user()
    for given, status in ((1, 403), (2, 403), (3, 403), (small, 201)):
        assert ann.post(url, json={"role_id": given, "member_user": {"username": bob}}).status == status
    [member] = ann.get(url, params={"entityname": bob}).json()
    assert ann.put(f"{url}/{member['id']}", json={"role_id": 1}).status == 403
    robots = [{"resource": "robot", "action": action} for action in ("create", "read", "update")]
    maker, _ = new(world, READ, PULL, *robots)
    _, cat = world.member(project, maker)
    robot = {"name": "ci", "level": "project", "duration": 1}

    def permissions(*access: dict[str, str]) -> list[dict[str, Any]]:
        return [{"kind": "project", "namespace": project, "access": list(access)}]

    assert cat.post("/robots", json={**robot, "permissions": permissions(PULL, PUSH)}).status == 403
    made = cat.post("/robots", json={**robot, "permissions": permissions(PULL)}).json()
    stronger = {**cat.get(f"/robots/{made['id']}").json(), "permissions": permissions(PULL, PUSH)}
    assert cat.put(f"/robots/{made['id']}", json=stronger).status == 403
    assert world.admin.put(f"/robots/{made['id']}", json=stronger).status == 200
    assert cat.patch(f"/robots/{made['id']}", json={}).status == 403
