"""Where people and their groups are kept, as access control needs it. `chalicelib.aws` implements it; tests use fakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from chalicelib.rbac.identity import IdentityGroup, KnownGroup
from chalicelib.rbac.model import User


class Saved(Enum):
    """What became of a change."""

    DONE = "done"
    NAME_TAKEN = "name taken"
    EMAIL_TAKEN = "email taken"
    OUTDATED = "outdated"
    """What was to be changed is no longer as it was read."""


class UserRow(NamedTuple):
    """A user in the list: what it can be filtered and sorted by."""

    name: str
    user_id: int
    email: str
    realname: str
    sysadmin_flag: bool


class UserStore(Protocol):
    """Users with all that leads to them: id, email, the list. Each method is one transaction."""

    def allocate(self) -> int:
        """Take a new id; none is ever given twice."""

    def create(self, user: User) -> Saved:
        """Store a new user; neither name nor email may be anybody else's. No grant of an earlier user of the name survives."""

    def save(self, before: User, after: User) -> Saved:
        """Replace a user, on the condition that they are still `before`; only the name and the id stay."""

    def remove(self, user: User) -> bool:
        """Remove a user and their grants; False when they are no longer as they were read."""

    def find(self, user_id: int) -> User | None:
        """Read a user by id."""

    def named(self, name: str) -> User | None:
        """Read a user by name."""

    def name_of_email(self, address: str) -> str | None:
        """Find who has an address; capital letters make no difference."""

    def name_of_subject(self, subject: str) -> str | None:
        """Find whom an OpenID provider knows by this `User.subject`."""

    def many(self, names: Sequence[str]) -> list[User]:
        """Read several users, in the order of the names."""

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[UserRow], int]:
        """Read a page of all users but the first, in the order of names, and how many there are."""

    def rows(self) -> Sequence[UserRow]:
        """Read the whole list."""


class GroupStore(Protocol):
    """Groups of people, which may have roles in projects. An id is never given twice."""

    def create(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        """Make a group; None when there is one of this type with the DN (LDAP) or the name (others)."""

    def find(self, group_id: int) -> KnownGroup | None:
        """Read a group."""

    def lookup(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        """Read a group by its type and the DN (LDAP) or the name (others)."""

    def known(self, source: str, groups: Iterable[IdentityGroup]) -> list[KnownGroup]:
        """Find those of a source's groups that are there. Two batch reads per hundred."""

    def rename(self, group: KnownGroup, name: str) -> bool:
        """Give a group another name; False when another group has it, or the group is gone."""

    def remove(self, group_id: int) -> bool:
        """Remove a group and its grants; False when it is not there. Grants that were left behind go in either case."""

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[KnownGroup], int]:
        """Read a page of all groups in the order of ids, and how many there are."""

    def rows(self) -> Sequence[KnownGroup]:
        """Read the whole list."""
