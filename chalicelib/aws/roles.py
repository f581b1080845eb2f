"""Custom roles in DynamoDB: the item that decides, and the list, whose rows make names unique."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from chalicelib.aws import counters, keys
from chalicelib.aws.listing import Listing
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import RoleItem
from chalicelib.rbac.permissions import named, parse
from chalicelib.rbac.project_ports import RoleRemoval
from chalicelib.rbac.role import RoleRecord
from chalicelib.rbac.roles import FIRST_CUSTOM_ID

_ROLE_IDS = "role"
_AS_READ = "version = :version"
_CLOSED_S = 86400


class DynamoRoles:
    """`rbac.project_ports.RoleStore`."""

    def __init__(self, table: Table) -> None:
        self._table, self._list = table, Listing(table, keys.ROLES)

    def create(self, record: RoleRecord) -> int | None:
        """One UpdateItem, one transaction of 3 actions."""
        number = self._table.add(keys.counter(_ROLE_IDS), keys.COUNTER, "last", 1, kind="counter")
        role_id = FIRST_CUSTOM_ID - 1 + number
        made = record._replace(role_id=role_id)
        actions = [self._table.put(_item(made), is_new=True), *self._list.add(made.name, {"i": role_id})]
        return role_id if self._table.attempt(actions) else None

    def load(self, role_ids: Iterable[int]) -> dict[int, RoleRecord]:
        """One BatchGetItem per hundred."""
        found = self._table.batch((keys.role(str(role_id)), keys.ROLE) for role_id in role_ids)
        return {int(item.role_id): _record(item) for item in found.values() if isinstance(item, RoleItem)}

    def every(self) -> Sequence[tuple[str, int]]:
        """One Query per MB, which is some 10,000 roles."""
        return [(row.key, row.fields["i"]) for row in self._list.rows()]

    def save(self, before: RoleRecord, after: RoleRecord) -> bool:
        """One conditional PutItem; a transaction of 4 actions more for a new name."""
        saved = after._replace(version=before.version + 1)
        put = self._table.put(_item(saved), condition=_AS_READ, values={":version": before.version})
        if before.name == after.name:
            return self._table.attempt([put])
        return self._table.attempt([put, *self._rename(before.name, after)])

    def remove(self, record: RoleRecord) -> RoleRemoval:
        """One transaction of 19 actions: nobody can take the role into use while it goes."""
        pk, key = keys.role(str(record.role_id)), str(record.role_id)
        own = [self._table.delete(pk, keys.ROLE, condition=_AS_READ, values={":version": record.version})]
        own += self._list.remove(record.name)
        ends_at = int(time.time()) + _CLOSED_S  # noqa: TID251 - when DynamoDB may drop the empty counters
        closing = counters.closing(self._table, keys.role_uses(key), ends_at=ends_at)
        try:
            self._table.write([*own, *closing])
        except ConditionFailed as failure:
            return RoleRemoval.CHANGED if failure.failed[0] < len(own) else RoleRemoval.IN_USE
        return RoleRemoval.REMOVED

    def _rename(self, before: str, after: RoleRecord) -> list[Action]:
        """Move the row; one counter changes at most once in a transaction, so rows of one shard leave it as it is."""
        remove, add = self._list.remove(before), self._list.add(after.name, {"i": after.role_id})
        is_same_shard = counters.shard_of(before) == counters.shard_of(after.name)
        return [remove[0], add[0]] if is_same_shard else [*remove, *add]


def _item(record: RoleRecord) -> RoleItem:
    return RoleItem(
        keys.role(str(record.role_id)),
        keys.ROLE,
        role_id=record.role_id,
        name=record.name,
        description=record.description or None,
        permissions=named(record.permissions),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def _record(item: RoleItem) -> RoleRecord:
    return RoleRecord(
        int(item.role_id),
        item.name,
        item.description or "",
        parse(item.permissions),
        int(item.created_at),
        int(item.updated_at),
        int(item.version),
    )
