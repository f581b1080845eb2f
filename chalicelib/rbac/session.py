"""Sessions of browsers: the cookie `sid`, sealed, so that a table holds only those that were ended before their time.

It ends by itself, after `session_timeout` minutes without a request and `MAX_S` after the login at the latest, and at once when
somebody logs out of it, wherever else its cookie was copied to, and when its user is disabled, removed or has a new password:
both are read at every request. Source: Harbor
`src/server/middleware/session` and `src/core/controllers/base.go`; OWASP "Session Management Cheat Sheet".
"""

from __future__ import annotations

import hmac
import secrets
from typing import NamedTuple

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request
from chalicelib.rbac import carrier, passwords
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.cookies import cookie, set_cookie
from chalicelib.rbac.csrf import Csrf, Keys
from chalicelib.rbac.model import Caller, User
from chalicelib.rbac.ports import EndedSessions, PrincipalStore

COOKIE = "sid"
MAX_S = 24 * 3600
_PURPOSE = "session"


class Session(NamedTuple):
    """Whom a browser was let in as, and when. `generation` names the password they had then."""

    user_id: int
    name: str
    generation: str
    login_at: int
    issued_at: int
    session_id: str


class Sessions:
    """Makes session cookies and finds out who sends them: one of the ways to authenticate at the management API."""

    def __init__(
        self,
        settings: Settings,
        store: PrincipalStore,
        ended: EndedSessions,
        configurations: Configurations,
        csrf: Csrf,
        keys: Keys,
    ) -> None:
        self._settings, self._store, self._ended, self._configurations = settings, store, ended, configurations
        self._csrf, self._keys = csrf, keys

    def begin(self, user: User, *, now: int) -> str:
        """Make the cookie of somebody who logged in."""
        generation, session_id = passwords.generation(user.password_hash), secrets.token_hex(12)
        return self._cookie(Session(user.user_id, user.name, generation, now, now, session_id), now)

    def end(self, session: Session | None) -> str:
        """End a session and make the cookie that takes it away. One write; none without a session."""
        if session is not None:
            self._ended.add(session.name, session.session_id, until=session.login_at + MAX_S)
        return set_cookie(self._settings, COOKIE, "", keep_s=0)

    def carried(self, request: Request, *, now: int) -> Session | None:
        """Read the session a request carries, whoever it belongs to by now; None when it is not ours or has ended."""
        value = cookie(request, COOKIE)
        if not value:
            return None
        try:
            found = carrier.unseal(value, _PURPOSE, [key for _, key in self._keys()], now=now)
        except carrier.NotSealed:
            return None
        return Session(**found) if found.keys() == set(Session._fields) else None  # of another version of Moorage

    def authenticate(self, request: Request, now: int) -> Caller | None:
        """Find out whose session a request carries; None without one, and where other credentials are sent beside it, which
        count then. Two reads.

        Raises UNAUTHORIZED when it was ended, or its user is gone, disabled or has another password; FORBIDDEN for a request that
        would change something without the CSRF token, also beside other credentials: browsers add some by themselves.
        """
        session = self.carried(request, now=now)
        if session is None:
            return None
        self._csrf.demand(request)
        if request.header("authorization") is not None:
            return None
        user = self._store.facts(session.name, ()).user
        if user is None or user.user_id != session.user_id or not user.works_at(now):
            raise RegistryError("UNAUTHORIZED", message="the session has ended, log in again")
        if not hmac.compare_digest(passwords.generation(user.password_hash), session.generation):
            raise RegistryError("UNAUTHORIZED", message="the password was changed, log in again")
        if self._ended.has(session.name, session.session_id):
            raise RegistryError("UNAUTHORIZED", message="the session has ended, log in again")
        return Caller(user.name, user.is_admin, None, {})

    def renewed(self, request: Request, *, now: int) -> str | None:
        """Make the cookie anew when a quarter of its time is over; None while it is not, and without a session."""
        session = self.carried(request, now=now)
        if session is None or 4 * (now - session.issued_at) < self._timeout_s(now):
            return None
        return self._cookie(session._replace(issued_at=now), now)

    def _cookie(self, session: Session, now: int) -> str:
        expires_at = min(now + self._timeout_s(now), session.login_at + MAX_S)
        value = carrier.seal(session._asdict(), _PURPOSE, self._keys()[0][1], expires_at=expires_at)
        return set_cookie(self._settings, COOKIE, value)

    def _timeout_s(self, now: int) -> int:
        return 60 * self._configurations.current(now=now).session_timeout
