"""What a robot may be asked to be: level, permissions, life. Pure.

Source: Harbor `src/server/v2.0/handler/robot.go` (validate, isValidPermissionScope).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import Robot, RobotGrant
from chalicelib.rbac.permissions import ROBOT_PROJECT, ROBOT_SYSTEM, Permission, Permissions
from chalicelib.rbac.project import bad
from chalicelib.rbac.roles import ROLES

SYSTEM, PROJECT = "system", "project"
EVERYWHERE, REGISTRY = "*", "/"
DAY_S = 86400
_DAYS_MAX = 2**31 - 1
_NAMESPACES_MAX = 100
DESCRIPTION_CHARACTERS = 1024


class RobotRow(NamedTuple):
    """A robot in a list: what lists are filtered and sorted by. Times are Unix seconds; `expires_at` None: never."""

    name: str
    robot_id: int
    is_disabled: bool
    expires_at: int | None
    created_at: int


class Wanted(NamedTuple):
    """A robot's rights as they are asked for, projects by name."""

    level: str
    grants: tuple[RobotGrant, ...]

    @property
    def project(self) -> str:
        """The project of a robot on the project level; "" on the system level."""
        return self.grants[0].namespace if self.level == PROJECT else ""

    @property
    def projects(self) -> list[str]:
        """The projects named."""
        return [grant.namespace for grant in self.grants if grant.kind == PROJECT and grant.namespace != EVERYWHERE]

    def bound(self, ids: Mapping[str, int]) -> tuple[RobotGrant, ...]:
        """The rights, bound to the projects that have these names now."""
        return tuple(grant._replace(project_id=ids.get(grant.namespace, 0)) for grant in self.grants)


def wanted(level: str, permissions: Sequence[Mapping[str, Any]]) -> Wanted:
    """Read level and permissions of a request. Raises BAD_REQUEST in Harbor's words."""
    if level not in (SYSTEM, PROJECT):
        raise bad(f"bad request error level input: {level[:32]}")
    if not permissions:
        raise bad("bad request empty permission")
    if len(permissions) > (1 if level == PROJECT else _NAMESPACES_MAX):
        raise bad("bad request permission")
    found: dict[tuple[str, str], Permissions] = {}
    for permission in permissions:
        kind, namespace, given = _grant(level, permission)
        found[kind, namespace] = found.get((kind, namespace), frozenset()) | given
    return Wanted(level, tuple(RobotGrant(kind, namespace, 0, given) for (kind, namespace), given in found.items()))


def _grant(level: str, permission: Mapping[str, Any]) -> tuple[str, str, Permissions]:
    kind, namespace = permission.get("kind", ""), permission.get("namespace", "")
    access = permission.get("access") or []
    if not access:
        raise bad("bad request empty access")
    if kind not in (SYSTEM, PROJECT):
        raise bad(f"bad request permission level: {kind[:32]}")
    if (kind == SYSTEM) != (namespace == REGISTRY) or not namespace:
        raise bad("unknown namespace")
    if level == PROJECT and (kind == SYSTEM or namespace == EVERYWHERE):
        raise bad("a robot of a project has rights in this project only")
    catalogue = ROBOT_SYSTEM if kind == SYSTEM else ROBOT_PROJECT
    given = set()
    for item in access:
        one = Permission(item.get("resource", ""), item.get("action", ""))
        if one not in catalogue or item.get("effect", "allow") not in ("", "allow"):
            raise bad(f"bad request permission: {one.resource[:64]}:{one.action[:64]}")
        given.add(one)
    return kind, namespace, frozenset(given)


def check_duration(days: int) -> int:
    """Demand that a robot can live so many days, -1: for ever. Raises BAD_REQUEST."""
    if days == -1 or 0 < days < _DAYS_MAX:
        return days
    message = f"bad request error duration input: {days}, duration must be either -1(Never) or a positive integer"
    raise bad(message)


def ends_at(created_at: int, days: int) -> int | None:
    """When a robot expires: so many days after it was made."""
    return None if days == -1 else created_at + days * DAY_S


def check_description(text: str) -> str:
    """Demand that a description is not too long. Raises BAD_REQUEST."""
    if len(text) > DESCRIPTION_CHARACTERS:
        raise bad(f"a description has at most {DESCRIPTION_CHARACTERS} characters")
    return text


def require_within(creator: Robot, grants: Iterable[RobotGrant]) -> None:
    """Demand that a robot gives no right that it does not have where it gives it. Raises DENIED."""
    for grant in grants:
        own = (
            given.permissions
            for given in creator.grants
            if given.kind == grant.kind
            and (given.namespace == EVERYWHERE or (given.namespace, given.project_id) == grant[1:3])
        )
        if not grant.permissions <= frozenset().union(*own):
            message = "permission scope is invalid. It must be equal to or more restrictive than the creator robot's permissions"
            raise RegistryError("DENIED", message=f"{message}: {creator.name}")


def require_given(permissions: Permissions, grants: Iterable[RobotGrant]) -> None:
    """Demand the same of somebody with these permissions in the project: a project's administrator may give whatever a robot of
    it can have, who manages robots by a custom role only what they have. Raises FORBIDDEN."""
    if permissions >= ROLES["projectAdmin"].permissions:
        return
    if any(not grant.permissions <= permissions for grant in grants):
        raise RegistryError("FORBIDDEN", message="the robot would have rights that you do not have")
