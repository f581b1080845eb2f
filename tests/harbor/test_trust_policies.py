"""Trust policies of projects over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harbor.people import World

POLICY: dict[str, Any] = {
    "name": "release",
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": "registry.example.com",
    "claims": {"repository": "acme/app", "ref": ["refs/heads/main", "refs/tags/*"]},
    "grants": [{"repository": "app", "tag": "v*", "actions": ["pull", "push"]}],
}


def test_policy_is_made_read_replaced_and_removed(world: World) -> None:
    _, ann = world.user()
    project = world.project(by=ann)
    url = f"/projects/{project}/trust-policies"
    assert ann.get(url).json() == []
    answer = ann.post(url, json=POLICY)
    assert answer.status == 201
    location = answer.headers["location"]
    found = ann.get(location).json()
    assert location == f"/api/v2.0{url}/{found['id']}"
    assert found["claims"]["repository"] == ["acme/app"] and found["grants"] == POLICY["grants"]
    assert ann.post(url, json=POLICY).status == 409
    other = ann.post(url, json={**POLICY, "name": "other"}).headers["location"]
    answer = ann.get(url, params={"page_size": 1})
    assert [policy["name"] for policy in answer.json()] == ["release"] and answer.headers["x-total-count"] == "2"
    assert [policy["name"] for policy in ann.get(url, params={"sort": "-id"}).json()] == ["other", "release"]
    assert [policy["name"] for policy in ann.get(url, params={"q": "name=~oth"}).json()] == ["other"]
    assert ann.put(other, json={**POLICY, "name": "release"}).status == 409
    assert ann.put(other, json={**found, "name": "other", "expires_s": 60}).status == 200
    assert ann.get(other).json()["expires_s"] == 60
    assert ann.delete(location).status == 200
    for method in ("GET", "DELETE"):
        assert ann.send(method, location).status == 404
    assert ann.put(location, json=POLICY).status == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"issuer": "http://evil.example.com"}, 400),
        ({"claims": {}}, 400),
        ({"claims": {"repository": "*"}}, 400),
        ({"grants": []}, 400),
        ({"expires_s": 5}, 400),
        ({"expire_s": 60}, 400),
        ({"name": "Release!"}, 400),
        ({"name": 5}, 422),
    ],
)
def test_policy_that_makes_no_sense_is_refused(world: World, change: dict[str, Any], status: int) -> None:
    project = world.project()
    assert world.admin.post(f"/projects/{project}/trust-policies", json={**POLICY, **change}).status == status


def test_policies_are_the_project_administrators_and_read_by_maintainers(world: World) -> None:
    project = world.project()
    url = f"/projects/{project}/trust-policies"
    location = world.admin.post(url, json=POLICY).headers["location"]
    for role_id, seen in ((4, 200), (2, 403), (3, 403), (5, 403)):
        _, client = world.member(project, role_id)
        assert client.get(url).status == client.get(location).status == seen
        assert client.post(url, json={**POLICY, "name": "x"}).status == 403
        assert client.delete(location).status == 403
    assert world.anonymous.get(url).status == 401
    assert world.admin.get(f"{url}/999999").status == 404


def test_nobody_grants_what_they_may_not(world: World) -> None:
    permissions = [{"resource": "trust-policy", "action": "create"}, {"resource": "repository", "action": "pull"}]
    role = world.admin.post("/roles", json={"name": world.name("role"), "permissions": permissions})
    project = world.project()
    _, ann = world.member(project, int(role.headers["location"].rpartition("/")[2]))
    url = f"/projects/{project}/trust-policies"
    assert ann.post(url, json=POLICY).status == 403
    pulling = [{"repository": "app", "tag": "v*", "actions": ["pull"]}]
    assert ann.post(url, json={**POLICY, "grants": pulling}).status == 201


def test_policies_go_with_their_project(world: World) -> None:
    project = world.project()
    url = f"/projects/{project}/trust-policies"
    assert world.admin.post(url, json=POLICY).status == 201
    assert world.admin.delete(f"/projects/{project}").status == 200
    world.project(project)
    assert world.admin.get(url).json() == []
