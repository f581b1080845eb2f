"""`/api/`: finds the operation, who calls it and what the request says, and hands it to the resource's handler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Recorder
from chalicelib.harbor import description
from chalicelib.harbor.accounts import Accounts
from chalicelib.harbor.call import Call, Handler, Operations
from chalicelib.harbor.changes import described
from chalicelib.http import Request, Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.model import Caller


class Resource(Protocol):
    """The operations of one resource."""

    def operations(self) -> Operations:
        """Handlers by operationId."""


class Console:
    """The management API."""

    def __init__(
        self,
        authority: Authority,
        resources: Iterable[Resource],
        accounts: Accounts,
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._authority, self._accounts, self._logins = authority, accounts, Logins(recorder)
        self._handlers: dict[str, Handler] = {}
        for resource in resources:
            self._handlers.update(resource.operations())

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below `/api/`. Raises RegistryError."""
        if request.path.rstrip("/") == "/api/version":
            return json_response(200, {"version": "v2.0"})
        match = description.find(request.method, request.path) if _is_described(request.path) else None
        if match is None:
            methods = description.allowed(request.path) if _is_described(request.path) else ()
            if methods:
                raise RegistryError("UNSUPPORTED", headers={"Allow": ", ".join(methods)})
            raise RegistryError("NOT_FOUND", {"path": request.path[:300]})
        caller = self._authenticate(request, now)
        telemetry.identified(caller.name)
        handler = self._handlers.get(match.operation.id)
        if handler is None:
            raise description.not_implemented(match.operation)
        values = description.check(match, request)
        call = Call(request, caller, match.operation.id, values, now)
        change = described(match.operation.id, request.method, match.operation.tag)
        return handler(call) if change is None else self._accounts.call(handler, call, change)

    def _authenticate(self, request: Request, now: int) -> Caller:
        try:
            return self._authority.authenticate(request, now=now)
        except RegistryError as refusal:
            self._logins.refused(request, refusal, now=now)
            raise

    @property
    def implemented(self) -> frozenset[str]:
        """The operations that have a handler."""
        return frozenset(self._handlers)


def _is_described(path: str) -> bool:
    return path.startswith(f"{description.PREFIX}/")
