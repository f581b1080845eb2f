"""Users in DynamoDB: the record, what leads to it, and the list, changed together."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws import keys
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.principals import to_user, user_item
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import NameItem
from chalicelib.rbac.member import USER, Entity
from chalicelib.rbac.model import OIDC, User
from chalicelib.rbac.people import Saved, UserRow
from chalicelib.rbac.users import FIRST_ID

_LIST = "users"


class DynamoUsers:
    """`rbac.ports.UserStore`."""

    def __init__(self, table: Table) -> None:
        self._table, self._list = table, Listing(table, _LIST)

    def allocate(self) -> int:
        """One UpdateItem."""
        return self._table.add(keys.counter("user"), keys.COUNTER, "last", 1, kind="counter")

    def create(self, user: User) -> Saved:
        """One Query for grants that a user of this name left behind, one transaction."""
        self._drop_grants(user)
        leads = [keys.user_id(user.user_id), *_leads(user)]
        to_name = [NameItem(pk, keys.NAME, name=user.name) for pk in leads]
        actions = [self._table.put(item, is_new=True) for item in (user_item(user), *to_name)]
        if _is_listed(user):
            actions += self._list.add(user.name, _fields(user))
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            return Saved.EMAIL_TAKEN if failure.failed[0] == 2 and user.email else Saved.NAME_TAKEN
        return Saved.DONE

    def save(self, before: User, after: User) -> Saved:
        """One conditional PutItem, or a transaction where the list or the email changes too."""
        condition, values = _unchanged(before)
        actions = [self._table.put(user_item(after), condition=condition, values=values)]
        if before.email != after.email:
            actions += self._email_actions(before, after)
        if _is_listed(after) and _fields(before) != _fields(after):
            actions.append(self._list.change(after.name, _fields(after)))
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            is_email = failure.failed[0] == 1 and before.email != after.email
            return Saved.EMAIL_TAKEN if is_email else Saved.OUTDATED
        return Saved.DONE

    def _email_actions(self, before: User, after: User) -> list[Action]:
        """Take the new address, then give the old one up; the same address in other letters stays taken."""
        actions = []
        if after.email:
            item = NameItem(keys.email(after.email), keys.NAME, name=after.name)
            condition = "attribute_not_exists(pk) OR #name = :name"
            actions.append(self._table.put(item, condition=condition, values={":name": after.name}))
        if before.email and keys.email(before.email) != keys.email(after.email):
            actions.append(self._table.delete(keys.email(before.email), keys.NAME))
        return actions

    def remove(self, user: User) -> bool:
        """Two Query, one transaction per grant, one for the rest. Grants go before the user and once more after it, when none
        can be given any more: whoever gives one demands that the user is there."""
        self._drop_grants(user)
        condition, values = _unchanged(user)
        actions = [
            self._table.delete(keys.user(user.name), keys.USER, condition=condition, values=values),
            *(self._table.delete(pk, keys.NAME) for pk in (keys.user_id(user.user_id), *_leads(user))),
        ]
        if _is_listed(user):
            actions += self._list.remove(user.name)
        if not self._table.attempt(actions):
            return False
        self._drop_grants(user)
        return True

    def find(self, user_id: int) -> User | None:
        """Two GetItem."""
        name = self._name(keys.user_id(user_id))
        user = self.named(name) if name else None
        return user if user is not None and user.user_id == user_id else None

    def named(self, name: str) -> User | None:
        """One GetItem."""
        return to_user(name, self._table.get(keys.user(name), keys.USER))

    def name_of_subject(self, subject: str) -> str | None:
        """One GetItem."""
        return self._name(keys.subject(subject))

    def name_of_email(self, address: str) -> str | None:
        """One GetItem."""
        return self._name(keys.email(address))

    def many(self, names: Sequence[str]) -> list[User]:
        """One BatchGetItem per hundred."""
        found = self._table.batch((keys.user(name), keys.USER) for name in names)
        users = (to_user(name, found.get((keys.user(name), keys.USER))) for name in names)
        return [user for user in users if user is not None]

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[UserRow], int]:
        """Two Query."""
        rows, total = self._list.page(offset, limit, is_descending)
        return [_row(row) for row in rows], total

    def rows(self) -> Sequence[UserRow]:
        """One Query per MB."""
        return [_row(row) for row in self._list.rows()]

    def _name(self, pk: str) -> str | None:
        item = self._table.get(pk, keys.NAME)
        return item.name if isinstance(item, NameItem) else None

    def _drop_grants(self, user: User) -> None:
        DynamoMembers(self._table).remove_everywhere(Entity(USER, user.user_id, user.name))


def _leads(user: User) -> list[str]:
    """What leads to a user beside the id: the email first, where there is one, and the subject of an OpenID provider."""
    email = [keys.email(user.email)] if user.email else []
    return [*email, keys.subject(user.subject)] if user.source == OIDC and user.subject else email


def _is_listed(user: User) -> bool:
    return user.user_id != FIRST_ID


def _fields(user: User) -> dict[str, object]:
    return {"id": user.user_id, "email": user.email, "realname": user.realname, "admin": user.sysadmin_flag}


def _row(row: Row) -> UserRow:
    fields = row.fields
    return UserRow(row.key, fields["id"], fields["email"], fields["realname"], fields["admin"])


def _unchanged(user: User) -> tuple[str, dict[str, int]]:
    """Condition: the item is still the one that was read."""
    never = "(version = :version OR attribute_not_exists(version))" if not user.version else "version = :version"
    return f"user_id = :id AND {never}", {":id": user.user_id, ":version": user.version}
