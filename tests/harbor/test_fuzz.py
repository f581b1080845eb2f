"""schemathesis throws requests at every operation, right and wrong ones, as four users: no answer may be a defect, and none may
contradict the description.

The examples are the same at every run. A failure ends with the request that made it. `MOORAGE_FUZZ=200` tries more per operation.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.aws import provision
from chalicelib.config import Settings
from chalicelib.harbor import description
from chalicelib.harbor.description import Operation
from chalicelib.oci.digest import Digest
from tests import builders, client
from tests.harbor.client import HarborClient
from tests.harbor.thrown import requests
from tests.harbor.tour import missing

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("MOORAGE_FUZZ", "12"))
PASSWORD = "Fuzz-Secret-1"
OPERATIONS = list(description.operations())
_numbers = itertools.count()


@dataclass(frozen=True)
class World:
    """A registry of its own with something of everything in it."""

    callers: dict[str, HarborClient]
    known: dict[str, list[Any]]


def make_world(settings: Settings) -> World:
    """Make a registry with a project, an image, people and a robot, as far as there are operations to make them."""
    own = replace(settings, table=f"fuzz-{next(_numbers)}")
    provision.create_table(own)
    bootstrap.provision(own, "admin-secret", now=int(time.time()))
    api = bootstrap.registry(own)
    anonymous = HarborClient(api)
    admin = anonymous.basic("admin", "admin-secret")
    callers = {"admin": admin, "anonymous": anonymous}
    if not missing("createProject", "createUser", "createProjectMember"):
        admin.post("/projects", json={"project_name": "fuzz"})
        for name, role in (("developer", 2), ("guest", 3)):
            user = {"username": name, "email": f"{name}@example.org", "realname": name, "password": PASSWORD}
            admin.post("/users", json=user)
            admin.post("/projects/fuzz/members", json={"role_id": role, "member_user": {"username": name}})
            callers[name] = anonymous.basic(name, PASSWORD)
    if not missing("createProject", "CreateRobot"):
        access = [{"resource": "repository", "action": action} for action in ("pull", "push", "list", "read")]
        permission = {"kind": "project", "namespace": "fuzz", "access": access}
        robot = {"name": "ci", "level": "project", "duration": -1, "permissions": [permission]}
        made = admin.post("/robots", json=robot).json()
        callers["robot"] = anonymous.basic(made["name"], made["secret"])
    if not missing("CreateLabel"):
        admin.post("/labels", json={"name": "bug", "scope": "g", "color": "#FF0000"})
    project = "library" if missing("createProject") else "fuzz"
    digests = [push(client.Client(api, admin.authorization), f"{project}/{name}") for name in ("app", "deep/app")]
    return World(callers, known_values(project, digests))


def push(user: client.Client, name: str) -> str:
    """Push an image of the tag `1`; return its digest."""
    config, layer = json.dumps({"architecture": "amd64", "os": "linux"}).encode(), name.encode()
    for blob in (config, layer):
        assert user.push_blob(name, blob, Digest.of(blob)).status == 201
    content = builders.image(config, (layer,))
    answer = user.send("PUT", f"/v2/{name}/manifests/1", content, content_type=builders.OCI_MANIFEST)
    assert answer.status == 201
    return str(Digest.of(content))


def known_values(project: str, digests: list[str]) -> dict[str, list[Any]]:
    """Values of path parameters that mean something in the world."""
    numbers = {
        parameter.name: [1, 2, 3, 0, -1]
        for operation in OPERATIONS
        for parameter in operation.parameters
        if parameter.place == "path" and parameter.schema.get("type") == "integer"
    }
    return {
        **numbers,
        "project_name": [project, project, "library", "absent"],
        "project_name_or_id": [project, project, "1", "2", "library", "999"],
        "repository_name": ["app", "deep/app", "absent"],
        "reference": ["1", *digests, "absent", "sha256:" + "0" * 64],
        "tag_name": ["1", "absent"],
        "meta_name": ["public", "prevent_vul", "severity", "absent"],
        "addition": ["build_history", "values.yaml", "readme.md", "dependencies"],
        "digest": [*digests, "sha256:" + "0" * 64],
    }


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """The world at hand, if there is one: it goes after each operation that changes something."""
    return []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_no_request_breaks_an_operation(settings: Settings, worlds: list[World], operation: Operation) -> None:
    if operation.later is None and missing(operation.id):
        pytest.skip("no handler yet")
    if not worlds:
        worlds.append(make_world(settings))
    throw(worlds[-1], operation)
    if operation.method != "GET" and operation.later is None:
        worlds.clear()


def throw(world: World, operation: Operation) -> None:
    """Send requests for one operation; the client compares the answers with the description."""

    @settings_of(operation)
    @given(st.sampled_from(sorted(world.callers)), requests(operation, world.known))
    def send(caller: str, sent: Any) -> None:
        note(f"as {caller}: {sent}")
        answer = world.callers[caller].send(
            sent.method, sent.url, params=sent.params, headers=sent.headers, body=sent.body
        )
        assert (answer.status == 501) == (operation.later is not None), "501 is for later features"

    send()


def settings_of(operation: Operation) -> settings:
    return settings(
        max_examples=2 if operation.later else EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
