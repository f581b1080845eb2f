"""Projects in DynamoDB: the item that decides, the rows that are listed, and how a project goes without leaving rights behind.

A project is made with everything it needs in one transaction, and removed in one: its lists of repositories are closed then, so
that a push that makes a repository is either before the removal, which fails, or after it, and fails itself. What the removed
project leaves is void, because everything carries the project's id; it is cleared afterwards, in steps that can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.aws import counters, keys
from chalicelib.aws.labels import DynamoLabels
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.principals import to_project
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.robots import DynamoRobots
from chalicelib.aws.table import ConditionFailed, Table
from chalicelib.aws.tables import DepartedItem, Item, NameItem, ProjectItem, UserItem
from chalicelib.aws.trust import DynamoTrust
from chalicelib.oci.quota import UNLIMITED
from chalicelib.rbac.member import USER, Entity, Member
from chalicelib.rbac.model import Project
from chalicelib.rbac.project import NO_ALLOWLIST, Allowlist, ProjectRecord, ProjectRow
from chalicelib.rbac.project_ports import Removal

_PROJECT_IDS = "project"
_CLOSED_S = 15 * 86400
"""How long the closed lists of a removed project stay: longer than any token or upload of it lives."""
_CLEARED_AT_ONCE = 50
_AS_READ = "project_id = :project AND version = :version"


class DynamoProjects:
    """`rbac.project_ports.ProjectStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._members, self._quotas = DynamoMembers(table), Quotas(table)
        self._all, self._public = Listing(table, keys.PROJECTS), Listing(table, keys.PUBLIC_PROJECTS)

    def create_project(
        self,
        name: str,
        *,
        is_public: bool,
        by: str,
        now: int,
        metadata: Mapping[str, str] = {},
        allowlist: Allowlist = NO_ALLOWLIST,
        limit_bytes: int = UNLIMITED,
    ) -> Project | None:
        """One GetItem of the creator, one UpdateItem per id, one transaction of 21 to 27 actions. An id whose
        transaction lost is never used."""
        owner = self._table.get(keys.user(by), keys.USER) if by else None
        owner_id = int(owner.user_id) if isinstance(owner, UserItem) else 0
        project_id = self._table.add(keys.counter(_PROJECT_IDS), keys.COUNTER, "last", 1, kind="counter")
        project = Project(name, project_id, is_public)
        record = ProjectRecord(project, by, owner_id, now, now, metadata, allowlist)
        actions = [self._table.put(_item(record), is_new=True)]
        actions.append(self._table.put(NameItem(keys.project_id(project_id), keys.NAME, name=name), is_new=True))
        for listing in self._lists(is_public=is_public):
            actions += listing.add(name, _fields(record))
        if isinstance(owner, UserItem):
            creator = Member(self._members.new_id(), project_id, Entity(USER, owner_id, by), "projectAdmin")
            actions += self._members.add_actions(project, creator)
        actions += self._quotas.create_actions(project_id, limit_bytes, now=now)
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            if failure.failed[0] == 0:
                return None
            raise
        return project

    def load(self, names: Iterable[str]) -> dict[str, ProjectRecord]:
        """One BatchGetItem per hundred."""
        found = self._table.batch((keys.project(name), keys.PROJECT) for name in names)
        records = (_record(pk.partition("#")[2], item) for (pk, _), item in found.items())
        return {record.project.name: record for record in records if record}

    def save(self, before: ProjectRecord, after: ProjectRecord) -> bool:
        """One transaction of 2 to 4 actions."""
        name, values = before.project.name, {":project": before.project.project_id, ":version": before.version}
        saved = after._replace(version=before.version + 1)
        actions = [self._table.put(_item(saved), condition=_AS_READ, values=values)]
        actions.append(self._all.change(name, _fields(saved)))
        if before.project.is_public and after.project.is_public:
            actions.append(self._public.change(name, _fields(saved)))
        elif before.project.is_public:
            actions += self._public.remove(name)
        elif after.project.is_public:
            actions += self._public.add(name, _fields(saved))
        return self._table.attempt(actions)

    def remove(self, record: ProjectRecord, *, now: int) -> Removal:
        """One transaction of 38 to 40 actions."""
        project = record.project
        values = {":project": project.project_id, ":version": record.version}
        own = [self._table.delete(keys.project(project.name), keys.PROJECT, condition=_AS_READ, values=values)]
        own.append(self._table.delete(keys.project_id(project.project_id), keys.NAME))
        for listing in self._lists(is_public=project.is_public):
            own += listing.remove(project.name)
        own.append(self._table.put(DepartedItem(keys.DEPARTED, keys.number(project.project_id), name=project.name)))
        ends_at = now + _CLOSED_S
        own += self._quotas.close_actions(project.project_id, now=now, ends_at=ends_at)
        closing = counters.closing(self._table, keys.repositories(project.project_id), ends_at=ends_at)
        try:
            self._table.write([*own, *closing])
        except ConditionFailed as failure:
            return Removal.CHANGED if failure.failed[0] < len(own) else Removal.HAS_REPOSITORIES
        return Removal.REMOVED

    def departed(self) -> Sequence[Project]:
        """One Query."""
        items = self._table.query(keys.DEPARTED, "")
        return [Project(item.name, int(item.sk), is_public=False) for item in items if isinstance(item, DepartedItem)]

    def clear(self, project: Project) -> bool:
        """Clear at most 50 members, robots and labels each, then the trust policies: see the stores' own."""
        is_clear = self._members.clear(project, _CLEARED_AT_ONCE)
        is_clear &= DynamoLabels(self._table).clear(project.project_id, _CLEARED_AT_ONCE)
        if not DynamoRobots(self._table).clear(project, _CLEARED_AT_ONCE) or not is_clear:
            return False
        DynamoTrust(self._table).remove_all(project.project_id)
        self._table.write([self._table.delete(keys.DEPARTED, keys.number(project.project_id))])
        return True

    def page(
        self, offset: int, limit: int, is_descending: bool, *, is_public_only: bool = False
    ) -> tuple[Sequence[ProjectRow], int]:
        """One Query of counters, one of rows."""
        rows, total = (self._public if is_public_only else self._all).page(offset, limit, is_descending)
        return [_row(row) for row in rows], total

    def first_public(self, limit: int, is_descending: bool) -> tuple[Sequence[ProjectRow], int]:
        """One Query of counters, one of rows per MB."""
        return [_row(row) for row in self._public.first(limit, is_descending)], self._public.total()

    def every(self, *, is_public_only: bool = False) -> Sequence[ProjectRow]:
        """One Query per MB, which is some 5,000 projects."""
        return [_row(row) for row in (self._public if is_public_only else self._all).rows()]

    def some(self, names: Iterable[str]) -> Sequence[ProjectRow]:
        """One BatchGetItem per hundred."""
        return [_row(row) for row in self._all.some(names)]

    def repository_counts(self, project_ids: Iterable[int]) -> dict[int, int]:
        """One BatchGetItem per six projects."""
        names = {keys.repositories(project_id): project_id for project_id in project_ids}
        return {names[name]: total.number for name, total in counters.read_many(self._table, list(names)).items()}

    def _lists(self, *, is_public: bool) -> tuple[Listing, ...]:
        return (self._all, self._public) if is_public else (self._all,)


def _item(record: ProjectRecord) -> ProjectItem:
    allowlist = record.allowlist
    return ProjectItem(
        keys.project(record.project.name),
        keys.PROJECT,
        project_id=record.project.project_id,
        is_public=record.project.is_public,
        created_at=record.created_at,
        created_by=record.owner,
        owner_id=record.owner_id,
        updated_at=record.updated_at,
        metadata=dict(record.metadata) or None,
        cve_allowlist=list(allowlist) if allowlist != Allowlist() else None,
        version=record.version,
    )


def _record(name: str, item: Item) -> ProjectRecord | None:
    project = to_project(name, item)
    if project is None or not isinstance(item, ProjectItem):
        return None
    ids, expires_at, updated_at = item.cve_allowlist or Allowlist()
    return ProjectRecord(
        project,
        item.created_by,
        int(item.owner_id),
        int(item.created_at),
        int(item.updated_at) or int(item.created_at),
        item.metadata or {},
        Allowlist(tuple(ids), expires_at, updated_at),
        int(item.version),
    )


def _fields(record: ProjectRecord) -> dict[str, object]:
    project = record.project
    return {
        "i": project.project_id,
        "p": project.is_public,
        "o": record.owner,
        "w": record.owner_id,
        "c": record.created_at,
        "u": record.updated_at,
    }


def _row(row: Row) -> ProjectRow:
    f = row.fields
    return ProjectRow(row.key, f["i"], f["p"], f["o"], f["c"], f["u"], f.get("w", 0))
