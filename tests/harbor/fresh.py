"""A registry of its own for tests that change its configuration or count its users."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from chalicelib import bootstrap
from chalicelib.api import Api
from chalicelib.config import Settings
from tests.harbor.client import HarborClient

ADMIN_PASSWORD = "admin-secret"
PASSWORD = "Passw0rd-of-theirs"


class Registry:
    """An empty registry with its administrator."""

    def __init__(self, settings: Settings, **changes: object) -> None:
        name = f"own-{uuid.uuid4().hex}"
        self.settings = replace(settings, table=name, identity_secret=f"{name}/identity", **changes)  # type: ignore[arg-type]
        bootstrap.provision(self.settings, ADMIN_PASSWORD, now=int(time.time()))
        self.api: Api = bootstrap.registry(self.settings)
        self.anonymous = HarborClient(self.api)
        self.admin = self.anonymous.basic("admin", ADMIN_PASSWORD)

    def configure(self, **options: object) -> None:
        """Change the configuration."""
        assert self.admin.put("/configurations", json=options).status == 200

    def add(self, name: str, **more: object) -> int:
        """Make a user with `PASSWORD`; the id."""
        body = {"username": name, "email": f"{name}@example.com", "realname": name, "password": PASSWORD, **more}
        answer = self.admin.post("/users", json=body)
        assert answer.status == 201, answer
        return int(answer.headers["location"].rpartition("/")[2])

    def user(self, name: str) -> HarborClient:
        """A user, with Basic credentials."""
        return self.anonymous.basic(name, PASSWORD)
