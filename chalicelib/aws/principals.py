"""Users, grants, failed logins and projects in DynamoDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from chalicelib.aws import keys
from chalicelib.aws.table import ConditionFailed, Key, Table
from chalicelib.aws.tables import FailuresItem, GrantItem, Item, ProjectItem, UserItem
from chalicelib.rbac.model import Facts, Failures, Grant, Project, User

_PROJECT_IDS = "project"


class DynamoPrincipals:
    """`rbac.ports.PrincipalStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def facts(self, user: str, projects: Iterable[str], *, origin: str | None = None) -> Facts:
        """One BatchGetItem per hundred keys."""
        names = list(dict.fromkeys(projects))
        user_pk = keys.user(user)
        wanted: list[Key] = [(keys.project(name), keys.PROJECT) for name in names]
        if user:
            wanted += [(user_pk, keys.USER), *((user_pk, keys.grant(name)) for name in names)]
        if user and origin is not None:
            wanted.append((user_pk, keys.failures(origin)))
        if not wanted:
            return Facts()
        found = self._table.batch(wanted)
        return Facts(
            user=_user(user, found.get((user_pk, keys.USER))),
            failures=_failures(found.get((user_pk, keys.failures(origin or "")))),
            projects={
                name: p for name in names if (p := _project(name, found.get((keys.project(name), keys.PROJECT))))
            },
            grants={name: g for name in names if (g := _grant(found.get((user_pk, keys.grant(name)))))},
        )

    def add_failure(self, user: str, origin: str, *, seen: Failures, now: int, keep_s: int) -> int:
        """One UpdateItem, and a DeleteItem before it when DynamoDB has not dropped an ended count yet."""
        pk, sk = keys.user(user), keys.failures(origin)
        if seen.number and seen.ends_at <= now:
            # The condition fails when another failed login has begun a new count already.
            with contextlib.suppress(ConditionFailed):
                self._table.write([self._table.delete(pk, sk, condition="failures = :n", values={":n": seen.number})])
        return self._table.add(pk, sk, "failures", 1, kind="failures", ttl=now + keep_s)

    def save_user(self, user: User, *, is_new: bool) -> bool:
        """One conditional PutItem."""
        item = UserItem(
            keys.user(user.name),
            keys.USER,
            password_hash=user.password_hash,
            is_admin=user.is_admin,
            is_enabled=user.is_enabled,
            created_at=user.created_at,
        )
        try:
            self._table.write([self._table.put(item, is_new=is_new, condition="attribute_exists(pk)")])
        except ConditionFailed:
            return False
        return True

    def save_grant(self, user: str, project: str, grant: Grant | None) -> None:
        """One PutItem or DeleteItem."""
        pk, sk = keys.user(user), keys.grant(project)
        if grant is None:
            self._table.write([self._table.delete(pk, sk)])
        else:
            self._table.write([self._table.put(GrantItem(pk, sk, project_id=grant.project_id, role=grant.role))])

    def create_project(self, name: str, *, is_public: bool, by: str, now: int) -> Project | None:
        """One UpdateItem of the id counter and one conditional PutItem; an id whose PutItem lost is never used."""
        project_id = self._table.add(keys.counter(_PROJECT_IDS), keys.COUNTER, "last", 1, kind="counter")
        item = ProjectItem(
            keys.project(name),
            keys.PROJECT,
            project_id=project_id,
            is_public=is_public,
            created_at=now,
            created_by=by,
        )
        try:
            self._table.write([self._table.put(item, is_new=True)])
        except ConditionFailed:
            return None
        return Project(name, project_id, is_public)


def _user(name: str, item: Item | None) -> User | None:
    if not isinstance(item, UserItem):
        return None
    return User(name, item.password_hash, item.is_admin, item.is_enabled, int(item.created_at))


def _failures(item: Item | None) -> Failures:
    return Failures(int(item.failures), int(item.ttl or 0)) if isinstance(item, FailuresItem) else Failures()


def _project(name: str, item: Item | None) -> Project | None:
    return Project(name, int(item.project_id), item.is_public) if isinstance(item, ProjectItem) else None


def _grant(item: Item | None) -> Grant | None:
    return Grant(int(item.project_id), item.role) if isinstance(item, GrantItem) else None
