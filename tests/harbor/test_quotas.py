"""Storage quotas and the registry's CVE allowlist over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.oci.digest import Digest
from tests import builders
from tests.client import Client
from tests.harbor.people import World


def used(world: World, project: str, size: int) -> int:
    """Push a blob of this size; its status."""
    content = project.encode().ljust(size, b".")
    client = Client(world.anonymous.api, world.admin.authorization)
    return client.push_blob(f"{project}/app", content, Digest.of(content)).status


def test_quota_of_a_project_is_read_and_changed(world: World) -> None:
    project = world.project(storage_limit=5000)
    number = world.id_of(project)
    assert used(world, project, 1000) == 201
    quota = world.admin.get(f"/quotas/{number}").json()
    assert (quota["id"], quota["ref"]["id"], quota["ref"]["name"]) == (number, number, project)
    assert quota["ref"]["owner_name"] == "admin"
    assert (quota["hard"], quota["used"]) == ({"storage": 5000}, {"storage": 1000})
    assert world.admin.put(f"/quotas/{number}", json={"hard": {"storage": 900}}).status == 200
    assert world.admin.get(f"/quotas/{number}").json()["hard"] == {"storage": 900}
    content = b"another"
    client = Client(world.anonymous.api, world.admin.authorization)
    assert client.push_blob(f"{project}/app", content, Digest.of(content)).status == 403
    assert world.admin.put(f"/quotas/{number}", json={"hard": {"storage": -1}}).status == 200
    assert client.push_blob(f"{project}/app", content, Digest.of(content)).status == 201
    summary = world.admin.get(f"/projects/{project}/summary").json()
    assert summary["quota"] == {"hard": {"storage": -1}, "used": {"storage": 1000 + len(content)}}


def test_limit_is_the_administrators_to_choose_and_the_configured_one_for_others(world: World) -> None:
    _, ann = world.user()
    configurations = bootstrap.wire(world.settings).configurations
    configurations.change({"storage_per_project": 7_000_000})
    try:
        own, given = world.project(by=ann, storage_limit=-1), world.project(storage_limit=9_000_000)
        default, pushed = world.project(storage_limit=0), world.name()
        assert used(world, pushed, 1000) == 201
    finally:
        configurations.change({"storage_per_project": -1})
    limits = [world.admin.get(f"/quotas/{world.id_of(name)}").json()["hard"]["storage"] for name in (own, given, default, pushed)]
    assert limits == [7_000_000, 9_000_000, 7_000_000, 7_000_000]


def test_quotas_are_listed_sorted_and_found_by_reference(world: World) -> None:
    projects = [world.project(storage_limit=10**9 + size) for size in (3, 1, 2)]
    ids = [world.id_of(project) for project in projects]
    for size, project in zip((300, 100, 200), projects, strict=True):
        assert used(world, project, size) == 201

    def order(sort: str) -> list[int]:
        found, page = [], 1
        while True:
            answer = world.admin.get("/quotas", params={"sort": sort, "page_size": 100, "page": page, "reference": "project"})
            found += [quota["id"] for quota in answer.json()]
            if len(found) >= int(answer.headers["x-total-count"]):
                return [number for number in found if number in ids]
            page += 1

    assert order("hard.storage") == order("used.storage") == [ids[1], ids[2], ids[0]]
    assert order("-used.storage") == [ids[0], ids[2], ids[1]]
    answer = world.admin.get("/quotas", params={"reference": "project", "reference_id": ids[0]})
    assert [quota["id"] for quota in answer.json()] == [ids[0]]
    assert answer.headers["x-total-count"] == "1"
    for params in ({"reference_id": "99999999"}, {"reference_id": "x"}, {"reference": "planet"}):
        assert world.admin.get("/quotas", params=params).json() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"hard": {}}, 400),
        ({"hard": {"storage": 0}}, 400),
        ({"hard": {"storage": -2}}, 400),
        ({"hard": {"storage": 2**51}}, 400),
        ({"hard": {"storage": 5, "count": 5}}, 400),
        ({"hard": {"storage": "5"}}, 422),
    ],
)
def test_limit_that_makes_no_sense_is_refused(world: World, body: Any, status: int) -> None:
    number = world.id_of(world.project())
    assert world.admin.put(f"/quotas/{number}", json=body).status == status


def test_quotas_are_for_system_administrators(world: World) -> None:
    _, ann = world.user()
    number = world.id_of(world.project(by=ann))
    for client, status in ((world.anonymous, 401), (ann, 403)):
        assert client.get("/quotas").status == status
        assert client.get(f"/quotas/{number}").status == status
        assert client.put(f"/quotas/{number}", json={"hard": {"storage": -1}}).status == status
    assert world.admin.get("/quotas/99999999").status == 404
    assert world.admin.put("/quotas/99999999", json={"hard": {"storage": -1}}).status == 404


def test_allowlist_of_the_registry_is_written_by_administrators_and_read_by_all_users(world: World) -> None:
    _, ann = world.user()
    url, body = "/system/CVEAllowlist", {"items": [{"cve_id": "CVE-2026-1"}], "expires_at": 1_900_000_000}
    assert world.anonymous.get(url).status == 401
    assert ann.put(url, json=body).status == 403
    assert world.admin.put(url, json=body).status == 200
    found = ann.get(url).json()
    assert (found["items"], found["expires_at"], found["project_id"]) == (body["items"], 1_900_000_000, 0)
    assert world.admin.put(url, json={"items": [{"cve_id": "x"}, {"cve_id": "x"}]}).status == 400
    assert world.admin.put(url, json={"items": []}).status == 200
    assert ann.get(url).json()["items"] == []


def test_a_page_size_of_0_is_the_largest_page_since_harbor_cli_asks_so(world: World) -> None:
    for _ in range(11):
        world.project()
    everything = world.admin.get("/quotas?page=1&page_size=0").json()
    assert everything == world.admin.get("/quotas?page_size=100").json()
    assert len(everything) > 10
    assert world.admin.get("/quotas?page_size=-1").status == 422
    assert world.admin.get("/projects?page_size=0").status == 422


def test_a_project_that_gets_nearly_full_is_a_warning_in_its_log(world: World) -> None:
    project = world.project(storage_limit=900)
    client = Client(world.anonymous.api, world.admin.authorization)
    content = builders.image(layers=(b"x" * 400,))
    for blob in (b"{}", b"x" * 400):
        assert client.push_blob(f"{project}/app", blob, Digest.of(blob)).status == 201
    assert client.send("PUT", f"/v2/{project}/app/manifests/v1", content).status == 201
    assert 900 * 0.85 <= used_bytes(world, project) <= 900

    def warned() -> list[str]:
        rows = world.admin.get(f"/projects/{project}/auditlog-exts?page_size=50").json()
        return [row["operation_description"] for row in rows if row["operation"] == "warn"]

    wait_until(lambda: len(warned()) == 1)
    assert warned()[0].startswith("quota usage reach 85%: resource storage used ")


def used_bytes(world: World, project: str) -> int:
    return int(world.admin.get(f"/quotas/{world.id_of(project)}").json()["used"]["storage"])


def wait_until(holds: Callable[[], bool]) -> None:
    """The watch works after the answer was sent."""
    deadline = time.monotonic() + 5
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert holds()
