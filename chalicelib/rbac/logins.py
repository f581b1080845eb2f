"""Logins as events: who logged in, and who tried to. Source: Harbor `src/pkg/auditext/event/login/login.go`."""

from __future__ import annotations

from chalicelib import telemetry
from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.events import Event, Recorder
from chalicelib.http import Request
from chalicelib.rbac import authorization
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.identity import shown
from chalicelib.rbac.model import LOGIN_NAME

_ONCE_IN_S = 60
_SIZE = 4096


class Logins:
    """Records logins. Failed ones are one row a minute for each name and address, so that guessing fills no log."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._failed: Cache[tuple[str, str], bool] = Cache(_SIZE, _ONCE_IN_S)

    def succeeded(self, name: str, client_ip: str, *, operation: str = "login") -> None:
        """Record that somebody logged in (or out, with the operation `logout`)."""
        telemetry.identified(name)
        self._recorder.record(Event(operation, "user", name, name, operation, True, client_ip))

    def trusted(self, name: str, subject: str, project_id: int, client_ip: str) -> None:
        """Record that a CI job logged in; `subject` is what its issuer calls it, repository and branch for example."""
        telemetry.identified(name)
        event = Event("login", "user", name, name, f"login of {shown(subject)}", True, client_ip, project_id)
        self._recorder.record(event)

    def failed(self, name: str, client_ip: str, *, now: int) -> None:
        """Record that somebody was not let in. What cannot be a name is not written: it may be a password, typed too early."""
        known = name if LOGIN_NAME.fullmatch(name) else ""
        if self._failed.get((known, client_ip), now):
            return
        self._failed.put((known, client_ip), True, now)
        self._recorder.record(Event("login", "user", known, known, "login", False, client_ip))

    def refused(self, request: Request, refusal: RegistryError, *, now: int) -> None:
        """Record a failed login if a refused request carried a name and a password."""
        if refusal.code not in ("UNAUTHORIZED", "TOOMANYREQUESTS"):
            return
        credentials = authorization.parse(request.header("authorization") or "")
        if isinstance(credentials, Basic):
            self.failed(credentials.name, request.client_ip, now=now)
