"""Talking to an LDAP directory: does a password fit, who and which groups are there.

The service account searches, then the found DN binds with the password on a connection of its own; only that proves anything.
`ldap3` (LGPL-3.0) is loaded by the first who needs it: 80 ms that nobody without LDAP pays.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.rbac import ldap
from chalicelib.rbac.identity import Identity, IdentityGroup, SourceDown
from chalicelib.rbac.ldap import Entry, LdapMisconfigured, LdapSettings
from chalicelib.rbac.model import LDAP

if TYPE_CHECKING:
    from ldap3 import Connection

MAX_ENTRIES = 1000
MAX_PASSWORD_CHARACTERS = 1024
_WORKERS = 5
_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT, _INVALID_CREDENTIALS = 0, 4, 32, 49
_BUSY = frozenset({1, 3, 11, 51, 52, 80})
"""Result codes of a directory in trouble: operationsError, timeLimitExceeded, adminLimitExceeded, busy, unavailable, other."""


class LdapDirectory:
    """`rbac.identity.IdentitySource` of a directory, and what an administrator asks of it. Safe under threads."""

    name = LDAP

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings

    def authenticate(self, username: str, password: str, now: int) -> Identity | None:  # noqa: ARG002 - the directory's clock counts
        """Say who logs in. Two connections: a search, a bind, and a read of each group. Raises SourceDown.

        An empty password is none: a directory lets everybody bind with it, and calls that anonymous (RFC 4513, 5.1.2).
        """
        if not username.strip() or not password or len(password) > MAX_PASSWORD_CHARACTERS:
            return None
        with self._searching() as connection:
            found = self._users(connection, username, 2)
            # Somebody who is not there binds too, and fails, so that it takes as long.
            entry = found[0] if len(found) == 1 else Entry(f"cn=nobody,{self._settings.base_dn}", {})
            if not self._may_bind(entry.dn, password) or not entry.attributes:
                return None
            return ldap.identity(entry, self._settings, self._groups(connection, entry))

    def search_users(self, username: str = "") -> list[Identity]:
        """Find users by name, all without one; a thousand at most. Their groups are not read. Raises SourceDown."""
        with self._searching() as connection:
            found = self._users(connection, username, MAX_ENTRIES)
        return [ldap.identity(entry, self._settings, ()) for entry in found]

    def search_groups(self, name: str = "", dn: str = "") -> list[IdentityGroup]:
        """Find groups by name or by DN, all without either; a thousand at most. A DN that is not below the groups' base has
        none. Raises SourceDown."""
        with self._searching() as connection:
            if dn:
                group = self._group(connection, dn)
                return [group] if group else []
            settings = self._settings
            wanted, read = ldap.group_filter(settings, name), [settings.group_name]
            found = _search(connection, settings.group_base, wanted, settings.group_search_scope, read, MAX_ENTRIES)
            return [self._named(entry) for entry in found]

    def ping(self) -> None:
        """Try whether the directory is there and lets the service account in. Raises SourceDown."""
        with self._searching():
            pass

    def _users(self, connection: Connection, username: str, limit: int) -> list[Entry]:
        settings = self._settings
        wanted, read = ldap.user_filter(settings, username), ldap.attributes(settings)
        return _search(connection, settings.base_dn, wanted, settings.scope, read, limit)

    def _groups(self, connection: Connection, entry: Entry) -> list[IdentityGroup]:
        """The groups somebody is in, those that the configured filter finds."""
        dns = ldap.memberships(entry, self._settings) if self._settings.group_search_filter.strip() else []
        if self._settings.group_attach_parallel and len(dns) > _WORKERS:
            with ThreadPoolExecutor(_WORKERS) as pool:
                shares = pool.map(self._read_groups, [dns[number::_WORKERS] for number in range(_WORKERS)])
                return [group for share in shares for group in share]
        return [group for dn in dns if (group := self._group(connection, dn))]

    def _read_groups(self, dns: Sequence[str]) -> list[IdentityGroup]:
        with self._searching() as connection:
            return [group for dn in dns if (group := self._group(connection, dn))]

    def _group(self, connection: Connection, dn: str) -> IdentityGroup | None:
        if not _is_below(dn, self._settings.group_base):
            return None
        found = _search(connection, dn, ldap.group_filter(self._settings), 0, [self._settings.group_name], 1)
        return self._named(found[0]) if found else None

    def _named(self, entry: Entry) -> IdentityGroup:
        return IdentityGroup(entry.first(self._settings.group_name) or entry.dn, entry.dn)

    def _may_bind(self, dn: str, password: str) -> bool:
        from ldap3.core.exceptions import LDAPSASLPrepError  # noqa: PLC0415 - see above

        with self._connection(dn, password) as connection:
            try:
                connection.bind()
            except LDAPSASLPrepError:
                return False  # RFC 4513, 5.1.3: the text cannot be a password.
            code = connection.result["result"]
            if code in _BUSY:
                raise SourceDown(LDAP, f"the directory answers {connection.result['description']}")
            return bool(code == _SUCCESS)

    @contextmanager
    def _searching(self) -> Iterator[Connection]:
        """A connection of the service account; anonymous when none is configured."""
        with self._connection(self._settings.search_dn, self._settings.search_password) as connection:
            connection.bind()
            if connection.result["result"] == _INVALID_CREDENTIALS:
                raise SourceDown(LDAP, "invalid credential: the search DN and its password do not fit")
            if connection.result["result"] != _SUCCESS:
                raise SourceDown(LDAP, f"the search DN may not bind: {connection.result['description']}")
            yield connection

    @contextmanager
    def _connection(self, dn: str, password: str) -> Iterator[Connection]:
        """A connection that has not bound. Whatever goes wrong with it is SourceDown; no message of it holds a password."""
        import ldap3  # noqa: PLC0415 - see above
        from ldap3.core.exceptions import LDAPException  # noqa: PLC0415

        settings, made = self._settings, None
        try:
            where = ldap.place(settings.url)
            server = ldap3.Server(
                where.host, where.port, use_ssl=where.is_tls, get_info=ldap3.NONE, connect_timeout=settings.timeout,
                tls=_tls(where.host, verify_cert=settings.verify_cert) if where.is_tls else None,
            )  # fmt: skip
            made = ldap3.Connection(
                server, dn or None, password or None, authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
                receive_timeout=settings.timeout, auto_referrals=False, read_only=True, auto_escape=False,
                check_names=False,
            )  # fmt: skip
            yield made
        except LdapMisconfigured as error:
            raise SourceDown(LDAP, str(error)) from None
        except LDAPException as error:
            raise SourceDown(LDAP, f"{settings.url}: {_reason(error)}") from None
        finally:
            if made is not None and not made.closed:
                made.unbind()


def _tls(host: str, *, verify_cert: bool) -> Any:
    """TLS as Python's own library does it, with the system's authorities or those of SSL_CERT_FILE: the check of names that
    `ldap3` has knows no addresses."""
    import ldap3  # noqa: PLC0415 - see above

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify_cert:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    class Tls(ldap3.Tls):
        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002, RUF100
            connection.socket = context.wrap_socket(
                connection.socket, server_hostname=host, do_handshake_on_connect=do_handshake
            )

    return Tls()


def _search(
    connection: Connection, base: str, wanted: str, scope: int, attributes: Sequence[str], limit: int
) -> list[Entry]:
    scopes: Any = ("BASE", "LEVEL", "SUBTREE")
    connection.search(base, wanted, scopes[scope], attributes=list(attributes), size_limit=limit)
    code = connection.result["result"]
    if code == _NO_SUCH_OBJECT:
        return []
    if code not in (_SUCCESS, _SIZE_LIMIT):
        raise SourceDown(LDAP, f"the directory refuses the search: {connection.result['description']}")
    entries = [entry for entry in connection.response or () if entry.get("type") == "searchResEntry"]
    return [Entry(entry["dn"], _texts(entry["raw_attributes"])) for entry in entries[:limit]]


def _texts(raw: Any) -> dict[str, list[str]]:
    return {name.lower(): [value.decode("utf-8", "replace") for value in values] for name, values in raw.items()}


def _is_below(dn: str, base: str) -> bool:
    """Say whether a DN is the base or below it; what is no DN is not."""
    from ldap3.core.exceptions import LDAPInvalidDnError  # noqa: PLC0415 - see above
    from ldap3.utils.dn import parse_dn  # noqa: PLC0415

    try:
        parts, end = ([(a.casefold(), v.casefold()) for a, v, _ in parse_dn(text, strip=True)] for text in (dn, base))
    except (LDAPInvalidDnError, IndexError):
        return False
    return bool(end) and parts[-len(end) :] == end


def _reason(error: Exception) -> str:
    """The library's words for what happened, which name hosts and reasons, in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
