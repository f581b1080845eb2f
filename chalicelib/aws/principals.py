"""Users, grants, failed logins and projects in DynamoDB."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from chalicelib.aws import keys
from chalicelib.aws.table import ConditionFailed, Key, Table
from chalicelib.aws.tables import FailuresItem, GrantItem, Item, NameItem, ProjectItem, RobotItem, RoleItem, UserItem
from chalicelib.cache import Cache
from chalicelib.rbac.model import Facts, Failures, Grant, Project, Robot, RobotGrant, User
from chalicelib.rbac.permissions import NOTHING, Permissions, parse
from chalicelib.rbac.roles import ROLES

_ROLE_KEEP_S = 30


class DynamoPrincipals:
    """`rbac.ports.PrincipalStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._roles: Cache[str, Permissions] = Cache(256, _ROLE_KEEP_S)

    def facts(self, user: str, projects: Iterable[str], *, origin: str | None = None) -> Facts:
        """One BatchGetItem per hundred keys; one more for users with groups, one more for custom roles not remembered."""
        names = list(dict.fromkeys(projects))
        user_pk = keys.user(user)
        wanted: list[Key] = [(keys.project(name), keys.PROJECT) for name in names]
        if user:
            wanted += [(user_pk, keys.USER), *((user_pk, keys.grant(name)) for name in names)]
        if origin is not None:
            wanted += [_failures_key(name, origin) for name in dict.fromkeys((user, ""))]
        if not wanted:
            return Facts()
        found = self._table.batch(wanted)
        principal = found.get((user_pk, keys.USER))
        facts = Facts(
            user=to_user(user, principal),
            robot=to_robot(user, principal),
            failures=_failures(found.get(_failures_key(user, origin))) if user and origin is not None else Failures(),
            origin_failures=_failures(found.get(_failures_key("", origin))) if origin is not None else Failures(),
            projects={
                name: p for name in names if (p := to_project(name, found.get((keys.project(name), keys.PROJECT))))
            },
            grants={name: g for name in names if (g := _grant(found.get((user_pk, keys.grant(name))), principal))},
        )
        return self._with_roles(self._with_groups(self._without_dead_robot(facts)))

    def _without_dead_robot(self, facts: Facts) -> Facts:
        """A robot dies with its project, whatever is still stored of it. One GetItem when that project was not asked for."""
        robot = facts.robot
        if robot is None or not robot.project:
            return facts
        project = facts.projects.get(robot.project)
        if project is None:
            project = to_project(robot.project, self._table.get(keys.project(robot.project), keys.PROJECT))
        return facts if project and project.project_id == robot.project_id else facts._replace(robot=None)

    def _with_groups(self, facts: Facts) -> Facts:
        """Add the grants of the user's groups: one BatchGetItem per hundred pairs of a group and a project."""
        if facts.user is None or not facts.user.groups or not facts.projects:
            return facts
        wanted = [(keys.group_grants(group), keys.grant(name)) for group in facts.user.groups for name in facts.projects]
        found: dict[str, list[Grant]] = {}
        for (_, sk), item in self._table.batch(wanted).items():
            grant = _grant(item, None)
            if grant is not None:
                found.setdefault(sk.partition("#")[2], []).append(grant)
        return facts._replace(group_grants={name: tuple(grants) for name, grants in found.items()})

    def _with_roles(self, facts: Facts) -> Facts:
        """Add the permissions of custom roles, which may be `_ROLE_KEEP_S` seconds old."""
        custom = {grant.role for name in facts.projects for grant in facts.granted(name)} - ROLES.keys()
        if not custom:
            return facts
        now = int(time.monotonic())
        known = {name: self._roles.get(name, now) for name in custom}
        missing = [name for name, permissions in known.items() if permissions is None]
        found = self._table.batch((keys.role(name), keys.ROLE) for name in missing) if missing else {}
        for name in missing:
            item = found.get((keys.role(name), keys.ROLE))
            known[name] = permissions = parse(item.permissions) if isinstance(item, RoleItem) else NOTHING
            self._roles.put(name, permissions, now)
        return facts._replace(roles={name: permissions or NOTHING for name, permissions in known.items()})

    def name_of(self, project_id: int) -> str | None:
        """See `ProjectNames.name_of`. One GetItem."""
        item = self._table.get(keys.project_id(project_id), keys.NAME)
        return item.name if isinstance(item, NameItem) else None

    def user_of(self, user_id: int) -> str | None:
        """See `UserNames.user_of`. One GetItem."""
        item = self._table.get(keys.user_id(user_id), keys.NAME)
        return item.name if isinstance(item, NameItem) else None

    def name_of_email(self, address: str) -> str | None:
        """One GetItem."""
        item = self._table.get(keys.email(address), keys.NAME)
        return item.name if isinstance(item, NameItem) else None

    def add_failure(self, user: str, origin: str, *, seen: Failures, now: int, keep_s: int) -> int:
        """One UpdateItem, and a DeleteItem before it when DynamoDB has not dropped an ended count yet."""
        pk, sk = _failures_key(user, origin)
        if seen.number and seen.ends_at <= now:
            # The condition fails when another failed login has begun a new count already.
            with contextlib.suppress(ConditionFailed):
                self._table.write([self._table.delete(pk, sk, condition="failures = :n", values={":n": seen.number})])
        return self._table.add(pk, sk, "failures", 1, kind="failures", ttl=now + keep_s)

    def save_grant(self, user: str, project: str, grant: Grant | None) -> None:
        """See `DynamoMembers.put` and `drop`: a grant is a membership."""
        from chalicelib.aws.members import DynamoMembers  # noqa: PLC0415 - for the command line, which pulls never are

        members = DynamoMembers(self._table)
        if grant is None:
            members.drop(project, user)
        else:
            members.put(Project(project, grant.project_id, is_public=False), user, grant.role)


def to_user(name: str, item: Item | None) -> User | None:
    """Read a user's item."""
    if not isinstance(item, UserItem):
        return None
    return User(
        name,
        item.password_hash,
        item.is_admin,
        item.is_enabled,
        int(item.created_at),
        user_id=int(item.user_id),
        email=item.email or "",
        realname=item.realname or "",
        comment=item.comment or "",
        source=item.source,
        subject=item.subject or "",
        groups=tuple(item.groups or ()),
        updated_at=int(item.updated_at),
        version=int(item.version),
        admin_role_in_auth=item.admin_role_in_auth,
    )


def user_item(user: User) -> UserItem:
    """Write a user's item."""
    return UserItem(
        keys.user(user.name),
        keys.USER,
        password_hash=user.password_hash,
        is_admin=user.sysadmin_flag,
        admin_role_in_auth=user.admin_role_in_auth,
        is_enabled=user.is_enabled,
        created_at=user.created_at,
        user_id=user.user_id,
        email=user.email or None,
        realname=user.realname or None,
        comment=user.comment or None,
        source=user.source,
        subject=user.subject or None,
        groups=list(user.groups) or None,
        updated_at=user.updated_at,
        version=user.version,
    )


def to_robot(name: str, item: Item | None) -> Robot | None:
    """Read a robot's item."""
    if not isinstance(item, RobotItem):
        return None
    return Robot(
        name,
        item.password_hash,
        robot_id=int(item.robot_id),
        project=item.project or "",
        project_id=int(item.project_id),
        grants=tuple(RobotGrant(kind, where, id_, parse(named)) for kind, where, id_, named in item.grants),
        is_enabled=item.is_enabled,
        expires_at=None if item.expires_at is None else int(item.expires_at),
        duration_days=int(item.duration_days),
        description=item.description or "",
        created_by=item.created_by or "",
        creator_id=int(item.creator_id),
        is_made_by_robot=item.is_made_by_robot,
        created_at=int(item.created_at),
        updated_at=int(item.updated_at),
        version=int(item.version),
    )


def to_project(name: str, item: Item | None) -> Project | None:
    """Read what decides about a project."""
    return Project(name, int(item.project_id), item.is_public) if isinstance(item, ProjectItem) else None


def _failures_key(user: str, origin: str) -> Key:
    """Failed logins of a user from an address; with "" of all users from it."""
    return (keys.user(user), keys.failures(origin)) if user else (keys.failures(origin), keys.FAILURES)


def _failures(item: Item | None) -> Failures:
    return Failures(int(item.failures), int(item.ttl or 0)) if isinstance(item, FailuresItem) else Failures()


def _grant(item: Item | None, principal: Item | None) -> Grant | None:
    """Read a grant; one that was given to an earlier user of the name is none."""
    if not isinstance(item, GrantItem):
        return None
    if item.user_id and isinstance(principal, UserItem) and item.user_id != principal.user_id:
        return None
    return Grant(int(item.project_id), item.role)
