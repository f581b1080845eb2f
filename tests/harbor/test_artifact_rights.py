"""What each role may do with repositories and artifacts: Harbor's matrix, over HTTP."""

from __future__ import annotations

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings
from tests.client import Client
from tests.harbor import pushes
from tests.harbor.client import HarborClient

PASSWORD = "Secret-password-1"
ROLES = {"A": "projectAdmin", "M": "maintainer", "D": "developer", "G": "guest", "L": "limitedGuest", "-": ""}
MATRIX = """
AMDGL GET    /artifacts
AMDGL GET    /artifacts/v1
AMDGL GET    /artifacts/v1/tags
AMDGL GET    /artifacts/v1/accessories
AMDGL GET    /artifacts/v1/additions/build_history
AMDGL GET    /artifacts/v1/additions/vulnerabilities
AMDGL GET
AMD   PUT
AMD   POST   /artifacts/v1/labels
AMD   DELETE /artifacts/v1/labels/1
AMD   POST   /artifacts/v1/tags
AM    DELETE /artifacts/v1/tags/none
AM    DELETE /artifacts/none
AM    DELETE
AMD   POST   /artifacts?from=library/none:v1
"""
BODIES = {"PUT": {"description": "x"}, "/labels": {"id": 999999999}, "/tags": {"name": "none!"}}


@pytest.fixture(scope="module")
def project(harbor_admin: HarborClient) -> str:
    name = pushes.unique("p")
    assert harbor_admin.post("/projects", json={"project_name": name}).status == 201
    return name


@pytest.fixture(scope="module")
def people(settings: Settings, anonymous: HarborClient, project: str) -> dict[str, HarborClient]:
    """Somebody of each role in the project, by letter; `-` has none."""
    users, found = bootstrap.users(settings), {}
    for letter, role in ROLES.items():
        name = pushes.unique("u")
        users.create(name, PASSWORD, is_admin=False, now=1)
        if role:
            users.grant(project, name, role)
        found[letter] = anonymous.basic(name, PASSWORD)
    return found


@pytest.mark.parametrize("line", MATRIX.strip().splitlines())
def test_each_role_may_what_it_may_in_harbor(
    people: dict[str, HarborClient], anonymous: HarborClient, admin: Client, project: str, line: str
) -> None:
    letters, method, *rest = line.split()
    for letter, client in people.items():
        name = pushes.unique()
        pushes.image(admin, f"{project}/{name}", "v1")
        url = f"/projects/{project}/repositories/{name}{''.join(rest)}"
        body = BODIES.get(method) or next((b for end, b in BODIES.items() if method == "POST" and url.endswith(end)), None)
        status = client.send(method, url, json=body).status
        assert (status != 403) == (letter in letters), (letter, status)
        assert status in (200, 400, 403, 404)
        assert anonymous.send(method, url, json=body).status == 401
