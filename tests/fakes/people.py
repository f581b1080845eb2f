"""Groups in a dictionary and sources of users made of tables: for tests of who is let in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.events import UNRECORDED, Recorder
from chalicelib.rbac.configuration import Configuration
from chalicelib.rbac.identity import (
    GROUP_TYPES,
    Identity,
    IdentityGroup,
    IdentitySource,
    KnownGroup,
    SourceDown,
    group_key,
)
from chalicelib.rbac.oidc import OidcSettings
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.sources import Directory, Provider
from chalicelib.rbac.users import Users
from tests.fakes.configuration import configurations
from tests.fakes.principals import FakePrincipals
from tests.fakes.users import FakeUsers


class FakeGroups:
    def __init__(self) -> None:
        self.groups: dict[int, KnownGroup] = {}
        self._last_id = 0

    def create(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        self._last_id += 1
        group = KnownGroup(self._last_id, group_type, name, ldap_dn)
        if _key(group) in map(_key, self.groups.values()):
            return None
        self.groups[group.group_id] = group
        return group

    def find(self, group_id: int) -> KnownGroup | None:
        return self.groups.get(group_id)

    def lookup(self, group_type: int, name: str, ldap_dn: str) -> KnownGroup | None:
        wanted = _key(KnownGroup(0, group_type, name, ldap_dn))
        return next((group for group in self.groups.values() if _key(group) == wanted), None)

    def known(self, source: str, groups: Iterable[IdentityGroup]) -> list[KnownGroup]:
        wanted = {(GROUP_TYPES[source], group_key(source, group)) for group in groups}
        return [group for group in self.groups.values() if _key(group) in wanted]

    def rename(self, group: KnownGroup, name: str) -> bool:
        after = group._replace(name=name)
        others = {_key(other) for other in self.groups.values() if other.group_id != group.group_id}
        if self.groups.get(group.group_id) != group or _key(after) in others:
            return False
        self.groups[group.group_id] = after
        return True

    def remove(self, group_id: int) -> bool:
        return self.groups.pop(group_id, None) is not None

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[KnownGroup], int]:
        rows = list(self.rows())
        return (rows[::-1] if is_descending else rows)[offset : offset + limit], len(rows)

    def rows(self) -> Sequence[KnownGroup]:
        return [self.groups[number] for number in sorted(self.groups)]


class FakeSources:
    """A directory of (name, password) -> identity. `down` is raised instead while it is set."""

    name = "ldap"

    def __init__(self, people: Mapping[tuple[str, str], Identity] = {}) -> None:
        self.people = dict(people)
        self.asked: list[str] = []
        self.down: SourceDown | None = None

    def authenticate(self, username: str, password: str, now: int) -> Identity | None:
        if self.down is not None:
            raise self.down
        found = self.people.get((username, password))
        if found is not None:
            self.asked.append(username)
        return found

    def passwords(self, *, now: int) -> Mapping[str, IdentitySource]:
        return {"ldap": self}

    def directory(self, *, now: int) -> Directory | None:
        return None

    def provider(self, *, now: int) -> tuple[OidcSettings, Provider] | None:
        return None

    def directory_of(self, configuration: Configuration, search_password: str) -> Directory | None:
        return None

    def ping_provider(self, endpoint: str, *, verify_cert: bool) -> None:
        return None


def onboarding(
    principals: FakePrincipals, groups: FakeGroups | None = None, recorder: Recorder = UNRECORDED
) -> Onboarding:
    """Makes users among the principals."""
    store = FakeUsers(principals)
    return Onboarding(Users(store, principals, configurations()), store, groups or FakeGroups(), recorder)


def _key(group: KnownGroup) -> tuple[int, str]:
    source = next((name for name, number in GROUP_TYPES.items() if number == group.type), "")
    return group.type, group_key(source, IdentityGroup(group.name, group.ldap_dn))
