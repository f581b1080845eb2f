"""Projects as the management API reads and changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import Facts, Project
from chalicelib.rbac.project import PUBLIC, Allowlist, ProjectRecord, ProjectRow, check_metadata, check_name, merged
from chalicelib.rbac.project_ports import MemberStore, ProjectStore, Removal

NOT_EMPTY = "the project contains repositories, can not be deleted"
_ATTEMPTS = 8
_CLEARS = 1000


class ProjectRecords:
    """The projects of the registry. Everything raises NOT_FOUND for a project that is not there (any more)."""

    def __init__(self, store: ProjectStore, members: MemberStore) -> None:
        self._store, self._members = store, members

    def make(
        self,
        name: str,
        metadata: Mapping[str, str],
        allowlist: Allowlist,
        *,
        by: str,
        limit_bytes: int,
        now: int,
    ) -> Project:
        """Make a project, `by` its administrator. Raises BAD_REQUEST, CONFLICT. 4 calls."""
        check_name(name)
        stored = check_metadata(metadata)
        is_public = stored.pop(PUBLIC, "false") == "true"
        project = self._store.create_project(
            name,
            is_public=is_public,
            by=by,
            now=now,
            metadata=stored,
            allowlist=allowlist,
            limit_bytes=limit_bytes,
        )
        if project is None:
            raise RegistryError("CONFLICT", message=f"The project named {name} already exists")
        return project

    def get(self, project: Project) -> ProjectRecord:
        """Read a project. One read."""
        record = self._store.load([project.name]).get(project.name)
        if record is None or record.project.project_id != project.project_id:
            raise _gone(project)
        return record

    def load(self, names: Sequence[str]) -> dict[str, ProjectRecord]:
        """Read projects; those that are not there are absent. One read per hundred."""
        return self._store.load(names)

    def change(self, project: Project, change: Callable[[ProjectRecord], ProjectRecord]) -> None:
        """Change a project by a function of what it is now, again when somebody else was faster. One read, one transaction."""
        for _ in range(_ATTEMPTS):
            before = self.get(project)
            after = change(before)
            if after == before or self._store.save(before, after):
                return
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def change_metadata(self, project: Project, change: Mapping[str, str], *, now: int) -> None:
        """Set some metadata. Raises BAD_REQUEST."""
        checked = check_metadata(change)
        self.change(project, lambda record: merged(record, checked, now=now))

    def add_metadata(self, project: Project, key: str, value: str, *, now: int) -> None:
        """Set metadata that is not set. Raises BAD_REQUEST, CONFLICT."""
        checked = check_metadata({key: value})

        def add(record: ProjectRecord) -> ProjectRecord:
            if key in record.all_metadata:
                raise RegistryError("CONFLICT", message=f"the metadata {key} already exists")
            return merged(record, checked, now=now)

        self.change(project, add)

    def remove_metadata(self, project: Project, key: str, *, now: int) -> None:
        """Unset metadata; without `public` a project is private. Nothing happens when it is not set."""

        def remove(record: ProjectRecord) -> ProjectRecord:
            if key == PUBLIC:
                return merged(record, {PUBLIC: "false"}, now=now)
            if key not in record.metadata:
                return record
            rest = {name: value for name, value in record.metadata.items() if name != key}
            return record._replace(metadata=rest, updated_at=now)

        self.change(project, remove)

    def remove(self, project: Project, *, now: int) -> None:
        """Remove a project. Raises PRECONDITION when it has repositories. One read, one transaction, then up to 100 writes that
        take members away; what is left after them goes with `sweep`."""
        for _ in range(_ATTEMPTS):
            removal = self._store.remove(self.get(project), now=now)
            if removal is Removal.HAS_REPOSITORIES:
                raise RegistryError("PRECONDITION", message=NOT_EMPTY)
            if removal is Removal.REMOVED:
                self._store.clear(project)
                return
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def sweep(self) -> int:
        """Take away what removed projects left. Returns how many are clear now. Can be repeated."""
        return sum(any(self._store.clear(project) for _ in range(_CLEARS)) for project in self._store.departed())

    def repository_counts(self, records: Sequence[ProjectRecord]) -> dict[int, int]:
        """Count repositories, by project id. One read per six projects."""
        return self._store.repository_counts([record.project.project_id for record in records])

    def seen_by(self, facts: Facts, *, now: int) -> Seen:
        """Find out which projects somebody sees. For a user one read and one a group, and one of the projects found; nothing for
        administrators and anonymous callers."""
        user, robot = facts.user, facts.robot
        if user is not None and user.is_enabled:
            if user.is_admin:
                return Seen(self._store, None)
            own = self._members.granted(user.name, user.user_id, user.groups)
            granted = {(name, project_id) for name, ids in own.items() for project_id in ids}
        elif robot is not None and robot.works_at(now):
            if any(grant.kind == "project" and grant.namespace == "*" for grant in robot.grants):
                return Seen(self._store, None)
            granted = {(grant.namespace, grant.project_id) for grant in robot.grants if grant.kind == "project"}
        else:
            return Seen(self._store, ())
        rows = self._store.some(sorted({name for name, _ in granted})) if granted else ()
        return Seen(self._store, [row for row in rows if not row.is_public and row[:2] in granted])

    def seen_all(self) -> Seen:
        """All projects, for system administrators."""
        return Seen(self._store, None)


class Seen:
    """The projects somebody sees: all of them, or the public ones and `own` private ones."""

    def __init__(self, store: ProjectStore, own: Sequence[ProjectRow] | None) -> None:
        self._store, self._own = store, own

    @property
    def is_everything(self) -> bool:
        """All projects are seen."""
        return self._own is None

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[ProjectRow], int]:
        """Read a page by name, and how many there are. Two reads; who has projects of their own reads the public ones up to the
        page, one read per 5,000."""
        if not self._own:
            return self._store.page(offset, limit, is_descending, is_public_only=self._own is not None)
        public, total = self._store.first_public(offset + limit, is_descending)
        merged_rows = sorted([*public, *self._own], key=lambda row: row.name, reverse=is_descending)
        return merged_rows[offset : offset + limit], total + len(self._own)

    def every(self) -> Sequence[ProjectRow]:
        """Read all. One read per 5,000."""
        if self._own is None:
            return self._store.every()
        return [*self._store.every(is_public_only=True), *self._own]


def _gone(project: Project) -> RegistryError:
    return RegistryError("NOT_FOUND", message=f"project {project.name} not found")
