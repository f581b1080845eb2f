"""Projects: found by name, made once."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import PROJECT_NAME, PROJECT_NAME_MAX_CHARACTERS, PrincipalError, Project
from chalicelib.rbac.ports import PrincipalStore


class Projects:
    """The projects of the registry."""

    def __init__(self, store: PrincipalStore) -> None:
        self._store = store

    def find(self, name: str) -> Project | None:
        """Read a project. One read."""
        return self._store.facts("", [name]).projects.get(name)

    def create(self, name: str, *, is_public: bool, by: str, now: int) -> Project:
        """Make a project. Raises PrincipalError when the name is taken or is not one."""
        if len(name) > PROJECT_NAME_MAX_CHARACTERS or not PROJECT_NAME.fullmatch(name):
            raise PrincipalError(f"{name!r} cannot be a project's name: use a-z, 0-9 and single . _ - in between")
        project = self._store.create_project(name, is_public=is_public, by=by, now=now)
        if project is None:
            raise PrincipalError(f"there is a project {name} already")
        return project

    def ensure(self, name: str, *, is_public: bool, by: str, now: int) -> Project:
        """Find a project or make it. Of several at the same time one makes it and all get it."""
        found = (
            self.find(name) or self._store.create_project(name, is_public=is_public, by=by, now=now) or self.find(name)
        )
        if found is None:
            raise RegistryError("UNAVAILABLE", message=f"project {name} was removed while it was made")
        return found
