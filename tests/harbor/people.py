"""Users and projects with names of their own, for tests that share a registry."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from chalicelib import bootstrap
from chalicelib.config import Settings
from tests.harbor.client import HarborClient

PASSWORD = "Correct-horse-1"


@dataclass(frozen=True)
class World:
    """A registry that others use too."""

    settings: Settings
    admin: HarborClient
    anonymous: HarborClient

    def name(self, prefix: str = "team") -> str:
        """A name nobody has."""
        return f"{prefix}-{uuid.uuid4().hex[:12]}"

    def user(self, name: str = "") -> tuple[str, HarborClient]:
        """A new user: the name and a client."""
        name = name or self.name("ann")
        bootstrap.users(self.settings).create(name, PASSWORD, now=int(time.time()))
        return name, self.anonymous.basic(name, PASSWORD)

    def project(self, name: str = "", *, by: HarborClient | None = None, **body: object) -> str:
        """A new project."""
        name = name or self.name()
        answer = (by or self.admin).post("/projects", json={"project_name": name, **body})
        assert answer.status == 201, answer.body
        return name

    def id_of(self, project: str) -> int:
        """A project's id."""
        return int(self.admin.get(f"/projects/{project}", headers={"X-Is-Resource-Name": "true"}).json()["project_id"])

    def member(self, project: str, role_id: int) -> tuple[str, HarborClient]:
        """A new user with a role in a project."""
        name, client = self.user()
        body = {"role_id": role_id, "member_user": {"username": name}}
        answer = self.admin.post(f"/projects/{project}/members", json=body)
        assert answer.status == 201, answer.body
        return name, client
