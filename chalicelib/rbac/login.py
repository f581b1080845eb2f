"""Logging in with a password: who the user is, at what cost, and how often one may be wrong."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable

from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.rbac import authorization, passwords
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.model import LOGIN_NAME, Facts, Principal
from chalicelib.rbac.ports import PrincipalStore

MAX_FAILURES = 10
WINDOW_S = 15 * 60
REMEMBER_S = 60
"""How long a password found right is not hashed again, and how old what `user` says may be."""
_SIZE = 4096


class Login:
    """Checks names and passwords. Remembers them only as an HMAC under a key that lives and dies with the process."""

    def __init__(self, store: PrincipalStore) -> None:
        self._store = store
        self._key = secrets.token_bytes(32)
        self._right: Cache[bytes, Principal] = Cache(_SIZE, REMEMBER_S)

    def principal(self, basic: Basic, client_ip: str, *, challenge: str, now: int) -> Principal:
        """Find out who this is: no read while the password is remembered, else like `facts`."""
        known = self._right.get(self._fingerprint(basic), now)
        if known is not None and known.works_at(now):
            return known
        principal = self.facts(basic, client_ip, (), challenge=challenge, now=now).principal
        if principal is None:
            raise authorization.unauthorized(challenge)
        return principal

    def facts(self, basic: Basic, client_ip: str, projects: Iterable[str], *, challenge: str, now: int) -> Facts:
        """Check a password and return what one batch read says about the user and the projects.

        Raises UNAUTHORIZED with the challenge, the same for an unknown user, a wrong password and a disabled user and after
        the same work; TOOMANYREQUESTS after ten failures in 15 minutes from one address, then for the right password too.
        """
        if not LOGIN_NAME.fullmatch(basic.name) or len(basic.password) > passwords.MAX_CHARACTERS:
            raise _wrong(challenge)
        origin = _origin(client_ip)
        facts = self._store.facts(basic.name, projects, origin=origin)
        failures = facts.failures
        if failures.number >= MAX_FAILURES and failures.ends_at > now:
            raise _too_many(failures.ends_at - now)
        if not self._is_right(basic, facts.principal, now):
            count = self._store.add_failure(basic.name, origin, seen=failures, now=now, keep_s=WINDOW_S)
            raise _wrong(challenge) if count <= MAX_FAILURES else _too_many(WINDOW_S)
        return facts

    def _is_right(self, basic: Basic, principal: Principal | None, now: int) -> bool:
        fingerprint = self._fingerprint(basic)
        known = self._right.get(fingerprint, now)
        if principal is None or known is None or not hmac.compare_digest(known.password_hash, principal.password_hash):
            stored = (principal.password_hash if principal else "") or passwords.NOBODY
            is_password = passwords.is_password(basic.password, stored)
            if principal is None or not is_password:
                return False
        if not principal.works_at(now):
            self._right.drop(fingerprint)
            return False
        self._right.put(fingerprint, principal, now)
        return True

    def _fingerprint(self, basic: Basic) -> bytes:
        message = f"{len(basic.name)}:{basic.name}:{basic.password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, hashlib.sha256)


def _origin(client_ip: str) -> str:
    """Reduce an address to what one client can hardly change: an IPv6 host has a whole /64 to itself."""
    try:
        address = ipaddress.ip_address(client_ip.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _wrong(challenge: str) -> RegistryError:
    return authorization.unauthorized(challenge, "wrong user name or password")


def _too_many(retry_after_s: int) -> RegistryError:
    message = "too many failed logins, try again later"
    return RegistryError("TOOMANYREQUESTS", message=message, headers={"Retry-After": str(retry_after_s)})
