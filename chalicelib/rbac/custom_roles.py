"""Custom roles: rows beside Harbor's five, made of the same permissions. An extension: Harbor has none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac.permissions import PROJECT, Permission, Permissions
from chalicelib.rbac.project import bad
from chalicelib.rbac.project_ports import RoleRemoval, RoleStore
from chalicelib.rbac.role import RoleRecord
from chalicelib.rbac.roles import FIRST_CUSTOM_ID, NAMES, ROLES, Role

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_DESCRIPTION_CHARACTERS = 1024
_OURS = frozenset(name.lower() for name in ROLES)
_ATTEMPTS = 8


class Wanted(NamedTuple):
    """A role as a request asks for it."""

    name: str
    description: str
    permissions: Permissions


def wanted(body: Mapping[str, Any]) -> Wanted:
    """Read a role from a request. Raises BAD_REQUEST."""
    name, description = body.get("name", ""), body.get("description", "")
    if not _NAME.fullmatch(name):
        raise bad("a role's name has 1 to 64 letters, digits, spaces and . _ - in between")
    if name.lower() in _OURS:
        raise bad(f"{name} is one of the roles every registry has")
    if len(description) > _DESCRIPTION_CHARACTERS:
        raise bad(f"a description has at most {_DESCRIPTION_CHARACTERS} characters")
    found = {Permission(item.get("resource", ""), item.get("action", "")) for item in body.get("permissions") or ()}
    for permission in sorted(found - PROJECT):
        raise bad(f"there is no permission {permission.resource[:64]}:{permission.action[:64]} in a project")
    if not found:
        raise bad("a role needs a permission")
    return Wanted(name, description, frozenset(found))


class CustomRoles:
    """All roles, and the changes of custom ones. A change is seen by every process within 30 seconds."""

    def __init__(self, store: RoleStore) -> None:
        self._store = store

    def make(self, new: Wanted, *, now: int) -> int:
        """Make a role and return its id. Raises CONFLICT. One write, one transaction."""
        role_id = self._store.create(RoleRecord(0, *new, now, now))
        if role_id is None:
            raise _taken(new.name)
        return role_id

    def get(self, role_id: int) -> RoleRecord:
        """Read a role. Raises NOT_FOUND. One read for a custom one."""
        if role_id in NAMES:
            return RoleRecord.of(ROLES[NAMES[role_id]])
        record = self._store.load([role_id]).get(role_id) if role_id >= FIRST_CUSTOM_ID else None
        if record is None:
            raise RegistryError("NOT_FOUND", message=f"role {role_id} not found")
        return record

    def change(self, role_id: int, new: Wanted, *, now: int) -> None:
        """Change a custom role; who has it has the new permissions. Raises NOT_FOUND, FORBIDDEN for Harbor's, CONFLICT.
        One read, one transaction."""
        for _ in range(_ATTEMPTS):
            before = self._custom(role_id)
            after = before._replace(**new._asdict(), updated_at=now)
            if self._store.save(before, after):
                return
            if before.name != new.name and new.name in {name for name, _ in self._store.every()}:
                raise _taken(new.name)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def remove(self, role_id: int) -> None:
        """Remove a custom role that nobody has. Raises NOT_FOUND, FORBIDDEN for Harbor's, PRECONDITION.
        One read, one transaction."""
        for _ in range(_ATTEMPTS):
            removal = self._store.remove(self._custom(role_id))
            if removal is RoleRemoval.REMOVED:
                return
            if removal is RoleRemoval.IN_USE:
                raise RegistryError("PRECONDITION", message="the role is in use: members of projects have it")
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[RoleRecord], int]:
        """Read a page of Harbor's roles and the custom ones by name after them, and how many there are. Two or three reads."""
        every = self.every_id()
        ordered = every[::-1] if is_descending else every
        return self.load(ordered[offset : offset + limit]), len(every)

    def every(self) -> Sequence[RoleRecord]:
        """Read all roles. One read per MB of rows and one per hundred roles."""
        return self.load(self.every_id())

    def every_id(self) -> list[int]:
        """Read the ids of all roles: Harbor's, then the custom ones by name. One read."""
        return [*sorted(NAMES), *(role_id for _, role_id in self._store.every())]

    def load(self, role_ids: Iterable[int]) -> list[RoleRecord]:
        """Read roles in this order; those that are not there are absent. One read per hundred, none for Harbor's."""
        wanted_ids = list(role_ids)
        custom = [role_id for role_id in wanted_ids if role_id not in NAMES]
        known = {role_id: RoleRecord.of(ROLES[name]) for role_id, name in NAMES.items()}
        found = {**known, **(self._store.load(custom) if custom else {})}
        return [found[role_id] for role_id in wanted_ids if role_id in found]

    def role(self, role_id: int) -> Role:
        """Find a role to be given. Raises BAD_REQUEST, as Harbor does for unknown ones. One read for a custom one."""
        found = self.load([role_id])
        if not found:
            raise bad(f"there is no role {role_id}")
        return found[0].role

    def _custom(self, role_id: int) -> RoleRecord:
        record = self.get(role_id)
        if record.is_builtin:
            raise RegistryError("FORBIDDEN", message=f"the role {record.name} cannot be changed")
        return record


def _taken(name: str) -> RegistryError:
    return RegistryError("CONFLICT", message=f"there is a role {name} already")
