"""Members of projects in DynamoDB: a grant that decides, a row that is listed, and the way from an id to the row.

All three change in one transaction. A grant carries the ids of the project and of the user it was given to: one that outlives
either is void, and is overwritten by the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from chalicelib.aws import counters, keys
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import GrantItem, NameItem, UserItem
from chalicelib.errors import RegistryError
from chalicelib.rbac.member import GROUP, USER, Entity, Member
from chalicelib.rbac.model import Project
from chalicelib.rbac.roles import ROLES

_MEMBER_IDS = "member"
_ROW_KEY_CHARACTERS = 200
_IS_VOID = "attribute_not_exists(pk) OR project_id <> :project OR user_id <> :user"


class DynamoMembers:
    """`rbac.ports.MemberStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def new_id(self) -> int:
        """Take an id for a member. One UpdateItem."""
        return self._table.add(keys.counter(_MEMBER_IDS), keys.COUNTER, "last", 1, kind="counter")

    def add(self, project: Project, entity: Entity, role: str) -> Member | None:
        """One UpdateItem of the id counter, one transaction of 6 to 8 actions."""
        member = Member(self.new_id(), project.project_id, entity, role)
        pk, values = keys.project(project.name), {":project": project.project_id}
        are_alive = [self._table.check(pk, keys.PROJECT, "project_id = :project", values)]
        if entity.kind == GROUP:
            are_alive.append(self._table.check(keys.group(entity.entity_id), keys.GROUP))
        else:
            own = {":user": entity.entity_id}
            are_alive.append(self._table.check(keys.user(entity.name), keys.USER, "user_id = :user", own))
        try:
            self._table.write([*self.add_actions(project, member), *are_alive])
        except ConditionFailed as failure:
            if failure.failed[0] == 0:
                return None
            raise RegistryError("NOT_FOUND", message="project, role, user or group was removed meanwhile") from None
        return member

    def add_actions(self, project: Project, member: Member) -> list[Action]:
        """Actions: make a member, first the grant under the condition that there is none. A custom role must be there."""
        grant = self._table.put(
            self._grant(project, member),
            condition=_IS_VOID,
            values={":project": project.project_id, ":user": _user_id(member.entity)},
        )
        row = self._listing(project.project_id).add(_key(member.entity), _fields(member))
        way = NameItem(keys.member_ids(project.project_id), keys.number(member.member_id), name=_key(member.entity))
        return [grant, *row, self._table.put(way, is_new=True), *self._use(project, member, 1)]

    def find(self, project_id: int, member_id: int) -> Member | None:
        """One GetItem and one BatchGetItem."""
        way = self._table.get(keys.member_ids(project_id), keys.number(member_id))
        if not isinstance(way, NameItem):
            return None
        return next(iter(_members(project_id, self._listing(project_id).some([way.name]))), None)

    def change_role(self, project: Project, member: Member, role: str) -> bool:
        """One transaction of 2 to 5 actions."""
        changed = member._replace(role=role)
        condition, values = "member_id = :member AND #role = :role", {":member": member.member_id, ":role": member.role}
        grant = self._table.put(self._grant(project, changed), condition=condition, values=values)
        row = self._listing(project.project_id).change(_key(member.entity), _fields(changed))
        return self._table.attempt([grant, row, *self._use(project, member, -1), *self._use(project, changed, 1)])

    def remove(self, project: Project, member: Member) -> bool:
        """One transaction of 4 or 5 actions."""
        pk, sk = _grant_key(project, member.entity)
        grant = self._table.delete(pk, sk, condition="member_id = :member", values={":member": member.member_id})
        return self._table.attempt([grant, *self._row_actions(project, member)])

    def put(self, project: Project, user: str, role: str) -> None:
        """Make a user a member, or give them another role. Two to four reads, a write or two, one transaction."""
        known = self._table.get(keys.user(user), keys.grant(project.name))
        if isinstance(known, GrantItem) and known.project_id == project.project_id:
            member = self.find(project.project_id, int(known.member_id))
            if member is not None:
                if member.role != role and not self.change_role(project, member, role):
                    raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})
                return
            self._drop(known)
        item = self._table.get(keys.user(user), keys.USER)
        entity = Entity(USER, int(item.user_id) if isinstance(item, UserItem) else 0, user)
        if not self._table.attempt(self.add_actions(project, Member(self.new_id(), project.project_id, entity, role))):
            raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def drop(self, project_name: str, user: str) -> None:
        """End a user's membership, if there is one. Two to four calls."""
        known = self._table.get(keys.user(user), keys.grant(project_name))
        if not isinstance(known, GrantItem):
            return
        project = Project(project_name, int(known.project_id), is_public=False)
        member = self.find(project.project_id, int(known.member_id))
        if member is None or not self.remove(project, member):
            self._drop(known)

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[Member], int]:
        """One Query of counters, one of rows."""
        rows, total = self._listing(project_id).page(offset, limit, is_descending)
        return _members(project_id, rows), total

    def every(self, project_id: int) -> Sequence[Member]:
        """One Query per MB, which is some 5,000 members."""
        return _members(project_id, self._listing(project_id).rows())

    def granted(self, user: str, user_id: int, groups: Sequence[int]) -> dict[str, set[int]]:
        """One Query for the user and one a group."""
        found: dict[str, set[int]] = {}
        for item in self._grants(user, user_id, groups):
            found.setdefault(item.sk.partition("#")[2], set()).add(int(item.project_id))
        return found

    def roles(self, user: str, user_id: int, groups: Sequence[int]) -> set[str]:
        """One Query for the user and one a group."""
        return {item.role for item in self._grants(user, user_id, groups)}

    def _grants(self, user: str, user_id: int, groups: Sequence[int]) -> list[GrantItem]:
        partitions = (keys.user(user), *map(keys.group_grants, groups))
        items = [item for pk in partitions for item in cast("list[GrantItem]", self._table.query(pk, keys.grant("")))]
        return [item for item in items if item.user_id in (0, user_id)]

    def remove_everywhere(self, entity: Entity) -> int:
        """One Query and a transaction a grant."""
        pk = keys.group_grants(entity.entity_id) if entity.kind == GROUP else keys.user(entity.name)
        grants = cast("list[GrantItem]", self._table.query(pk, keys.grant("")))
        for item in grants:
            project = Project(item.sk.partition("#")[2], int(item.project_id), is_public=False)
            member = self.find(project.project_id, int(item.member_id))
            if member is None or not self.remove(project, member):
                self._drop(item)
        return len(grants)

    def _drop(self, grant: GrantItem) -> None:
        """Delete a grant without a row, unless another one was given meanwhile."""
        condition, values = "member_id = :member OR attribute_not_exists(member_id)", {":member": int(grant.member_id)}
        self._table.attempt([self._table.delete(grant.pk, grant.sk, condition=condition, values=values)])

    def clear(self, project: Project, limit: int) -> bool:
        """One Query, two writes a member: the project is gone, so the grants are void already. At the end 16 writes."""
        listing = self._listing(project.project_id)
        rows = listing.first(limit)
        for member in _members(project.project_id, rows):
            pk, sk = _grant_key(project, member.entity)
            own = {":project": project.project_id}
            self._table.attempt([self._table.delete(pk, sk, condition="project_id = :project", values=own)])
            self._table.attempt(self._row_actions(project, member))
        return len(rows) < limit

    def _row_actions(self, project: Project, member: Member) -> list[Action]:
        row = self._listing(project.project_id).remove(_key(member.entity))
        way = self._table.delete(keys.member_ids(project.project_id), keys.number(member.member_id))
        return [*row, way, *self._use(project, member, -1)]

    def _use(self, project: Project, member: Member, amount: int) -> list[Action]:
        """Count the uses of a custom role; one that is taken into use must be there."""
        if member.role in ROLES:
            return []
        who = f"{project.project_id}#{member.member_id}"
        count = counters.action(self._table, keys.role_uses(member.role), who, amount)
        return [self._table.check(keys.role(member.role), keys.ROLE), count] if amount > 0 else [count]

    def _listing(self, project_id: int) -> Listing:
        return Listing(self._table, keys.members(project_id))

    def _grant(self, project: Project, member: Member) -> GrantItem:
        return GrantItem(
            *_grant_key(project, member.entity),
            project_id=project.project_id,
            role=member.role,
            member_id=member.member_id,
            user_id=_user_id(member.entity),
        )


def _grant_key(project: Project, entity: Entity) -> tuple[str, str]:
    pk = keys.group_grants(entity.entity_id) if entity.kind == GROUP else keys.user(entity.name)
    return pk, keys.grant(project.name)


def _user_id(entity: Entity) -> int:
    return 0 if entity.kind == GROUP else entity.entity_id


def _key(entity: Entity) -> str:
    """Rows are in the order of names, as Harbor lists members."""
    return f"{entity.name[:_ROW_KEY_CHARACTERS]}#{entity.kind}#{entity.entity_id}"


def _fields(member: Member) -> dict[str, object]:
    entity = member.entity
    return {"i": member.member_id, "k": entity.kind, "e": entity.entity_id, "n": entity.name, "r": member.role}


def _members(project_id: int, rows: Sequence[Row]) -> list[Member]:
    return [Member(f["i"], project_id, Entity(f["k"], f["e"], f["n"]), f["r"]) for f in (row.fields for row in rows)]
