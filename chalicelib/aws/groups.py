"""Groups in DynamoDB: the record, what leads to it, the list, and the grants that go with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chalicelib.aws import keys
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.table import ConditionFailed, Key, Table
from chalicelib.aws.tables import GroupItem, Item, NameItem
from chalicelib.rbac.groups import DN_MAX_BYTES
from chalicelib.rbac.identity import GROUP_TYPES, IdentityGroup, KnownGroup, group_key
from chalicelib.rbac.member import GROUP, Entity

_LIST = "usergroups"


class DynamoGroups:
    """`rbac.people.GroupStore`."""

    def __init__(self, table: Table) -> None:
        self._table, self._list = table, Listing(table, _LIST)

    def create(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        """One UpdateItem for the id, one transaction."""
        group_id = self._table.add(keys.counter("usergroup"), keys.COUNTER, "last", 1, kind="counter")
        group = KnownGroup(group_id, group_type, name, ldap_dn)
        actions = [
            self._table.put(NameItem(_lead(group), keys.NAME, name=str(group_id)), is_new=True),
            self._table.put(_item(group), is_new=True),
            *self._list.add(_row_key(group_id), _fields(group)),
        ]
        try:
            self._table.write(actions)
        except ConditionFailed:
            return None
        return group

    def find(self, group_id: int) -> KnownGroup | None:
        """One GetItem."""
        return _group(group_id, self._table.get(keys.group(group_id), keys.GROUP))

    def lookup(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        """Two GetItem."""
        lead = self._table.get(_lead(KnownGroup(0, group_type, name, ldap_dn)), keys.NAME)
        return self.find(int(lead.name)) if isinstance(lead, NameItem) else None

    def known(self, source: str, groups: Iterable[IdentityGroup]) -> list[KnownGroup]:
        """Two BatchGetItem per hundred groups."""
        kind = GROUP_TYPES[source]
        wanted = (group_key(source, group) for group in groups)
        leads: list[Key] = [(keys.group_name(kind, key), keys.NAME) for key in wanted if len(key.encode()) <= DN_MAX_BYTES]
        names = self._table.batch(leads).values() if leads else ()
        ids = sorted(int(item.name) for item in names if isinstance(item, NameItem))
        found = self._table.batch((keys.group(number), keys.GROUP) for number in ids) if ids else {}
        known = (_group(number, found.get((keys.group(number), keys.GROUP))) for number in ids)
        return [group for group in known if group is not None]

    def rename(self, group: KnownGroup, name: str) -> bool:
        """One transaction."""
        after = group._replace(name=name)
        values = {":name": group.name}
        actions = [
            self._table.put(_item(after), condition="#name = :name", values=values),
            self._list.change(_row_key(group.group_id), _fields(after)),
        ]
        if _lead(group) != _lead(after):
            to_id = NameItem(_lead(after), keys.NAME, name=str(group.group_id))
            actions += [self._table.put(to_id, is_new=True), self._table.delete(_lead(group), keys.NAME)]
        return self._table.attempt(actions)

    def remove(self, group_id: int) -> bool:
        """One GetItem, one transaction, two Query, one write per grant. Grants go before the group and once more after it, when
        none can be given any more: whoever gives one demands that the group is there."""
        group = self.find(group_id)
        self._drop_grants(group_id)
        if group is None:
            return False
        actions = [
            self._table.delete(keys.group(group_id), keys.GROUP, condition="attribute_exists(pk)"),
            self._table.delete(_lead(group), keys.NAME),
            *self._list.remove(_row_key(group_id)),
        ]
        if not self._table.attempt(actions):
            return False
        self._drop_grants(group_id)
        return True

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[KnownGroup], int]:
        """Two Query."""
        rows, total = self._list.page(offset, limit, is_descending)
        return [_of_row(row) for row in rows], total

    def rows(self) -> Sequence[KnownGroup]:
        """One Query per MB."""
        return [_of_row(row) for row in self._list.rows()]

    def _drop_grants(self, group_id: int) -> None:
        DynamoMembers(self._table).remove_everywhere(Entity(GROUP, group_id, ""))


def _lead(group: KnownGroup) -> str:
    source = next((name for name, number in GROUP_TYPES.items() if number == group.type), "")
    return keys.group_name(group.type, group_key(source, IdentityGroup(group.name, group.ldap_dn)))


def _item(group: KnownGroup) -> GroupItem:
    dn = group.ldap_dn or None
    return GroupItem(keys.group(group.group_id), keys.GROUP, name=group.name, group_type=group.type, ldap_dn=dn)


def _group(group_id: int, item: Item | None) -> KnownGroup | None:
    if not isinstance(item, GroupItem):
        return None
    return KnownGroup(group_id, int(item.group_type), item.name, item.ldap_dn or "")


def _row_key(group_id: int) -> str:
    return f"{group_id:012d}"


def _fields(group: KnownGroup) -> dict[str, object]:
    return {"name": group.name, "type": group.type, **({"dn": group.ldap_dn} if group.ldap_dn else {})}


def _of_row(row: Row) -> KnownGroup:
    return KnownGroup(int(row.key), row.fields["type"], row.fields["name"], row.fields.get("dn", ""))


