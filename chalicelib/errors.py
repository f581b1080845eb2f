"""Every error a client can see: one table, one exception, rendered once (in `api`).

Source: OCI distribution-spec 1.1, "Error Codes"; RANGE_INVALID and UNKNOWN are Docker's names for what OCI left unnamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class ErrorRow(NamedTuple):
    """What a code means on the wire."""

    status: int
    message: str


ERRORS: Mapping[str, ErrorRow] = {
    "BAD_REQUEST": ErrorRow(400, "bad request"),
    "BLOB_UNKNOWN": ErrorRow(404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": ErrorRow(400, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": ErrorRow(404, "blob upload unknown to registry"),
    "CONFLICT": ErrorRow(409, "there is one already"),
    "DENIED": ErrorRow(403, "requested access to the resource is denied"),
    "DIGEST_INVALID": ErrorRow(400, "provided digest did not match uploaded content"),
    "FORBIDDEN": ErrorRow(403, "forbidden"),
    "MANIFEST_BLOB_UNKNOWN": ErrorRow(404, "manifest references a manifest or blob unknown to registry"),
    "MANIFEST_INVALID": ErrorRow(400, "manifest invalid"),
    "MANIFEST_UNKNOWN": ErrorRow(404, "manifest unknown to registry"),
    "NAME_INVALID": ErrorRow(400, "invalid repository name"),
    "NAME_UNKNOWN": ErrorRow(404, "repository name not known to registry"),
    "NOT_FOUND": ErrorRow(404, "no such page"),
    "NOT_IMPLEMENTED": ErrorRow(501, "the registry does not have this yet"),
    "PAGINATION_NUMBER_INVALID": ErrorRow(400, "invalid number of results requested"),
    "PRECONDITION": ErrorRow(412, "something else must be done first"),
    "RANGE_INVALID": ErrorRow(416, "requested range not satisfiable"),
    "SIZE_INVALID": ErrorRow(400, "provided length did not match content length"),
    "TAG_INVALID": ErrorRow(400, "tag name is not valid"),
    "TIMEOUT": ErrorRow(408, "the client sent nothing for too long"),
    "TOOMANYREQUESTS": ErrorRow(429, "too many requests"),
    "TOO_LARGE": ErrorRow(413, "the body is larger than the registry accepts here"),
    "TOO_MANY_TAGS": ErrorRow(414, "more tags in one request than the registry accepts"),
    "UNAUTHORIZED": ErrorRow(401, "authentication required"),
    "UNAVAILABLE": ErrorRow(503, "the registry is busy, try again"),
    "UNPROCESSABLE_ENTITY": ErrorRow(422, "a parameter or the body is not as described"),
    "UNKNOWN": ErrorRow(500, "the registry failed; the request id says where to look"),
    "UNSUPPORTED": ErrorRow(405, "the operation is unsupported"),
}

_WIRE_CODES = {
    "NOT_FOUND": "UNSUPPORTED",
    "PAGINATION_NUMBER_INVALID": "UNSUPPORTED",
    "RANGE_INVALID": "BLOB_UPLOAD_INVALID",
    "TAG_INVALID": "MANIFEST_INVALID",
    "TIMEOUT": "BLOB_UPLOAD_INVALID",
    "TOO_LARGE": "SIZE_INVALID",
    "TOO_MANY_TAGS": "MANIFEST_INVALID",
    "UNAVAILABLE": "TOOMANYREQUESTS",
}
"""Codes of ours that clients do not know are sent under the nearest code of the specification."""


_HARBOR_CODES = {
    "SIZE_INVALID": "BAD_REQUEST",
    "TOOMANYREQUESTS": "TOO_MANY_REQUEST",
    "TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE",
    "UNAVAILABLE": "UNKNOWN",
    "UNSUPPORTED": "METHOD_NOT_ALLOWED",
}
"""The same below `/api/`, in Harbor's words (`src/lib/errors/const.go`)."""


class RegistryError(Exception):
    """An answer other than success, raised anywhere, rendered by `api` alone.

    `detail` is JSON data for the client and must never hold a credential. `headers` are added to the answer (Retry-After,
    WWW-Authenticate, Location and Range of a chunk out of order).
    """

    def __init__(
        self,
        code: str,
        detail: object = None,
        *,
        message: str | None = None,
        headers: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        row = ERRORS[code]
        super().__init__(f"{code}: {message or row.message}")
        self.code = code
        self.status = row.status
        self.message = message or row.message
        self.detail = detail
        self.headers: dict[str, str | Sequence[str]] = dict(headers or {})

    def body(self, *, is_harbor: bool = False) -> bytes:
        """Render the error JSON, `{"errors": [{"code", "message", "detail"}]}`, in the codes of OCI or
        of Harbor, whose errors have no detail."""
        codes = _HARBOR_CODES if is_harbor else _WIRE_CODES
        error: dict[str, object] = {"code": codes.get(self.code, self.code), "message": self.message}
        if self.detail is not None and not is_harbor:
            error["detail"] = self.detail
        return json.dumps({"errors": [error]}).encode()
