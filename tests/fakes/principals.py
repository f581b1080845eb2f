"""Users, projects and keys in dictionaries: the ports of `rbac` without a database. `tests/aws/test_principals.py` holds
them to the same promises as the real ones."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.rbac import keyset, passwords
from chalicelib.rbac.model import Facts, Failures, Grant, Project, Robot, User
from chalicelib.rbac.tokens import SigningKey, VerifyingKey

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = passwords.hash_password(PASSWORD)


class FakePrincipals:
    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.robots: dict[str, Robot] = {}
        self.projects: dict[str, Project] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.failures: dict[tuple[str, str], Failures] = {}
        self.reads: list[int] = []
        """How many items each batch read asked for."""
        self.writes = 0
        self._last_id = 0

    def facts(self, user: str, projects: Iterable[str], *, origin: str | None = None) -> Facts:
        names = list(dict.fromkeys(projects))
        self.reads.append(len(names) * (2 if user else 1) + bool(user) + (origin is not None) * (1 + bool(user)))
        return Facts(
            self.users.get(user) if user else None,
            self.failures.get((user, origin), Failures()) if user and origin is not None else Failures(),
            {name: self.projects[name] for name in names if name in self.projects},
            {name: self.grants[user, name] for name in names if user and (user, name) in self.grants},
            robot=self.robots.get(user),
            origin_failures=self.failures.get(("", origin or ""), Failures()),
        )

    def name_of_email(self, address: str) -> str | None:
        self.reads.append(1)
        return next((u.name for u in self.users.values() if u.email and u.email.lower() == address.lower()), None)

    def add_failure(self, user: str, origin: str, *, seen: Failures, now: int, keep_s: int) -> int:
        self.writes += 1
        known = self.failures.get((user, origin), Failures(0, now + keep_s))
        if seen.number and seen.ends_at <= now and known.number == seen.number:
            known = Failures(0, now + keep_s)
        self.failures[user, origin] = counted = known._replace(number=known.number + 1)
        return counted.number

    def save_grant(self, user: str, project: str, grant: Grant | None) -> None:
        self.grants.pop((user, project), None)
        if grant is not None:
            self.grants[user, project] = grant

    def create_project(self, name: str, *, is_public: bool, by: str, now: int, **more: Any) -> Project | None:
        self._last_id += 1
        if name in self.projects:
            return None
        self.projects[name] = project = Project(name, self._last_id, is_public)
        return project

    def add(
        self, name: str, *, is_admin: bool = False, is_enabled: bool = True, roles: Mapping[str, str] = {}
    ) -> FakePrincipals:
        """A user with `PASSWORD` and roles in projects that are there."""
        self.users[name] = User(name, PASSWORD_HASH, is_admin, is_enabled)
        for project, role in roles.items():
            self.grants[name, project] = Grant(self.projects[project].project_id, role)
        return self

    def add_project(self, name: str, *, is_public: bool = False) -> int:
        """A project; one of the same name is replaced, as if it had been deleted and made again."""
        self.projects.pop(name, None)
        project = self.create_project(name, is_public=is_public, by="test", now=0)
        assert project is not None
        return project.project_id


class FakeKeys:
    """One signing key, and every key added with `publish`."""

    def __init__(self) -> None:
        self.key = keyset.new_token_key(active_from=0)
        self.signing = SigningKey(self.key.kid, keyset.private_key(self.key))
        self.published = {self.key.kid: self.key}
        self.lookups: list[str] = []

    def publish(self, key: keyset.Key) -> None:
        self.published[key.kid] = key

    def current(self, *, now: int) -> SigningKey:
        return self.signing

    def find(self, kid: str, *, now: int) -> VerifyingKey | None:
        self.lookups.append(kid)
        return VerifyingKey.of_jwk(self.published[kid].public().material) if kid in self.published else None

    def jwks(self, *, now: int) -> Mapping[str, Any]:
        return keyset.jwks(list(self.published.values()), now, 3600)


def basic(name: str, password: str = PASSWORD) -> dict[str, list[str]]:
    """Headers with a name and a password."""
    return {"authorization": ["Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()]}


def bearer(token: str) -> dict[str, list[str]]:
    """Headers with a token."""
    return {"authorization": [f"Bearer {token}"]}
