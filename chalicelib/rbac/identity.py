"""Identities: what a source of users (LDAP, an OpenID Connect provider) says about somebody, and which source to believe.

Several sources work at the same time, beside the passwords of the registry's own database. The rules that keep them apart: a
user belongs to the source that brought them in, and only that source is asked about them; a name nobody has is asked of every
source in the configured order; no source can say who another one's user is. Pure, but for `ask`, which calls the sources.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.rbac.model import DATABASE, LDAP, OIDC, USER_NAME

GROUP_TYPES: Mapping[str, int] = {LDAP: 1, OIDC: 3}
"""Harbor's numbers of the types of groups (`src/common/const.go`)."""
MAX_GROUPS = 500
"""Groups of one identity that are looked at; what is beyond is passed over, in the source's order."""
MAX_CHARACTERS = 255


class IdentityGroup(NamedTuple):
    """A group as a source names it; `ldap_dn` is "" where there are no DNs."""

    name: str
    ldap_dn: str = ""


class KnownGroup(NamedTuple):
    """A group of the registry, which may have roles in projects."""

    group_id: int
    type: int
    name: str
    ldap_dn: str = ""


class Identity(NamedTuple):
    """Who somebody is, as their source says."""

    source: str
    """`ldap` or `oidc`."""
    subject: str
    """What the source calls them for good: the DN, or `sub` of the issuer."""
    issuer: str
    """Which directory or provider: its address. The same subject of another issuer is somebody else."""
    username: str
    """A name that may be a user's here; "" when the source gives none that can be, and then the user must choose one."""
    email: str = ""
    realname: str = ""
    groups: tuple[IdentityGroup, ...] | None = None
    """None: the source says nothing about groups, and those known before stay."""
    is_admin: bool | None = None
    """Whether they are in the group of administrators, which nobody is where there is no such group; None: nobody asked, and
    what the registry knows holds."""

    @property
    def key(self) -> str:
        """`issuer subject`: what a user of the registry is tied to."""
        return f"{self.issuer} {self.subject}"


class SourceDown(Exception):
    """A source cannot be asked, or answers nonsense. The message is for an administrator and holds no credential."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source, self.reason = source, reason


class IdentitySource(Protocol):
    """Somebody who knows whether a password is right."""

    name: str
    """`ldap` or `oidc`."""

    def authenticate(self, username: str, password: str, now: int) -> Identity | None:
        """Say who logs in with these, or None when nobody does. Raises SourceDown."""


class Asked(NamedTuple):
    """What came of asking: who it is, if somebody, and which sources could not be asked."""

    identity: Identity | None
    down: tuple[SourceDown, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Nobody said yes, and somebody could not be asked: neither a right password nor a wrong one, so it must not count
        as a failed login, and the answer is 503 rather than 401."""
        return self.identity is None and bool(self.down)


def to_ask(owner: str | None, order: Sequence[str]) -> tuple[str, ...]:
    """Decide which sources are asked about a name, in this order. `owner` is the source of the user who has it, or None.

    The database's users are asked of nobody; a user of a source that is not configured any more cannot log in.
    """
    if owner is None:
        return tuple(dict.fromkeys(name for name in order if name != DATABASE))
    return tuple(name for name in (owner,) if name in order and name != DATABASE)


def ask(
    sources: Mapping[str, IdentitySource], owner: str | None, order: Sequence[str], username: str, password: str, *, now: int
) -> Asked:
    """Ask the sources that `to_ask` names until one says yes. One that is down is passed over and reported: its own users cannot
    log in, everybody else can. Cost: what each source costs."""
    down = []
    for name in to_ask(owner, order):
        source = sources.get(name)
        if source is None:
            continue
        try:
            identity = source.authenticate(username, password, now)
        except SourceDown as failure:
            down.append(failure)
            continue
        if identity is not None:
            return Asked(identity, tuple(down))
    return Asked(None, tuple(down))


def may_be(identity: Identity, source: str, key: str) -> bool:
    """Say whether an identity may log in as the user of its name, who came from `source` with `key` (`Identity.key`).

    A directory may move a person, so LDAP is believed about its own names; an OIDC provider lets people choose their names, so
    there only issuer and subject count. Without a rule like this whoever names themselves `admin` would be.
    """
    if identity.source != source or source == DATABASE:
        return False
    return identity.source == LDAP or identity.key == key


def group_ids(identity: Identity, known: Iterable[KnownGroup]) -> tuple[int, ...]:
    """Find the registry's groups an identity is in: of LDAP by DN, of OIDC by name. Sorted; groups of other types never count."""
    wanted, kind = {group_key(identity.source, group) for group in identity.groups or ()}, GROUP_TYPES.get(identity.source)
    return tuple(
        sorted(
            group.group_id
            for group in known
            if group.type == kind and group_key(identity.source, IdentityGroup(group.name, group.ldap_dn)) in wanted
        )
    )


def new_groups(identity: Identity, known: Iterable[KnownGroup]) -> tuple[IdentityGroup, ...]:
    """The groups of an identity that the registry does not have, once each: Harbor makes them at login."""
    kind = GROUP_TYPES.get(identity.source)
    have = {group_key(identity.source, IdentityGroup(g.name, g.ldap_dn)) for g in known if g.type == kind}
    found = {group_key(identity.source, group): group for group in identity.groups or ()}
    return tuple(group for key, group in found.items() if key not in have)


def group_key(source: str, group: IdentityGroup) -> str:
    """What makes two groups the same: the DN without regard to case and blanks around its commas, else the name."""
    if source == LDAP:
        return ",".join(part.strip() for part in group.ldap_dn.casefold().split(","))
    return group.name


def user_name(text: str) -> str:
    """Make a user's name of what a source says, or "" when it cannot be one. Blanks become `_`, as in Harbor; nothing else is
    changed, since two people must not become one."""
    name = "_".join(text.strip().split(" "))
    is_ours = USER_NAME.fullmatch(name) and "$" not in name
    return name if is_ours else ""


def shown(text: object) -> str:
    """A text of a source as it may be stored and shown: without control characters, 255 characters at most."""
    if not isinstance(text, str):
        return ""
    printable = "".join(character for character in text if unicodedata.category(character)[0] != "C")
    return printable.strip()[:MAX_CHARACTERS]
