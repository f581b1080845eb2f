"""The roles a user or group may have in a project, as data: five of Harbor's, and custom ones beside them.

Source: Harbor `src/common/const.go` (role ids) and `rbac_role.go`. Deleting manifests and tags over `/v2/` is
`repository:delete` or `artifact:delete`; developers have neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.rbac.model import DELETE, PULL, PUSH
from chalicelib.rbac.permissions import MATRIX, Permission, Permissions, read_table

FIRST_CUSTOM_ID = 101


class Role(NamedTuple):
    """A role: Harbor's number for it, its name, and what it allows in a project."""

    role_id: int
    name: str
    permissions: Permissions

    @property
    def key(self) -> str:
        """How grants name it: Harbor's roles by name, custom ones by number, so that they can be renamed."""
        return str(self.role_id) if self.role_id >= FIRST_CUSTOM_ID else self.name

    @property
    def actions(self) -> frozenset[str]:
        """What it allows on the repositories of the project, in the registry's words."""
        return oci_actions(self.permissions)


ROLES: Mapping[str, Role] = {
    name: Role(role_id, name, MATRIX[letter] | extra)
    for name, role_id, letter, extra in (
        ("projectAdmin", 1, "A", read_table("trust-policy: create read update delete list")),
        ("maintainer", 4, "M", read_table("trust-policy: read list")),
        ("developer", 2, "D", frozenset()),
        ("guest", 3, "G", frozenset()),
        ("limitedGuest", 5, "L", frozenset()),
    )
}
"""Harbor's roles. Trust policies (keyless CI) are ours: Harbor has none."""
NAMES: Mapping[int, str] = {role.role_id: role.name for role in ROLES.values()}

_PULL, _PUSH = Permission("repository", "pull"), Permission("repository", "push")
_DELETES = (Permission("repository", "delete"), Permission("artifact", "delete"))


def oci_actions(permissions: Permissions) -> frozenset[str]:
    """Translate a project's permissions into pull, push and delete of `/v2/`."""
    actions = {PULL} if _PULL in permissions else set()
    if _PUSH in permissions:
        actions.add(PUSH)
    if any(permission in permissions for permission in _DELETES):
        actions.add(DELETE)
    return frozenset(actions)
