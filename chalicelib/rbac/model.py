"""The values of access control: who asks, what is known about them, and about the projects they ask for.

NamedTuples where a value hides nothing in its repr: a dataclass takes 1 ms to define, and every cold start pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chalicelib.rbac.permissions import Permissions

DATABASE, OIDC, LDAP = "db", "oidc", "ldap"
"""Identity sources: where a user comes from, and who says whether a password is right."""

PULL, PUSH, DELETE = "pull", "push", "delete"
ACTIONS = frozenset({PULL, PUSH, DELETE})
CATALOG = "registry:catalog"
"""How a token names the list of all repositories."""

PROJECT_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
"""One path component of a repository name. Source: OCI distribution-spec 1.1, "Pulling manifests"."""
USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+$-]{0,127}", re.ASCII)
LOGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+$-]{0,254}", re.ASCII)
"""What may log in: users, and robots, whose names have their projects' in them."""
PROJECT_NAME_MAX_CHARACTERS = 253


class PrincipalError(ValueError):
    """An administrator asked for something about users or projects that cannot be done; the message is for them."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends this request, and with what."""

    name: str
    """"" for anonymous."""
    is_admin: bool
    access: Mapping[str, frozenset[str]] | None
    """Actions of the token by full repository name (and `registry:catalog`); None = identity, judged by the caller's rights."""
    project_ids: Mapping[str, int]
    """Ids of the projects the token was issued for."""
    tags: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None
    """For callers limited to some tags: patterns by full repository name and writing action. None = any tag."""
    generation: str = field(default="", repr=False)
    """Names the password that was shown, if it may be a remembered one, or that a token without scopes was made with: who reads
    the user looks whether it still is theirs."""


ANONYMOUS = Caller("", False, None, {})


@dataclass(frozen=True, slots=True)
class User:
    """A person with a password, or one whom an identity source vouches for."""

    name: str
    password_hash: str = field(repr=False)
    """Of the password, or of the CLI secret of somebody without a password here; "" lets nobody in."""
    sysadmin_flag: bool = False
    """An administrator made this user one."""
    is_enabled: bool = True
    created_at: int = 0
    user_id: int = 0
    email: str = ""
    realname: str = ""
    comment: str = ""
    source: str = DATABASE
    """Which identity source the user belongs to."""
    subject: str = ""
    """How the source names the user: a DN, or issuer and subject."""
    groups: tuple[int, ...] = ()
    """Ids of the groups the source said the user is in."""
    updated_at: int = 0
    version: int = 0
    """Counts the changes: one who writes says which state was read."""
    admin_role_in_auth: bool = False
    """The source says that the user is an administrator."""

    @property
    def is_admin(self) -> bool:
        """Say whether the user may do everything."""
        return self.sysadmin_flag or self.admin_role_in_auth

    def works_at(self, now: int) -> bool:  # noqa: ARG002 - like a robot, which expires
        """Say whether the user may do anything at all."""
        return self.is_enabled


class RobotGrant(NamedTuple):
    """Some permissions of a robot: on one life of a project, on all projects (`*`), or on the system (`/`)."""

    kind: str
    namespace: str
    project_id: int
    """0 for `*` and the system."""
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Robot:
    """A machine account with permissions of its own."""

    name: str
    """Whole, as used to log in: `robot$ci`, `robot$team+ci`."""
    password_hash: str = field(repr=False)
    robot_id: int = 0
    project: str = ""
    """The project it belongs to; "" on the system level."""
    project_id: int = 0
    grants: tuple[RobotGrant, ...] = ()
    is_enabled: bool = True
    expires_at: int | None = None
    duration_days: int = -1
    description: str = ""
    created_by: str = ""
    creator_id: int = 0
    """The id of the user or robot that made it."""
    is_made_by_robot: bool = False
    created_at: int = 0
    updated_at: int = 0
    version: int = 0
    """Moves with every change."""

    is_admin = False

    def works_at(self, now: int) -> bool:
        """Say whether the robot may do anything at all."""
        return self.is_enabled and (self.expires_at is None or now < self.expires_at)


Principal = User | Robot


class Project(NamedTuple):
    """A project; a re-created one has a new id, so nothing of the old one is its own."""

    name: str
    project_id: int
    is_public: bool


class Grant(NamedTuple):
    """A user's or group's role in one life of a project, by the role's name."""

    project_id: int
    role: str


class Failures(NamedTuple):
    """Failed logins of a user from one origin, and when they are forgotten."""

    number: int = 0
    ends_at: int = 0


class Facts(NamedTuple):
    """What decides about a principal in some projects: the user or robot, failed logins from one origin, the projects asked for,
    the user's own grants, those of their groups, and the permissions of custom roles among them."""

    user: User | None = None
    failures: Failures = Failures()
    projects: Mapping[str, Project] = {}
    grants: Mapping[str, Grant] = {}
    robot: Robot | None = None
    group_grants: Mapping[str, tuple[Grant, ...]] = {}
    roles: Mapping[str, Permissions] = {}
    origin_failures: Failures = Failures()
    """Failed logins from the origin, whoever's."""

    @property
    def principal(self) -> Principal | None:
        """The user or the robot."""
        return self.user or self.robot

    def granted(self, project: str) -> tuple[Grant, ...]:
        """All grants in a project."""
        own = self.grants.get(project)
        return (*((own,) if own else ()), *self.group_grants.get(project, ()))
