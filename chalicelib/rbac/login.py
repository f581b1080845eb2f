"""Logging in with a password: who the user is, at what cost, and how often one may be wrong.

A user's source says whether the password is right: the hash here for users of the registry, for robots and for the CLI secrets of
people of an OpenID provider, LDAP for its own. A name nobody has is asked of LDAP, which may bring somebody new.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Iterable
from typing import Protocol

from chalicelib import telemetry
from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.rbac import authorization, passwords
from chalicelib.rbac import identity as identities
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.model import LDAP, LOGIN_NAME, Facts, Principal, User
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.sources import IdentitySources

MAX_FAILURES = 10
"""Failed logins of one name from one address in `WINDOW_S`."""
MAX_FAILURES_OF_ADDRESS = 60
"""The same of all names together. One name adds at most `MAX_FAILURES`: a machine with an old password locks no neighbour out."""
WINDOW_S = 15 * 60
REMEMBER_S = 60
"""How long a password found right is not asked about again, and how old what `principal` says may be."""
EVEN_S = 0.5
"""Where a directory is asked about names that nobody has here, every failed login takes this long: longer than a directory
answers, so that the time does not tell whose name is known here. A failure is rare and limited; right passwords do not wait."""
_SIZE = 4096


class Pace:
    """The clock that failed logins are evened out by."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait_s(self, seconds: float) -> None:
        """Let time pass; none when it is less than nothing."""
        time.sleep(max(0.0, seconds))


class Hasher(Protocol):
    """What checks a password against a hash."""

    def is_password(self, password: str, password_hash: str) -> bool:
        """Say whether it is the one that was hashed. The same work for any hash."""


class Others:
    """The users of other sources than the registry itself, by their passwords."""

    def __init__(self, sources: IdentitySources, onboarding: Onboarding) -> None:
        self._sources, self._onboarding = sources, onboarding

    def are_asked(self, *, now: int) -> bool:
        """Say whether there is any such source."""
        return bool(self._sources.passwords(now=now))

    def ask(self, basic: Basic, owner: User | None, *, now: int) -> tuple[User | None, bool]:
        """Ask whether a password is right: the user, if so, and whether a source that could know did not answer."""
        configured = self._sources.passwords(now=now)
        source = owner.source if owner else None
        asked = identities.ask(configured, source, tuple(configured), basic.name, basic.password, now=now)
        for down in asked.down:
            telemetry.logger().error("identity source down", extra={"source": down.source, "error": down.reason})
        if asked.identity is None:
            return None, asked.is_unknown
        return self._onboarding.admit(asked.identity, now=now), False


