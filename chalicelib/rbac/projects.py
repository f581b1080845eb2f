"""Projects: found by name, made once."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Event, Recorder
from chalicelib.rbac.model import PrincipalError, Project
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.project import check_name
from chalicelib.rbac.project_ports import ProjectMaker


class Projects:
    """The projects of the registry, for who pushes to them and for the administrator's command line."""

    def __init__(self, store: PrincipalStore, maker: ProjectMaker, recorder: Recorder = UNRECORDED) -> None:
        self._store, self._maker, self._recorder = store, maker, recorder

    def find(self, name: str) -> Project | None:
        """Read a project. One read."""
        return self._store.facts("", [name]).projects.get(name)

    def create(self, name: str, *, is_public: bool, by: str, now: int) -> Project:
        """Make a project. Raises PrincipalError when the name is taken or is not one."""
        try:
            check_name(name)
        except RegistryError:
            sentence = f"{name!r} cannot be a project's name: use a-z, 0-9 and single . _ - in between"
            raise PrincipalError(sentence) from None
        project = self._make(name, is_public, by, now)
        if project is None:
            raise PrincipalError(f"there is a project {name} already")
        return project

    def ensure(self, name: str, *, is_public: bool, by: str, now: int, limit_bytes: int = -1) -> Project:
        """Find a project or make it. Of several at the same time one makes it and all get it."""
        found = self.find(name) or self._make(name, is_public, by, now, limit_bytes) or self.find(name)
        if found is None:
            raise RegistryError("UNAVAILABLE", message=f"project {name} was removed while it was made")
        return found

    def _make(self, name: str, is_public: bool, by: str, now: int, limit_bytes: int = -1) -> Project | None:
        project = self._maker.create_project(name, is_public=is_public, by=by, now=now, limit_bytes=limit_bytes)
        if project is not None:
            description = f"create project: {name}"
            self._recorder.record(Event("create", "project", name, by, description, project_id=project.project_id))
        return project
