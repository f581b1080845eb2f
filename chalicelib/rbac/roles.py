"""The roles a user may have in a project, as data.

Source: Harbor `src/common/rbac/project/rbac_role.go` (resource `repository`) and its role ids. Deleting manifests and tags is
`repository:delete`, which developers do not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.rbac.model import DELETE, PULL, PUSH


class Role(NamedTuple):
    """A role: Harbor's number for it and what it allows on the repositories of the project."""

    role_id: int
    actions: frozenset[str]


ROLES: Mapping[str, Role] = {
    "projectAdmin": Role(1, frozenset({PULL, PUSH, DELETE})),
    "maintainer": Role(4, frozenset({PULL, PUSH, DELETE})),
    "developer": Role(2, frozenset({PULL, PUSH})),
    "guest": Role(3, frozenset({PULL})),
    "limitedGuest": Role(5, frozenset({PULL})),
}
