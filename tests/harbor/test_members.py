"""Members of projects over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import bootstrap
from tests.harbor.people import World


def test_member_is_added_read_changed_and_removed(world: World) -> None:
    project = world.project()
    name, ann = world.user()
    url = f"/projects/{project}/members"
    assert ann.get(f"/projects/{project}").status == 403
    answer = world.admin.post(url, json={"role_id": 3, "member_user": {"username": name}})
    assert (answer.status, answer.body) == (201, b"")
    location = answer.headers["location"]
    member = world.admin.get(location).json()
    assert location == f"/api/v2.0{url}/{member['id']}"
    assert (member["entity_name"], member["entity_type"], member["role_id"]) == (name, "u", 3)
    assert (member["role_name"], member["project_id"]) == ("guest", world.id_of(project))
    found = ann.get(f"/projects/{project}").json()
    assert (found["current_user_role_id"], found["current_user_role_ids"]) == (3, [3])
    assert world.admin.put(location, json={"role_id": 1}).status == 200
    assert world.admin.put(location, json={"role_id": 1}).status == 200
    assert world.admin.get(location).json()["role_name"] == "projectAdmin"
    assert ann.put(f"/projects/{project}", json={"metadata": {"auto_scan": "true"}}).status == 200
    assert world.admin.delete(location).status == 200
    assert world.admin.delete(location).status == 404
    assert world.admin.get(location).status == 404
    assert ann.get(f"/projects/{project}").status == 403
    assert world.admin.post(url, json={"role_id": 2, "member_user": {"username": name}}).status == 201


def test_members_are_listed_by_name_and_found_by_name(world: World) -> None:
    project = world.project()
    added = sorted(world.member(project, 2)[0] for _ in range(4))
    url = f"/projects/{project}/members"
    answer = world.admin.get(url, params={"page_size": 3})
    assert [member["entity_name"] for member in answer.json()] == ["admin", *added][:3]
    assert answer.headers["x-total-count"] == "5"
    assert 'rel="next"' in answer.headers["link"]
    assert [member["entity_name"] for member in world.admin.get(url, params={"page_size": 3, "page": 2}).json()] == added[2:]
    answer = world.admin.get(url, params={"entityname": added[1]})
    assert [member["entity_name"] for member in answer.json()] == [added[1]]
    assert answer.headers["x-total-count"] == "1"
    assert world.admin.get(url, params={"entityname": "nobody"}).json() == []


def test_nobody_is_a_member_twice(world: World) -> None:
    project = world.project()
    name, _ = world.member(project, 2)
    answer = world.admin.post(f"/projects/{project}/members", json={"role_id": 1, "member_user": {"username": name}})
    assert (answer.status, answer.error_code) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role_id": 2}, 400),
        ({"role_id": 2, "member_user": {}}, 400),
        ({"role_id": 2, "member_user": {"username": "no-such-user"}}, 404),
        ({"role_id": 2, "member_user": {"username": "bad name"}}, 404),
        ({"role_id": 2, "member_user": {"user_id": 999_999_999}}, 400),
        ({"role_id": 9, "member_user": {"username": "admin"}}, 400),
        ({"member_user": {"username": "admin"}}, 400),
        ({"role_id": "two", "member_user": {"username": "admin"}}, 422),
        ({}, 400),
    ],
)
def test_who_cannot_be_a_member_is_refused(world: World, body: Any, status: int) -> None:
    assert world.admin.post(f"/projects/{world.project()}/members", json=body).status == status


@pytest.mark.parametrize("mid", ["0", "999999", "-4", "x"])
def test_bad_ids_are_refused(world: World, mid: str) -> None:
    url = f"/projects/{world.project()}/members/{mid}"
    status = 422 if mid == "x" else 404
    assert world.admin.get(url).status == status
    assert world.admin.put(url, json={"role_id": 2}).status == status
    assert world.admin.delete(url).status == status


def test_only_project_administrators_change_members_and_limited_guests_do_not_see_them(world: World) -> None:
    project = world.project()
    name, _ = world.user()
    url = f"/projects/{project}/members"
    body = {"role_id": 5, "member_user": {"username": name}}
    for role_id in (2, 3, 4, 5):
        _, client = world.member(project, role_id)
        assert client.post(url, json=body).status == 403
        assert client.get(url).status == (403 if role_id == 5 else 200)
    assert world.anonymous.get(url).status == 401
    assert world.anonymous.post(url, json=body).status == 401
    _, owner = world.member(project, 1)
    assert owner.post(url, json={**body, "role_id": 1}).status == 201


def test_grants_of_a_removed_project_are_void_in_the_next_of_its_name(world: World) -> None:
    project = world.project()
    name, ann = world.member(project, 1)
    assert ann.delete(f"/projects/{project}").status == 200
    world.project(project)
    assert ann.get(f"/projects/{project}").status == 403
    assert [member["entity_name"] for member in world.admin.get(f"/projects/{project}/members").json()] == ["admin"]
    body = {"role_id": 3, "member_user": {"username": name}}
    assert world.admin.post(f"/projects/{project}/members", json=body).status == 201
    assert ann.get(f"/projects/{project}").json()["current_user_role_id"] == 3


def test_members_added_at_the_same_time_are_all_there(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    project = world.project()
    people = [world.user()[0] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"role_id": 3, "member_user": {"username": name}} for name in people * 2]
        url = f"/projects/{project}/members"
        answers = sorted(pool.map(lambda body: world.admin.post(url, json=body).status, bodies))
    assert answers == [201] * 8 + [409] * 8
    assert world.admin.get(url).headers["x-total-count"] == "9"


def test_grant_of_the_command_line_is_a_membership(world: World) -> None:
    project = world.project()
    name, ann = world.user()
    users, url = bootstrap.users(world.settings), f"/projects/{project}/members"

    def roles() -> list[str]:
        return [member["role_name"] for member in world.admin.get(url, params={"entityname": name}).json()]

    for role in ("guest", "guest", "maintainer"):
        users.grant(project, name, role)
        assert roles() == [role]
    assert ann.get(f"/projects/{project}").json()["current_user_role_id"] == 4
    for _ in range(2):
        users.revoke(project, name)
        assert roles() == []
    assert ann.get(f"/projects/{project}").status == 403
    assert world.admin.get(url).headers["x-total-count"] == "1"


def test_first_project_belongs_to_the_administrator(world: World) -> None:
    library = world.admin.get("/projects/library").json()
    assert (library["owner_name"], library["owner_id"], library["current_user_role_ids"]) == ("admin", 1, [1])
