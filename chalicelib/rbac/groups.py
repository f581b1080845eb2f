"""Groups of people: made by administrators or when somebody of the group logs in. Source: Harbor `src/pkg/usergroup`."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.errors import RegistryError
from chalicelib.rbac.identity import KnownGroup, shown
from chalicelib.rbac.people import GroupStore

LDAP_GROUP, HTTP_GROUP, OIDC_GROUP = 1, 2, 3
"""Harbor's types of groups (`src/common/const.go`)."""
_NAME_MAX_CHARACTERS, DN_MAX_BYTES = 255, 1024


class Groups:
    """The groups of the registry. Raises RegistryError: BAD_REQUEST, NOT_FOUND, CONFLICT."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store

    def get(self, group_id: int) -> KnownGroup:
        """Read a group. One read."""
        group = self._store.find(group_id)
        if group is None:
            raise _missing(group_id)
        return group

    def create(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup:
        """Make a group: of LDAP by DN, of others by name. Two writes."""
        group = self._store.create(*_checked(group_type, name, ldap_dn))
        if group is None:
            raise RegistryError("CONFLICT", message="there is a group of this type and name or DN already")
        return group

    def ensure(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup:
        """Find a group, or make it: whoever gives a role to a group need not make it first. Two reads, two writes."""
        wanted = _checked(group_type, name, ldap_dn)
        group = self._store.lookup(*wanted) or self._store.create(*wanted) or self._store.lookup(*wanted)
        if group is None:
            raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})
        return group

    def rename(self, group_id: int, name: str) -> None:
        """Give a group another name. Two calls."""
        group, wanted = self.get(group_id), _name(name, "")
        if wanted == group.name:
            return
        if not self._store.rename(group, wanted):
            raise _bad(f"there is a group {wanted} of this type already")

    def remove(self, group_id: int) -> None:
        """Remove a group and all its roles in projects, now and for good."""
        if not self._store.remove(group_id):
            raise _missing(group_id)

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[KnownGroup], int]:
        """Read a page in the order of ids, and how many there are. Two reads."""
        return self._store.page(offset, limit, is_descending)

    def rows(self) -> Sequence[KnownGroup]:
        """Read the whole list. One read per MB."""
        return self._store.rows()


def _checked(group_type: int, name: str, ldap_dn: str) -> tuple[int, str, str]:
    name, ldap_dn = _name(name, ldap_dn), ldap_dn.strip()
    if group_type not in (LDAP_GROUP, HTTP_GROUP, OIDC_GROUP):
        raise _bad("group_type must be 1 (LDAP), 2 (HTTP) or 3 (OIDC)")
    if group_type == LDAP_GROUP and not ldap_dn:
        raise _bad("a group of LDAP needs its ldap_group_dn")
    if len(ldap_dn.encode()) > DN_MAX_BYTES or not ldap_dn.isprintable():
        raise _bad("ldap_group_dn is too long, or no DN")
    return group_type, name, ldap_dn if group_type == LDAP_GROUP else ""


def _name(name: str, otherwise: str) -> str:
    """A name as it may be shown; a group of LDAP without one is called by its DN."""
    found = name.strip() or otherwise.strip()[:_NAME_MAX_CHARACTERS]
    if not 1 <= len(found) <= _NAME_MAX_CHARACTERS or shown(found) != found:
        raise _bad("group_name must be 1 to 255 characters that can be printed")
    return found


def _missing(group_id: int) -> RegistryError:
    return RegistryError("NOT_FOUND", message=f"the user group with id {group_id} is not found")


def _bad(message: str) -> RegistryError:
    return RegistryError("BAD_REQUEST", message=message)
