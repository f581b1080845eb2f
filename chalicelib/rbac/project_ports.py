"""What projects and their members need from the outside. `chalicelib.aws` implements it. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Protocol

from chalicelib.rbac.member import Entity, Member
from chalicelib.rbac.model import Project
from chalicelib.rbac.project import NO_ALLOWLIST, Allowlist, ProjectRecord, ProjectRow
from chalicelib.rbac.role import RoleRecord


class Removal(Enum):
    """What became of the attempt to remove a project."""

    REMOVED = "removed"
    HAS_REPOSITORIES = "has repositories"
    CHANGED = "it is no longer as it was read"


class ProjectMaker(Protocol):
    """Where projects are made."""

    def create_project(
        self,
        name: str,
        *,
        is_public: bool,
        by: str,
        now: int,
        metadata: Mapping[str, str] = {},
        allowlist: Allowlist = NO_ALLOWLIST,
        limit_bytes: int = -1,
    ) -> Project | None:
        """Make a project under a new id, and the user `by` its administrator; None when there is one already. Ids are never used
        twice."""


class ProjectStore(ProjectMaker, Protocol):
    """Projects, as the management API reads and changes them. Reads are strongly consistent."""

    def load(self, names: Iterable[str]) -> dict[str, ProjectRecord]:
        """Read projects; those that are not there are absent."""

    def save(self, before: ProjectRecord, after: ProjectRecord) -> bool:
        """Write a changed project; False when it is no longer as it was read."""

    def remove(self, record: ProjectRecord, *, now: int) -> Removal:
        """Remove a project without repositories. From this moment nobody has a right in it and nothing can be pushed to it."""

    def departed(self) -> Sequence[Project]:
        """List the removed projects that left something."""

    def clear(self, project: Project) -> bool:
        """Take some of what a removed project left away; True when nothing is left."""

    def page(
        self, offset: int, limit: int, is_descending: bool, *, is_public_only: bool = False
    ) -> tuple[Sequence[ProjectRow], int]:
        """Read a page of projects by name, and how many there are."""

    def first_public(self, limit: int, is_descending: bool) -> tuple[Sequence[ProjectRow], int]:
        """Read the first public projects, and how many there are."""

    def every(self, *, is_public_only: bool = False) -> Sequence[ProjectRow]:
        """Read all rows."""

    def some(self, names: Iterable[str]) -> Sequence[ProjectRow]:
        """Read the rows of these projects, by name."""

    def repository_counts(self, project_ids: Iterable[int]) -> dict[int, int]:
        """Count the repositories of projects."""


class AllowlistStore(Protocol):
    """The registry's own CVE allowlist."""

    def read(self) -> Allowlist:
        """Read it; an empty one that never expires before it was written."""

    def write(self, found: Allowlist) -> None:
        """Replace it."""


class RoleRemoval(Enum):
    """What became of the attempt to remove a custom role."""

    REMOVED = "removed"
    IN_USE = "in use"
    CHANGED = "it is no longer as it was read"


class RoleStore(Protocol):
    """Custom roles. Reads are strongly consistent."""

    def create(self, record: RoleRecord) -> int | None:
        """Store a new role under a new id, which is returned and never used twice; None when the name is taken."""

    def load(self, role_ids: Iterable[int]) -> dict[int, RoleRecord]:
        """Read roles; those that are not there are absent."""

    def every(self) -> Sequence[tuple[str, int]]:
        """Read names and ids of all, by name."""

    def save(self, before: RoleRecord, after: RoleRecord) -> bool:
        """Write a changed role; False when it is no longer as it was read, or the new name is taken."""

    def remove(self, record: RoleRecord) -> RoleRemoval:
        """Remove a role that nobody has."""


class MemberStore(Protocol):
    """Members of projects. Reads are strongly consistent."""

    def add(self, project: Project, entity: Entity, role: str) -> Member | None:
        """Make somebody a member; None when they are one already."""

    def find(self, project_id: int, member_id: int) -> Member | None:
        """Find a member by id."""

    def change_role(self, project: Project, member: Member, role: str) -> bool:
        """Give a member another role; False when the membership is no longer as it was read, or the role is gone."""

    def remove(self, project: Project, member: Member) -> bool:
        """End a membership; False when somebody else did."""

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[Member], int]:
        """Read a page of members by name, and how many there are."""

    def every(self, project_id: int) -> Sequence[Member]:
        """Read all members."""

    def granted(self, user: str, user_id: int, groups: Sequence[int]) -> dict[str, set[int]]:
        """Name the projects somebody or their groups are members of, with the ids the grants are for."""

    def roles(self, user: str, user_id: int, groups: Sequence[int]) -> set[str]:
        """Name the roles somebody or their groups have in any project, also in those that are gone."""

    def remove_everywhere(self, entity: Entity) -> int:
        """End all memberships of a user or group; returns how many there were. Can be repeated."""
