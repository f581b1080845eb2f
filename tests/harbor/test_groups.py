"""Groups through the API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.config import Settings
from tests.harbor.fresh import Registry


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    return Registry(settings)


def make(registry: Registry, **body: object) -> int:
    answer = registry.admin.post("/usergroups", json=body)
    assert (answer.status, answer.body) == (201, b"")
    return int(answer.headers["location"].removeprefix("/api/v2.0/usergroups/"))


def test_group_is_made_read_renamed_and_deleted(registry: Registry) -> None:
    name = uuid.uuid4().hex
    group_id = make(registry, group_name=name, group_type=3)
    path = f"/usergroups/{group_id}"
    assert registry.admin.get(path).json() == {"id": group_id, "group_name": name, "group_type": 3}
    assert registry.admin.put(path, json={"group_name": f"new-{name}"}).status == 200
    assert registry.admin.get(path).json()["group_name"] == f"new-{name}"
    assert registry.admin.delete(path).status == 200
    for method, sent in (("GET", None), ("DELETE", None), ("PUT", {"group_name": "x"})):
        assert registry.admin.send(method, path, json=sent).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"group_name": "", "group_type": 3}, 400),
        ({"group_name": "x"}, 400),
        ({"group_name": "x", "group_type": 9}, 400),
        ({"group_name": "x", "group_type": 1}, 400),
        ({"group_name": "x", "group_type": "3"}, 422),
        ({"group_name": "x" * 256, "group_type": 3}, 400),
        ({"group_name": "x", "group_type": 1, "ldap_group_dn": "cn=" + "x" * 2000}, 400),
    ],
)
def test_bad_group_is_refused(registry: Registry, body: dict[str, Any], status: int) -> None:
    assert registry.admin.post("/usergroups", json=body).status == status


def test_group_exists_once(registry: Registry) -> None:
    make(registry, group_name="once", group_type=3)
    make(registry, group_name="once", group_type=2)
    make(registry, group_name="once", group_type=1, ldap_group_dn="cn=once,dc=x")
    for body in (
        {"group_name": "once", "group_type": 3},
        {"group_name": "other", "group_type": 1, "ldap_group_dn": "CN=Once, dc=x"},
    ):
        assert registry.admin.post("/usergroups", json=body).status == 409
    twice = make(registry, group_name="twice", group_type=3)
    assert registry.admin.put(f"/usergroups/{twice}", json={"group_name": "once"}).status == 400


@pytest.mark.parametrize(("path", "status"), [("0", 400), ("-1", 400), ("99999", 404), ("x", 422)])
def test_id_that_leads_nowhere(registry: Registry, path: str, status: int) -> None:
    assert registry.admin.get(f"/usergroups/{path}").status == status
    assert registry.admin.delete(f"/usergroups/{path}").status == status


def test_list_and_search(settings: Settings) -> None:
    registry = Registry(settings)
    for number in range(12):
        make(registry, group_name=f"team{number}", group_type=3)
    ldap = make(registry, group_name="ops", group_type=1, ldap_group_dn="CN=ops,DC=x")
    page = registry.admin.get("/usergroups?page_size=5&page=3")
    assert [group["group_name"] for group in page.json()] == ["team10", "team11", "ops"]
    assert page.headers["x-total-count"] == "13"
    assert [group["group_name"] for group in registry.admin.get("/usergroups?group_name=AM1").json()] == [
        "team1", "team10", "team11",
    ]  # fmt: skip
    assert registry.admin.get("/usergroups?ldap_group_dn=cn%3Dops,dc%3Dx").json() == [
        {"id": ldap, "group_name": "ops", "group_type": 1, "ldap_group_dn": "CN=ops,DC=x"}
    ]
    registry.add("ann")
    found = registry.user("ann").get("/usergroups/search?groupname=team1&page_size=2")
    assert [group["group_name"] for group in found.json()] == ["team1", "team10"]
    assert found.headers["x-total-count"] == "3"
    assert registry.user("ann").get("/usergroups/search").status == 422
    assert registry.anonymous.get("/usergroups/search?groupname=x").status == 401


def test_groups_are_for_administrators(registry: Registry) -> None:
    registry.add("ann")
    for method, path, sent in (
        ("GET", "/usergroups", None),
        ("POST", "/usergroups", {"group_name": "x", "group_type": 3}),
        ("GET", "/usergroups/1", None),
        ("PUT", "/usergroups/1", {"group_name": "x"}),
        ("DELETE", "/usergroups/1", None),
    ):
        assert registry.anonymous.send(method, path, json=sent).status == 401
        assert registry.user("ann").send(method, path, json=sent).status == 403


def test_groups_role_in_a_project_is_its_members(settings: Settings) -> None:
    registry = Registry(settings)
    registry.admin.post("/projects", json={"project_name": "team", "metadata": {"public": "false"}})
    for group in ({"group_name": "dev", "group_type": 3}, {"ldap_group_dn": "cn=ops,dc=x"}, {"group_name": "qa"}):
        body = {"role_id": 2, "member_group": group}
        assert registry.admin.post("/projects/team/members", json=body).status == 201
        assert registry.admin.post("/projects/team/members", json=body).status == 409
    groups = registry.admin.get("/usergroups").json()
    assert [(group["group_name"], group["group_type"]) for group in groups] == [("dev", 3), ("cn=ops,dc=x", 1), ("qa", 3)]
    absent = {"role_id": 2, "member_group": {"id": 999}}
    assert registry.admin.post("/projects/team/members", json=absent).status in (400, 404)
    members = registry.admin.get("/projects/team/members").json()
    assert {member["entity_name"] for member in members if member["entity_type"] == "g"} == {"dev", "cn=ops,dc=x", "qa"}
    assert registry.admin.delete(f"/usergroups/{groups[0]['id']}").status == 200
    members = registry.admin.get("/projects/team/members").json()
    assert {member["entity_name"] for member in members if member["entity_type"] == "g"} == {"cn=ops,dc=x", "qa"}
