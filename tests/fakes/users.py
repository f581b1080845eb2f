"""Users in a dictionary, that of `FakePrincipals`. `tests/contracts/test_users.py` holds it to the promises of the real one."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.rbac.model import User
from chalicelib.rbac.people import Saved, UserRow
from chalicelib.rbac.users import FIRST_ID
from tests.fakes.principals import FakePrincipals


class FakeUsers:
    def __init__(self, principals: FakePrincipals | None = None) -> None:
        self.principals = principals or FakePrincipals()
        self._last_id = 0

    @property
    def _users(self) -> dict[str, User]:
        return self.principals.users

    def allocate(self) -> int:
        self._last_id += 1
        return self._last_id

    def create(self, user: User) -> Saved:
        if user.name in self._users:
            return Saved.NAME_TAKEN
        if user.email and self.name_of_email(user.email) is not None:
            return Saved.EMAIL_TAKEN
        if user.source == "oidc" and user.subject and self.name_of_subject(user.subject) is not None:
            return Saved.NAME_TAKEN
        self._drop_grants(user.name)
        self._users[user.name] = user
        return Saved.DONE

    def save(self, before: User, after: User) -> Saved:
        known = self._users.get(before.name)
        if known is None or (known.user_id, known.version) != (before.user_id, before.version):
            return Saved.OUTDATED
        if after.email and self.name_of_email(after.email) not in (None, before.name):
            return Saved.EMAIL_TAKEN
        self._users[after.name] = after
        return Saved.DONE

    def remove(self, user: User) -> bool:
        known = self._users.get(user.name)
        if known is None or (known.user_id, known.version) != (user.user_id, user.version):
            return False
        self._drop_grants(user.name)
        del self._users[user.name]
        return True

    def find(self, user_id: int) -> User | None:
        return next((user for user in self._users.values() if user.user_id == user_id), None)

    def named(self, name: str) -> User | None:
        return self._users.get(name)

    def name_of_email(self, address: str) -> str | None:
        return next((u.name for u in self._users.values() if u.email and u.email.lower() == address.lower()), None)

    def name_of_subject(self, subject: str) -> str | None:
        users = (user for user in self._users.values() if user.source == "oidc" and user.subject == subject)
        return next((user.name for user in users), None)

    def many(self, names: Sequence[str]) -> list[User]:
        return [self._users[name] for name in names if name in self._users]

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[UserRow], int]:
        rows = list(self.rows())
        return (rows[::-1] if is_descending else rows)[offset : offset + limit], len(rows)

    def rows(self) -> Sequence[UserRow]:
        users = sorted((u for u in self._users.values() if u.user_id != FIRST_ID), key=lambda user: user.name)
        return [UserRow(u.name, u.user_id, u.email, u.realname, u.sysadmin_flag) for u in users]

    def _drop_grants(self, name: str) -> None:
        for key in [key for key in self.principals.grants if key[0] == name]:
            del self.principals.grants[key]
