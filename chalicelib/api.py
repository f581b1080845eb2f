"""The registry as one function: `handle(request, now) -> Response`. Public paths meet their area here, errors end here.

Source: architecture, "Front door": every public path equals API Gateway's `requestContext.path`.
"""

from __future__ import annotations

from typing import Protocol

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response, error_response

_API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
"""On every answer below `/v2/`, errors too: `docker manifest` of 20.10 takes a 401 without it for a registry of version 1."""


class Routes(Protocol):
    """An area's own table of paths."""

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below the area's prefix. Raises RegistryError."""


class Api:
    """Everything Moorage answers. The only place that catches errors."""

    def __init__(self, registry: Routes, token_service: Routes) -> None:
        self._registry, self._token_service = registry, token_service

    def handle(self, request: Request, *, now: int) -> Response:
        """Answer any request; never raises. On HEAD the body stays, the shell strips it."""
        response = self._answer(request, now)
        if not _is_registry(request.path):
            return response
        return Response(response.status, {**_API_VERSION, **response.headers}, response.body)

    def _answer(self, request: Request, now: int) -> Response:
        try:
            return self._route(request.path).answer(request, now=now)
        except RegistryError as error:
            return error_response(error)
        except Exception:  # noqa: BLE001 - the boundary: whatever failed becomes an OCI error, and is logged
            telemetry.failure(request.request_id, request.method, request.path)
            return error_response(RegistryError("UNKNOWN", {"request_id": request.request_id}))

    def _route(self, path: str) -> Routes:
        if _is_registry(path):
            return self._registry
        if path.startswith("/service/"):
            return self._token_service
        raise RegistryError("NOT_FOUND", {"path": path[:300]})


def _is_registry(path: str) -> bool:
    return path == "/v2" or path.startswith("/v2/")
