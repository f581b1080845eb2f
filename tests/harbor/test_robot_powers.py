"""Robots of the system that administer users, or see all projects: what they have, and nothing that leads to more."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.config import Settings
from tests import client
from tests.harbor.client import HarborClient
from tests.harbor.fresh import PASSWORD, Registry
from tests.harbor.world import push

OTHER = "Other-passw0rd"


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    return Registry(settings)


def robot(registry: Registry, name: str, kind: str, *access: str) -> HarborClient:
    """A robot of the system with `resource:action` on the system or in all projects."""
    given = [dict(zip(("resource", "action"), one.split(":"), strict=True)) for one in access]
    permission = {"kind": kind, "namespace": "/" if kind == "system" else "*", "access": given}
    body = {"name": name, "level": "system", "duration": 1, "permissions": [permission]}
    made = registry.admin.post("/robots", json=body).json()
    return registry.anonymous.basic(made["name"], made["secret"])


@pytest.fixture(scope="module")
def clerk(registry: Registry) -> HarborClient:
    return robot(registry, "clerk", "system", "user:create", "user:read", "user:update", "user:delete", "user:list")


def test_robot_that_manages_users_makes_no_administrator(registry: Registry, clerk: HarborClient) -> None:
    user_id = registry.add("mallory")
    assert clerk.put(f"/users/{user_id}/sysadmin", json={"sysadmin_flag": True}).status == 403
    assert registry.admin.get(f"/users/{user_id}").json()["sysadmin_flag"] is False


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "password", {"new_password": OTHER}),
        ("PUT", "enabled", {"enabled": False}),
        ("PUT", "sysadmin", {"sysadmin_flag": False}),
        ("PUT", "cli_secret", {"secret": OTHER}),
        ("PUT", "", {"email": "clerk@example.com", "realname": "clerk"}),
        ("DELETE", "", None),
    ],
)
@pytest.mark.parametrize("name", ["admin", "second"])
def test_robot_that_manages_users_cannot_touch_an_administrator(
    registry: Registry, clerk: HarborClient, name: str, method: str, path: str, body: Any
) -> None:
    users = {user["username"]: user["user_id"] for user in registry.admin.get("/users").json()}
    user_id = 1 if name == "admin" else users.get(name) or registry.add(name)
    assert registry.admin.put(f"/users/{user_id}/sysadmin", json={"sysadmin_flag": True}).status == 200
    assert clerk.send(method, f"/users/{user_id}/{path}".rstrip("/"), json=body).status == 403
    assert registry.admin.get(f"/users/{user_id}").json()["sysadmin_flag"] is True
    assert name == "admin" or registry.user(name).get("/users/current").status == 200


def test_robot_that_manages_users_does_so_with_everybody_else(registry: Registry, clerk: HarborClient) -> None:
    user_id = registry.add("ann")
    profile = {"email": "ann2@example.com", "realname": "Ann"}
    assert clerk.put(f"/users/{user_id}", json=profile).status == 200
    assert clerk.put(f"/users/{user_id}/password", json={"new_password": OTHER}).status == 200
    assert registry.anonymous.basic("ann", OTHER).get("/users/current").status == 200
    assert clerk.put(f"/users/{user_id}/enabled", json={"enabled": False}).status == 200
    assert clerk.delete(f"/users/{user_id}").status == 200
    assert registry.user("ann").get("/users/current").status == 401
    assert PASSWORD != OTHER


def test_robot_of_all_projects_sees_the_repositories_only_with_the_right_to_list_them(registry: Registry) -> None:
    assert registry.admin.post("/projects", json={"project_name": "hidden"}).status == 201
    push(client.Client(registry.api, registry.admin.authorization), "hidden/app")
    blind = robot(registry, "blind", "project", "label:read")
    sighted = robot(registry, "sighted", "project", "repository:list")
    for caller, found in ((blind, []), (sighted, ["hidden/app"])):
        assert [one["name"] for one in caller.get("/repositories").json()] == found
        assert [one["repository_name"] for one in caller.get("/search?q=app").json()["repository"]] == found
        assert caller.get("/statistics").json()["private_repo_count"] == len(found)
