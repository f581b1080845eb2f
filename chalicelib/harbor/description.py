"""The API description at work: which operation a request means, and whether the request is as described.

The data is `api.json` beside this file, made by `scripts/generate_api_description.py`; it is read at the first request below
`/api/` and costs 4 ms then. Source: Harbor's `api/v2.0/swagger.yaml`; go-openapi/runtime for what the description leaves open.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from chalicelib.errors import RegistryError
from chalicelib.harbor.schema import Reader, Schema
from chalicelib.http import Request

PREFIX = "/api/v2.0"
BODY_BYTES = 1024 * 1024
"""Longer bodies are answered 413. The largest that clients send (a CVE allowlist, an LDAP import) have some tens of KiB."""
_FILE = Path(__file__).with_name("api.json")
_SEGMENTS = 64
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_ANY, _REPOSITORY, _LEAF = "{}", "{repository_name}", "/"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the path, the query or a header. `place` is `path`, `query` or `header`."""

    name: str
    place: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON body of an operation. `name` is only used in messages."""

    name: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `path` is its template below `/api/v2.0`; `responses` are the statuses it may answer.

    `later` names the feature that will bring an operation that Moorage does not have yet.
    """

    id: str
    tag: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: frozenset[int]
    later: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and the parts of the path that fill its template, decoded but not yet read as numbers."""

    operation: Operation
    path: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Values:
    """What a request says, typed, under the names of the description (headers too: `X-Is-Resource-Name`).

    A parameter that was not sent has its described default, or is not there. `body` is JSON without the members that the
    description does not know and without nulls; None where the operation has no body, or where an optional one was not sent.
    """

    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None


def find(method: str, path: str) -> Match | None:
    """Find the operation for a request; None when the path or its method is not described (see `allowed`).

    `path` was percent-decoded once and may begin with `/api/v2.0`. A repository is one more time encoded (`a%2Fb`), as Harbor
    demands; where a gateway decoded that too, its segments are put together again as long as no other path is meant.
    A slash at the end does not matter. Literal segments win over parameters: `/users/current` is no user id.
    """
    found = _walk(_tree(), _segments(path), method.lower(), ())
    if found is None:
        return None
    operation, values = found
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    filled = dict(zip(names, values, strict=True))
    if "repository_name" in filled:
        filled["repository_name"] = unquote(filled["repository_name"])
    return Match(operation, filled)


def allowed(path: str) -> tuple[str, ...]:
    """Say which methods a path has: for `Allow` in a 405. Empty when the path is not described."""
    segments = _segments(path)
    return tuple(method.upper() for method in _METHODS if _walk(_tree(), segments, method, ()) is not None)


def operations() -> Iterator[Operation]:
    """Every operation, in the order of the description."""
    for template, methods in _document()["paths"].items():
        for method in methods:
            yield _operation(method, template)


def check(match: Match, request: Request) -> Values:
    """Read a request as its operation describes it. About 0.05 ms.

    Unknown members of the body and unknown query parameters are ignored, an empty parameter counts as absent, and of several
    values of one parameter the last counts, all as in Harbor. Raises UNPROCESSABLE_ENTITY (422) with everything that is wrong,
    TOO_LARGE (413).
    """
    reader, operation, request = Reader(resolve), match.operation, _with_pages(request)
    found: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.parameters:
        where = f"{parameter.name} in {parameter.place}"
        raw = _raw(parameter, match, request)
        if raw:
            found[parameter.place][parameter.name] = reader.text(parameter.schema, where, raw)
        elif "default" in parameter.schema:
            found[parameter.place][parameter.name] = parameter.schema["default"]
        elif parameter.required:
            reader.problems.append(f"{where} is required")
    body = None if operation.body is None else _body(operation.body, request, reader)
    if reader.problems:
        raise RegistryError("UNPROCESSABLE_ENTITY", message="\n".join(["validation failure list:", *reader.problems]))
    return Values(found["path"], found["query"], found["header"], body)


def not_implemented(operation: Operation) -> RegistryError:
    """The answer to an operation that has no handler."""
    because = f"it comes with {operation.later}" if operation.later else "it is not there yet"
    return RegistryError("NOT_IMPLEMENTED", message=f"Moorage does not have the operation {operation.id}: {because}")


def text() -> bytes:
    """The description as JSON (Swagger 2.0), 290 KB."""
    return _FILE.read_bytes()


def resolve(schema: Schema) -> Schema:
    """Follow a `$ref` (one step is enough: the description has no reference to a reference)."""
    if "$ref" not in schema:
        return schema
    _, room, name = schema["$ref"].split("/")
    found: Schema = _document()[room][name]
    return found


@functools.cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(text())
    return document


@functools.cache
def _tree() -> Mapping[str, Any]:
    """Build the paths as a tree: segment -> subtree, any parameter under `{}`, methods -> template under `/`."""
    root: dict[str, Any] = {}
    for template, methods in _document()["paths"].items():
        node = root
        for part in template.strip("/").split("/"):
            is_any = part.startswith("{") and part != _REPOSITORY
            node = node.setdefault(_ANY if is_any else part, {})
        node.setdefault(_LEAF, {}).update(dict.fromkeys(methods, template))
    return root


def _segments(path: str) -> list[str]:
    return path.removeprefix(PREFIX + "/").removeprefix("/").removesuffix("/").split("/")


def _walk(
    node: Mapping[str, Any], rest: list[str], method: str, values: tuple[str, ...]
) -> tuple[Operation, tuple[str, ...]] | None:
    """Follow the segments down the tree, literals first. Depth is bounded by the tree's, breadth by `_SEGMENTS`."""
    if not rest:
        template = node.get(_LEAF, {}).get(method)
        return None if template is None else (_operation(method, template), values)
    head, tail = rest[0], rest[1:]
    if not head or len(rest) > _SEGMENTS:
        return None
    found = _walk(node[head], tail, method, values) if head in node and not head.startswith("{") else None
    if found is None and _ANY in node:
        found = _walk(node[_ANY], tail, method, (*values, head))
    if found is None and _REPOSITORY in node:
        for length in range(1, len(rest) + 1):
            if found is None:
                found = _walk(node[_REPOSITORY], rest[length:], method, (*values, "/".join(rest[:length])))
    return found


