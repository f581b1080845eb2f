"""Users of an LDAP directory: settings, what is searched for, and what an entry means here. Pure.

Source: RFC 4513 (binding), RFC 4514 (DNs), RFC 4515 (filters); what an entry means is Harbor's (`src/pkg/ldap/ldap.go`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib.rbac.identity import MAX_GROUPS, Identity, IdentityGroup, group_key, shown, user_name
from chalicelib.rbac.model import LDAP

_SPECIAL = re.compile(r"[\\*()\x00]")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9;.-]{0,63}", re.ASCII)


class LdapMisconfigured(ValueError):
    """A setting makes no sense; the sentence is for the administrator."""


class Place(NamedTuple):
    """Where a directory listens."""

    host: str
    port: int
    is_tls: bool


class Entry(NamedTuple):
    """What a directory says about a DN: attribute names in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[str]]

    def first(self, *names: str) -> str:
        """The first value of the first of these attributes that has one."""
        return next((values[0].strip() for name in names if (values := self.attributes.get(name.lower()))), "")


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """A directory, as an administrator configured it (Harbor's `ldap_*` options)."""

    url: str
    base_dn: str
    uid: str = "cn"
    filter: str = ""
    scope: int = 2
    """0: the base alone, 1: one level below it, 2: everything below it."""
    search_dn: str = ""
    search_password: str = field(default="", repr=False)
    verify_cert: bool = True
    timeout: int = 5
    """Seconds for connecting, and for each answer."""
    group_base_dn: str = ""
    group_search_filter: str = ""
    """Without it groups play no role, but for that of the administrators."""
    group_search_scope: int = 2
    group_attribute_name: str = ""
    group_membership_attribute: str = "memberof"
    group_admin_dn: str = ""
    group_attach_parallel: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any], search_password: str) -> LdapSettings | None:
        """Read the configuration's options; None when no directory is configured."""
        read = {name: options[f"ldap_{name}"] for name in cls.__slots__ if f"ldap_{name}" in options}
        if not (read.get("url") and read.get("base_dn") and read.get("uid")):
            return None
        return cls(**{**read, "search_password": search_password})

    @property
    def group_base(self) -> str:
        """Below which DN groups are."""
        return self.group_base_dn or self.base_dn

    @property
    def group_name(self) -> str:
        """The attribute that names a group."""
        return self.group_attribute_name or "cn"


def place(url: str) -> Place:
    """Read `ldaps://host`, `ldap://host:port` or a bare host; port 636 means TLS, as in Harbor. Raises LdapMisconfigured."""
    try:
        parts = urlsplit(url if "://" in url else f"ldap://{url}")
        port = parts.port
    except ValueError:
        raise LdapMisconfigured("the URL's port is not one") from None
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.username is not None:
        raise LdapMisconfigured("the URL begins with ldap:// or ldaps:// and names a host")
    is_tls = parts.scheme == "ldaps" or port == 636
    return Place(parts.hostname, port or (636 if is_tls else 389), is_tls)


def escape(value: str) -> str:
    """Make a text stand for itself in a filter."""
    return _SPECIAL.sub(lambda match: f"\\{ord(match[0]):02x}", value)


def user_filter(settings: LdapSettings, username: str) -> str:
    """What finds a user by name; "" finds all. Raises LdapMisconfigured."""
    return _both(settings.filter, settings.uid, username)


def group_filter(settings: LdapSettings, name: str = "") -> str:
    """What finds a group by name; "" finds all. Raises LdapMisconfigured."""
    return _both(settings.group_search_filter, settings.group_name, name)


def attributes(settings: LdapSettings) -> list[str]:
    """The attributes of a user that are read."""
    names = ["uid", "cn", "mail", "email", settings.uid, settings.group_membership_attribute]
    return list(dict.fromkeys(name.strip().lower() for name in names if name.strip()))


def memberships(entry: Entry, settings: LdapSettings) -> list[str]:
    """The DNs of the groups an entry says it is in."""
    found = entry.attributes.get(settings.group_membership_attribute.strip().lower(), ())
    return [dn for value in found if (dn := value.strip())][:MAX_GROUPS]


def identity(entry: Entry, settings: LdapSettings, groups: Iterable[IdentityGroup]) -> Identity:
    """Say who an entry is. Its name is the directory's own, however it was typed: LDAP finds `ANN` under `ann`."""
    admin = group_key(LDAP, IdentityGroup("", settings.group_admin_dn)) if settings.group_admin_dn.strip() else ""
    dns = {group_key(LDAP, IdentityGroup("", dn)) for dn in memberships(entry, settings)}
    email = shown(entry.first("mail", "email"))
    name = user_name(entry.first(settings.uid))
    return Identity(
        LDAP,
        entry.dn,
        settings.url,
        name,
        email or (name if "@" in name else ""),
        shown(entry.first("cn", "uid")),
        tuple(groups),
        bool(admin) and admin in dns,
    )


def _both(given: str, attribute: str, value: str) -> str:
    """An administrator's filter, and one of ours."""
    if not _ATTRIBUTE.fullmatch(attribute):
        raise LdapMisconfigured(f"{attribute[:64]!r} is no attribute")
    ours, given = f"({attribute}={escape(value) or '*'})", given.strip()
    if given and not (given.startswith("(") and given.endswith(")")):
        given = f"({given})"
    return f"(&{given}{ours})" if given else ours
