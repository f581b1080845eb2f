"""Members of projects: who is one, in which role, and who may decide that.

Nobody gives rights they do not have. Source: Harbor `src/controller/member/controller.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.errors import RegistryError
from chalicelib.rbac.custom_roles import CustomRoles
from chalicelib.rbac.member import USER, Entity, Member
from chalicelib.rbac.model import Project, User
from chalicelib.rbac.permissions import Permissions
from chalicelib.rbac.ports import PrincipalStore, UserNames
from chalicelib.rbac.project_ports import MemberStore
from chalicelib.rbac.roles import ROLES, Role

ADMIN = "projectAdmin"


class Members:
    """The members of projects. Raises NOT_FOUND for members that are not there."""

    def __init__(
        self, store: MemberStore, principals: PrincipalStore, names: UserNames, roles: CustomRoles
    ) -> None:
        self._store, self._principals, self._names, self._roles = store, principals, names, roles

    def user(self, name: str) -> Entity:
        """Find a user by name. Raises NOT_FOUND. One read."""
        user = self._principals.facts(name, ()).user
        if user is None:
            raise RegistryError("NOT_FOUND", message=f"user {name[:128]} not found")
        return Entity(USER, user.user_id, user.name)

    def user_by_id(self, user_id: int) -> Entity:
        """Find a user by id. Raises BAD_REQUEST, as Harbor does. Two reads."""
        name = self._names.user_of(user_id)
        if name is None:
            raise RegistryError("BAD_REQUEST", message=f"User {user_id} not found")
        return self.user(name)

    def role(self, role_id: int) -> Role:
        """Find a role by its number. Raises BAD_REQUEST. One read for a custom one."""
        return self._roles.role(role_id)

    def add(self, project: Project, entity: Entity, role: Role, *, by: Permissions) -> Member:
        """Make somebody a member. Raises CONFLICT when they are, FORBIDDEN when the role has rights that `by` has not.
        One write, one transaction."""
        _require_rights(role, by)
        member = self._store.add(project, entity, role.key)
        if member is None:
            raise RegistryError("CONFLICT", message="The project member specified already exist")
        return member

    def get(self, project: Project, member_id: int) -> Member:
        """Read a member. Two reads."""
        member = self._store.find(project.project_id, member_id)
        if member is None:
            message = f"the project member is not found, project id {project.project_id}, member id {member_id}"
            raise RegistryError("NOT_FOUND", message=message)
        return member

    def change_role(self, project: Project, member_id: int, role: Role, *, by: Permissions) -> None:
        """Give a member another role. Raises FORBIDDEN like `add`. Two reads, one transaction."""
        _require_rights(role, by)
        member = self.get(project, member_id)
        if member.role != role.key and not self._store.change_role(project, member, role.key):
            raise RegistryError("CONFLICT", message="the member or the role was changed meanwhile")

    def remove(self, project: Project, member_id: int) -> None:
        """End a membership. The next request of who was removed is judged without it. Two reads, one transaction."""
        if not self._store.remove(project, self.get(project, member_id)):
            self.get(project, member_id)
            raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def page(self, project: Project, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[Member], int]:
        """Read a page of members by name. Two reads."""
        return self._store.page(project.project_id, offset, limit, is_descending)

    def every(self, project: Project) -> Sequence[Member]:
        """Read all members. One read per 5,000."""
        return self._store.every(project.project_id)

    def is_admin_somewhere(self, user: User) -> bool:
        """Say whether somebody administers any project. One read and one a group."""
        return ADMIN in self._store.roles(user.name, user.user_id, user.groups)

    def roles_of(self, members: Sequence[Member]) -> Mapping[str, Role]:
        """Read the roles of members, by key. One read when there are custom ones among them."""
        ids = {ROLES[member.role].role_id if member.role in ROLES else int(member.role) for member in members}
        return {record.role.key: record.role for record in self._roles.load(sorted(ids))}


def _require_rights(role: Role, by: Permissions) -> None:
    if not role.permissions <= by:
        raise RegistryError("FORBIDDEN", message=f"{role.name} has rights that you do not have")
