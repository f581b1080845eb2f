"""A call of one operation: what the API description made of a request, and who sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.harbor.description import Values
from chalicelib.harbor.paging import Asked
from chalicelib.http import Request, Response
from chalicelib.rbac.model import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `operation` is its operationId, `now` Unix seconds."""

    request: Request
    caller: Caller
    operation: str
    values: Values
    now: int

    @property
    def path(self) -> Mapping[str, Any]:
        """The path's parameters."""
        return self.values.path

    @property
    def query(self) -> Mapping[str, Any]:
        """The query's parameters; one that was not sent has its default or is not there."""
        return self.values.query

    @property
    def body(self) -> Mapping[str, Any]:
        """The body of an operation that takes an object; empty when an optional one was not sent."""
        return self.values.body or {}

    @property
    def asked(self) -> Asked:
        """The page asked for. Raises BAD_REQUEST."""
        return Asked.parse(self.values.query)

    @property
    def project(self) -> str:
        """The path's project, by name or id; `is_by_name` says when it can be no id."""
        return str(self.path.get("project_name_or_id") or self.path.get("project_name", ""))

    @property
    def is_by_name(self) -> bool:
        """The path's project is a name: the operation takes only names, or the client said so."""
        return "project_name" in self.path or self.values.headers.get("X-Is-Resource-Name") is True


Handler = Callable[[Call], Response]
Operations = Mapping[str, Handler]
"""Handlers by operationId."""


def created(location: str, body: bytes = b"") -> Response:
    """Answer 201. `location` is a path below `/api/v2.0`; clients take the id from it, so it is relative to the root."""
    content_type = {"Content-Type": "application/json"} if body else {}
    return Response(201, {"Location": f"/api/v2.0{location}", **content_type}, body)


def done() -> Response:
    """Answer 200 without a body, as Harbor does after updates and deletes."""
    return Response(200)