class Login:
    """Checks names and passwords. Remembers them only as an HMAC under a key that lives and dies with the process."""

    def __init__(
        self,
        store: PrincipalStore,
        others: Others | None = None,
        hasher: Hasher = passwords,
        pace: Pace = Pace(),  # noqa: B008 - it holds nothing
    ) -> None:
        self._store, self._others, self._hasher, self._pace = store, others, hasher, pace
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
        """Check a password and return what one batch read says about the user and the projects; two when a source other than
        the registry was asked. Who is no user's name may be somebody's email: three reads more, whether it is or not; its
        failures are counted apart from the name's, so that they tell nobody whose it is.

        Raises UNAUTHORIZED with the challenge, the same for an unknown user, a wrong password and a disabled user and after
        the same work; TOOMANYREQUESTS after too many failures in 15 minutes, then for the right password too.
        """
        if not LOGIN_NAME.fullmatch(basic.name) or len(basic.password) > passwords.MAX_CHARACTERS:
            raise _wrong(challenge)
        origin, names, typed = _origin(client_ip), tuple(projects), basic
        facts = self._store.facts(basic.name, names, origin=origin)
        counted = basic.name
        if facts.principal is None and "@" in basic.name:
            counted = basic.name.lower()
            basic = Basic(self._store.name_of_email(counted) or basic.name, basic.password)
            failures = self._store.facts(counted, (), origin=origin).failures
            facts = self._store.facts(basic.name, names, origin=origin)._replace(failures=failures)
        _demand_patience(facts, now)
        begun_s = self._pace.now_s()
        right, is_unknown = self._check(basic, facts.principal, now)
        are_others_asked = right is None and self._others is not None and self._others.are_asked(now=now)
        if are_others_asked and basic.name != typed.name:
            right, is_unknown = self._check(typed, None, now)  # an address is checked by nobody, and may be a name elsewhere
        if right is None:
            if are_others_asked:
                self._pace.wait_s(begun_s + EVEN_S - self._pace.now_s())
            if not is_unknown:
                self._count(counted, origin, facts, now)
            raise _wrong(challenge)
        if right is facts.principal:
            return facts
        return self._store.facts(right.name, names)._replace(user=right if isinstance(right, User) else None)

    def forget(self, generation: str) -> None:
        """Ask anew about a password (`passwords.generation`) that is no longer its user's: it may be the next one's."""
        self._right.drop_where(lambda principal: passwords.generation(principal.password_hash) == generation)

    def demand_patience(self, client_ip: str, *, now: int) -> None:
        """Let somebody unknown do something that could be tried often, and count it. Raises TOOMANYREQUESTS. Two calls."""
        origin = _origin(client_ip)
        facts = self._store.facts("", (), origin=origin)
        _demand_patience(facts, now)
        self._store.add_failure("", origin, seen=facts.origin_failures, now=now, keep_s=WINDOW_S)

    def _count(self, name: str, origin: str, facts: Facts, now: int) -> None:
        """Count a failure. Raises TOOMANYREQUESTS when it was one too many."""
        count = self._store.add_failure(name, origin, seen=facts.failures, now=now, keep_s=WINDOW_S)
        of_all = self._store.add_failure("", origin, seen=facts.origin_failures, now=now, keep_s=WINDOW_S)
        if count > MAX_FAILURES or of_all > MAX_FAILURES_OF_ADDRESS:
            raise _too_many(WINDOW_S)

    def _check(self, basic: Basic, principal: Principal | None, now: int) -> tuple[Principal | None, bool]:
        """Find whose password this is, None when nobody's; and whether a source that may know did not answer."""
        fingerprint = self._fingerprint(basic)
        known = self._right.get(fingerprint, now)
        is_remembered = known is not None and principal is not None and _is_same(known, principal)
        found, is_unknown = (principal, False) if is_remembered else self._ask(basic, principal, now)
        if found is None or not found.works_at(now):
            self._right.drop(fingerprint)
            return None, is_unknown
        if not is_remembered:
            self._right.put(fingerprint, found, now)
        return found, False

    def _ask(self, basic: Basic, principal: Principal | None, now: int) -> tuple[Principal | None, bool]:
        """Ask the source of a user. One check of a hash whatever comes of it: of nobody's where there is none, so that a name
        nobody has takes as long as one that somebody has."""
        stored = principal.password_hash if principal else ""
        is_here = principal is not None and not (isinstance(principal, User) and principal.source == LDAP)
        is_right = self._hasher.is_password(basic.password, (stored if is_here else "") or passwords.NOBODY)
        if is_here:
            return (principal if is_right else None), False
        if self._others is None or "$" in basic.name:  # a robot's name or a CI job's: its secret is nobody else's business
            return None, False
        return self._others.ask(basic, principal if isinstance(principal, User) else None, now=now)

    def _fingerprint(self, basic: Basic) -> bytes:
        message = f"{len(basic.name)}:{basic.name}:{basic.password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, hashlib.sha256)


def _is_same(known: Principal, principal: Principal) -> bool:
    """The principal has the password that was found right, and is no later one of the same name."""
    if isinstance(known, User) and isinstance(principal, User) and known.user_id != principal.user_id:
        return False
    return hmac.compare_digest(known.password_hash, principal.password_hash)


def _demand_patience(facts: Facts, now: int) -> None:
    for failures, limit in ((facts.failures, MAX_FAILURES), (facts.origin_failures, MAX_FAILURES_OF_ADDRESS)):
        if failures.number >= limit and failures.ends_at > now:
            raise _too_many(failures.ends_at - now)


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


