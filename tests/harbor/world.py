"""A registry of its own with something of everything in it, for tests that may change anything."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import bootstrap
from chalicelib.aws import provision
from chalicelib.config import Settings
from chalicelib.harbor import description
from chalicelib.oci.digest import Digest
from tests import builders, client
from tests.client import Answer
from tests.harbor.client import HarborClient
from tests.harbor.thrown import PLAUSIBLE

PASSWORD = "Fuzz-Secret-1"
_numbers = itertools.count()


@dataclass(frozen=True)
class World:
    """A registry of its own with something of everything in it."""

    callers: dict[str, HarborClient]
    known: dict[str, list[Any]]


def make_world(settings: Settings) -> World:
    """Make a registry with a project, images, people, a robot, a role, a trust policy, a group and a label."""
    own = replace(settings, table=f"fuzz-{next(_numbers)}")
    provision.create_table(own)
    bootstrap.provision(own, "admin-secret", now=int(time.time()))
    api = bootstrap.registry(own)
    anonymous = HarborClient(api)
    admin = anonymous.basic("admin", "admin-secret")
    _make(admin, "/projects", {"project_name": "fuzz"})
    for name in ("developer", "guest", "newcomer"):
        user = {"username": name, "email": f"{name}@example.org", "realname": name, "password": PASSWORD}
        _make(admin, "/users", user)
    for name, role in (("developer", 2), ("guest", 3)):
        _make(admin, "/projects/fuzz/members", {"role_id": role, "member_user": {"username": name}})
    access = [{"resource": "repository", "action": action} for action in ("pull", "push", "list", "read")]
    permission = {"kind": "project", "namespace": "fuzz", "access": access}
    robot = {"name": "ci", "level": "project", "duration": -1, "permissions": [permission]}
    made = _make(admin, "/robots", robot).json()
    _make(admin, "/roles", {**PLAUSIBLE["createRole"], "name": "pusher"})
    _make(admin, "/projects/fuzz/trust-policies", {**PLAUSIBLE["createTrustPolicy"], "name": "jobs"})
    _make(admin, "/usergroups", {"group_name": "team", "group_type": 3})
    _make(admin, "/labels", {"name": "bug", "scope": "g", "color": "#FF0000"})
    digests = [push(client.Client(api, admin.authorization), f"fuzz/{name}") for name in ("app", "deep/app")]
    callers = {name: anonymous.basic(name, PASSWORD) for name in ("developer", "guest")}
    callers |= {"admin": admin, "anonymous": anonymous, "robot": anonymous.basic(made["name"], made["secret"])}
    return World(callers, known_values("fuzz", digests))


def _make(admin: HarborClient, url: str, what: dict[str, Any]) -> Answer:
    answer = admin.post(url, json=what)
    assert answer.status == 201, f"{url}: {answer}"
    return answer


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
    """Values of parameters that mean something in the world."""
    numbers = {
        parameter.name: [1, 2, 3, 0, -1]
        for operation in description.operations()
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
        "role_id": [101, 1, 5, 0],
        "mid": [3, 4, 2, 1, 0],
        "user_id": [2, 3, 4, 1, 0],
        "scope": ["g", "p", "/project/1"],
        "project_id": [1, 2],
        "from": [f"{project}/app:1", f"{project}/app@{digests[0]}"],
        "username": ["developer", "dev"],
        "name": [project, "fuz"],
        "public": ["true", "false"],
        "reference_id": ["1", "2"],
    }
