"""The registry as one function: `handle(request, now) -> Response`. Public paths meet their area here, errors end here.

Source: architecture, "Front door": every public path equals API Gateway's `requestContext.path`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Recorder
from chalicelib.http import Request, Response, error_response

_API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
"""On every answer below `/v2/`, errors too: `docker manifest` of 20.10 takes a 401 without it for a registry of version 1."""

_GUARDED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""On every answer of the management API that says nothing else: some hold secrets, and others texts that anybody wrote."""

_NO_CONTENT = {"Content-Type": "text/plain; charset=utf-8"}
"""On answers of the management API without a body: what has no type is `application/json` to API Gateway, and harborapi fails
when it parses nothing as JSON."""


class Routes(Protocol):
    """An area's own table of paths."""

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below the area's prefix. Raises RegistryError."""


class Api:
    """Everything Moorage answers. The only place that catches errors."""

    def __init__(
        self,
        registry: Routes,
        token_service: Routes,
        console: Callable[[], Routes],
        recorder: Recorder = UNRECORDED,
    ) -> None:
        """`console` is called at the first request that needs it: the registry's function never loads the management API."""
        self._registry, self._token_service, self._console = registry, token_service, console
        self._recorder = recorder

    def handle(self, request: Request, *, now: int) -> Response:
        """Answer any request; never raises. On HEAD the body stays, the shell strips it."""
        name = request.correlation_id
        with telemetry.request(request.method, request.path, correlation_id=name, trace=request.trace) as seen:
            response = self._answer(request, now)
            self._recorder.settle()  # Lambda freezes the process once it has its answer.
            is_anonymous = not (request.header("authorization") or request.header("cookie"))
            sizes = {"received": len(request.body), "served": len(response.body)}
            seen.answered(response.status, **sizes, is_anonymous=is_anonymous)
        general: dict[str, str | Sequence[str]] = {"X-Request-Id": name}
        if _is_registry(request.path):
            general |= _API_VERSION
        if _is_console(request.path):
            general |= {**_GUARDED, **({} if response.body else _NO_CONTENT)}
        return Response(response.status, {**general, **response.headers}, response.body)

    def _answer(self, request: Request, now: int) -> Response:
        is_harbor = _is_console(request.path)
        try:
            return self._route(request.path).answer(request, now=now)
        except RegistryError as error:
            telemetry.refused(error.code)
            return error_response(error, is_harbor=is_harbor)
        except Exception:  # noqa: BLE001 - the boundary: whatever failed becomes an OCI error, and is logged
            telemetry.refused("UNKNOWN")
            telemetry.failure(request.correlation_id, request.method, request.path)
            failed = RegistryError("UNKNOWN", {"request_id": request.correlation_id})
            return error_response(failed, is_harbor=is_harbor)

    def _route(self, path: str) -> Routes:
        if _is_registry(path):
            return self._registry
        if path.startswith("/service/"):
            return self._token_service
        if _is_console(path):
            return self._console()
        raise RegistryError("NOT_FOUND", {"path": path[:300]})


def _is_registry(path: str) -> bool:
    return path == "/v2" or path.startswith("/v2/")


def _is_console(path: str) -> bool:
    return path.startswith(("/api/", "/c/")) or path == "/api"