@functools.cache
def _operation(method: str, template: str) -> Operation:
    described = _document()["paths"][template][method]
    parameters = [resolve(parameter) for parameter in described["parameters"]]
    bodies = [Body(p["name"], p.get("required", False), p["schema"]) for p in parameters if p["in"] == "body"]
    others = [Parameter(p["name"], p["in"], p.get("required", False), p) for p in parameters if p["in"] != "body"]
    return Operation(
        id=described["operationId"],
        tag=described["tags"][0],
        method=method.upper(),
        path=template,
        parameters=tuple(others),
        body=bodies[0] if bodies else None,
        responses=frozenset(int(status) for status in described["responses"]),
        later=described.get("x-later"),
    )


def _with_pages(request: Request) -> Request:
    """Read `page=0&page_size=0` as the first of the longest pages. harbor-cli says so where nobody told it a page, and finds
    labels by name in the answer; Harbor answers all there is. One of the two alone is a mistake."""
    if request.parameter("page") != "0" or request.parameter("page_size") != "0":
        return request
    return dataclasses.replace(request, query={**request.query, "page": ["1"], "page_size": ["100"]})


def _raw(parameter: Parameter, match: Match, request: Request) -> str | None:
    if parameter.place == "path":
        return match.path[parameter.name]
    if parameter.place == "header":
        return request.header(parameter.name.lower())
    values = request.query.get(parameter.name)
    return values[-1] if values else None


def _body(body: Body, request: Request, reader: Reader) -> Any:
    if not request.body:
        if body.required:
            reader.problems.append(f"{body.name} in body is required")
        return None
    if len(request.body) > BODY_BYTES:
        raise RegistryError("TOO_LARGE", message=f"the body is larger than {BODY_BYTES} bytes")
    media_type = (request.header("content-type") or "application/octet-stream").partition(";")[0].strip().lower()
    if media_type != "application/json":
        reader.problems.append("the media type of the body is not supported, only [application/json] is")
        return None
    return reader.json(body.schema, body.name, request.body)
