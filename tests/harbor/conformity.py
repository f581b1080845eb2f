"""What every answer below `/api/` must be: as the API description says, and as these rules say where it is silent.

1. The status is one that the description has for the operation. `scripts/generate_api_description.py` adds what Harbor answers
   and does not write down: 401, 403, 422 and 429 everywhere, 404 where the path names something, 413 and 400 with a body,
   501 where the operation belongs to a later feature.
2. No 5xx but 501. A path nobody described is 404; a method it does not have is 405 with `Allow`. 401 and 403 may come first.
3. A body has the described schema: no unknown members, null only where `x-nullable` (or Harbor's `x-isnullable`) is, integers in
   their format's range, times with a zone. An answer without a schema has no body, and says that it is no
   JSON (API Gateway says it is when nobody does). An error is `{"errors": [{code, message}]}`.
4. `X-Request-Id` is always there; `X-Total-Count`, `Link` and `Location` where described, and well-formed: `Link` leads to pages
   of a list, `Location` is relative to the root and a path of the description.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.harbor import description
from chalicelib.harbor.description import PREFIX, Operation

_LINK = re.compile(r'<(/api/v2\.0/[^<>\s]*\?[^<>]*)>; rel="(next|prev)"')
_JSON = re.compile(r"application/json(; ?charset=utf-8)?", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LIMITS = {"int8": 2**7, "int32": 2**31}
_KINDS: Mapping[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
}  # fmt: skip
_ERRORS = {"$ref": "#/definitions/Errors"}


class Contradiction(AssertionError):
    """An answer that is not as described."""


def assert_conforms(method: str, path: str, status: int, headers: Mapping[str, Any], body: bytes) -> None:
    """Fail with a `Contradiction` when an answer to `method` on `path` (decoded once) is not as described.

    Answers of other APIs pass.
    """
    if not path.startswith(PREFIX + "/"):
        return
    lower = {name.lower(): value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()}
    try:
        _check(method, path, status, lower, body)
    except Contradiction as problem:
        raise Contradiction(f"{method} {path} -> {status}: {problem}\n{dict(lower)}\n{body[:2000]!r}") from None


def _check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    _demand(bool(headers.get("x-request-id")), "X-Request-Id is missing")
    match = description.find(method, path)
    if match is None:
        methods = description.allowed(path)
        _demand(status in ({401, 403, 405} if methods else {401, 403, 404}), "the description has no such operation")
        _demand(status != 405 or set(re.findall(r"\w+", headers.get("allow", ""))) == set(methods), "Allow is wrong")
        _check_json(_ERRORS, method, headers, body)
        return
    _demand(status < 500 or status == 501, "a 5xx")
    _demand(status in match.operation.responses, f"the description has only {sorted(match.operation.responses)}")
    described = _resolved(_described(match.operation)["responses"][str(status)])
    _check_body(match.operation, status, described, headers, body)
    _check_headers(described.get("headers", {}), status, headers, body)


def _check_body(
    operation: Operation, status: int, described: Mapping[str, Any], headers: Mapping[str, str], body: bytes
) -> None:
    schema = described.get("schema") or (_ERRORS if status >= 400 else None)
    if schema is None:
        _demand(not body, "there should be no body")
        _demand(
            not headers.get("content-type", "application/json").startswith("application/json"), "nothing is no JSON"
        )
    elif status < 400 and schema.get("type") in ("string", "file"):
        produces, kind = _described(operation).get("produces"), headers.get("content-type", "").partition(";")[0]
        _demand(bool(kind) and (produces is None or kind in produces), f"Content-Type is not one of {produces}")
    else:
        _check_json(schema, operation.method, headers, body)


def _check_json(schema: Mapping[str, Any], method: str, headers: Mapping[str, str], body: bytes) -> None:
    _demand(bool(_JSON.fullmatch(headers.get("content-type", ""))), "Content-Type is not application/json")
    if method == "HEAD" and not body:
        return
    try:
        value = json.loads(body)
    except ValueError:
        raise Contradiction("the body is not JSON") from None
    check_value(schema, value)
    if schema == _ERRORS:
        errors = value.get("errors")
        _demand(bool(errors) and all(e.get("code") and e.get("message") for e in errors), "an error without its parts")


def _check_headers(described: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes) -> None:
    total = headers.get("x-total-count")
    if "X-Total-Count" in described:
        _demand(bool(re.fullmatch(r"\d+", total or "")), "X-Total-Count is missing or no number")
        _demand(not body or len(json.loads(body)) <= int(total or 0), "X-Total-Count is less than the page")
    else:
        _demand(total is None, "X-Total-Count is not described here")
    if "link" in headers:
        _demand("Link" in described, "Link is not described here")
        for link in headers["link"].split(" , "):
            found = _LINK.fullmatch(link)
            _demand(found is not None and {"page", "page_size"} <= _names(found[1]), f"Link is malformed: {link}")
    if "Location" in described and status == 201:
        location = headers.get("location", "")
        _demand(location.startswith(PREFIX + "/"), "Location is missing or not below /api/v2.0/")
        _demand(bool(description.allowed(location)), "Location is no path of the description")


def _names(url: str) -> set[str]:
    return set(re.findall(r"[?&](\w+)=", url))


def check_value(schema: Mapping[str, Any], value: Any, where: str = "body") -> None:
    """Fail when a value that Moorage sends is not as its schema says."""
    is_nullable = schema.get("x-nullable") or schema.get("x-isnullable")
    schema = _resolved(schema)
    if value is None and (is_nullable or schema.get("x-nullable") or schema.get("x-isnullable")):
        return
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind is not None:
        is_disguised = isinstance(value, bool) and kind != "boolean"
        _demand(isinstance(value, _KINDS[kind]) and not is_disguised, f"{where} is no {kind}")
    if kind == "object":
        _check_object(schema, value, where)
    if kind == "array":
        for index, item in enumerate(value):
            check_value(schema["items"], item, f"{where}[{index}]")
    if kind == "integer":
        limit = _LIMITS.get(schema.get("format", ""), 2**63)
        _demand(-limit <= value < limit, f"{where} is out of range")
    if kind == "string" and schema.get("format") == "date-time":
        _demand(bool(_TIME.fullmatch(value)) and _is_time(value), f"{where} is no time")
    _demand(value in schema.get("enum", [value]), f"{where} is none of {schema.get('enum')}")


def _check_object(schema: Mapping[str, Any], value: dict[str, Any], where: str) -> None:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties")
    for name in schema.get("required", ()):
        _demand(name in value, f"{where}.{name} is missing")
    for name, item in value.items():
        if name in properties:
            check_value(properties[name], item, f"{where}.{name}")
        elif isinstance(more, dict):
            check_value(more, item, f"{where}.{name}")
        else:
            _demand(not properties or more is True, f"{where}.{name} is not described")


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Contradiction(otherwise)


@functools.cache
def _document() -> Any:
    return json.loads(description.text())


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    _, room, name = schema["$ref"].split("/")
    found: Mapping[str, Any] = _document()[room][name]
    return found


def _described(operation: Operation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _document()["paths"][operation.path][operation.method.lower()]
    return found
