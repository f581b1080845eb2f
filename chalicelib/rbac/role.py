"""A role as the management API shows it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.rbac.permissions import Permissions
from chalicelib.rbac.roles import FIRST_CUSTOM_ID, Role


class RoleRecord(NamedTuple):
    """A role and what is said about it. `version` moves with every change."""

    role_id: int
    name: str
    description: str
    permissions: Permissions
    created_at: int = 0
    updated_at: int = 0
    version: int = 0

    @classmethod
    def of(cls, role: Role) -> RoleRecord:
        """One of Harbor's roles."""
        return cls(role.role_id, role.name, "", role.permissions)

    @property
    def is_builtin(self) -> bool:
        """It is one of Harbor's, which nobody changes."""
        return self.role_id < FIRST_CUSTOM_ID

    @property
    def role(self) -> Role:
        """What it allows."""
        return Role(self.role_id, self.name, self.permissions)
