"""Every operation has the same manners: what is not as described is refused alike everywhere, and nobody changes anything."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.config import Settings
from chalicelib.harbor import description
from chalicelib.harbor.description import Operation
from tests.client import Answer
from tests.harbor.client import HarborClient
from tests.harbor.thrown import PLAUSIBLE
from tests.harbor.tour import missing
from tests.harbor.world import make_world

OPERATIONS = [operation for operation in description.operations() if operation.later is None]
READING = ("GET", "HEAD")
OPEN_TO_ALL = {"createUser"}
"""Whoever may register may do so without a login; the switch for it is off in a new registry."""


def path_of(operation: Operation, **values: str) -> str:
    """The path of an operation, with plausible values where `values` has none."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            plausible = (
                "1" if parameter.schema.get("type") == "integer" else parameter.schema.get("enum", ["library"])[0]
            )
            path = path.replace("{" + parameter.name + "}", values.get(parameter.name, plausible))
    return path


def required(operation: Operation) -> dict[str, str]:
    """The query parameters an operation cannot do without."""
    return {p.name: "1" for p in operation.parameters if p.required and p.place == "query"}


def each(wanted: Iterator[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", list(wanted), ids=lambda operation: operation.id)


def assert_refused(answer: Answer, wrong: str) -> None:
    assert (answer.status, answer.error_code) == (422, "UNPROCESSABLE_ENTITY")
    assert wrong in answer.json()["errors"][0]["message"]


def test_every_operation_that_does_not_come_later_has_a_handler() -> None:
    assert missing(*(operation.id for operation in OPERATIONS)) == []


@each(o for o in OPERATIONS if any(p.name == "page_size" for p in o.parameters))
def test_pages_have_limits(harbor_admin: HarborClient, operation: Operation) -> None:
    size = next(p.schema for p in operation.parameters if p.name == "page_size")
    for query, wrong in (
        ({"page_size": str(size["minimum"] - 1)}, "page_size in query should be greater"),
        ({"page_size": "101"}, "page_size in query should be less"),
        ({"page_size": "ten"}, "page_size in query must be of type int64"),
        ({"page": "0"}, "page in query should be greater"),
        ({"page": "99999999999999999999"}, "page in query must be of type int64"),
    ):
        if operation.id == "listQuotas" and query == {"page_size": "0"}:
            continue  # the largest page, for harbor-cli
        answer = harbor_admin.send(operation.method, path_of(operation), params={**required(operation), **query})
        assert_refused(answer, wrong)


@each(o for o in OPERATIONS if any(p.name == "q" and not p.required for p in o.parameters))
def test_a_q_that_cannot_be_read_is_400(harbor_admin: HarborClient, operation: Operation) -> None:
    for q in ("name", "=x", "name=", "name=[1~2", "name={a", "name=[~]"):
        answer = harbor_admin.send(operation.method, path_of(operation), params={**required(operation), "q": q})
        assert (answer.status, answer.error_code) == (400, "BAD_REQUEST"), q


@each(o for o in OPERATIONS if any(p.place == "path" and p.schema.get("type") == "integer" for p in o.parameters))
def test_ids_are_numbers(harbor_admin: HarborClient, operation: Operation) -> None:
    names = [p.name for p in operation.parameters if p.place == "path" and p.schema.get("type") == "integer"]
    for wrong in ("x", "1.5", "9223372036854775808"):
        body = json.dumps(PLAUSIBLE.get(operation.id, {})).encode() if operation.body else b""
        path = path_of(operation, **dict.fromkeys(names, wrong))
        answer = harbor_admin.send(operation.method, path, body=body, headers={"Content-Type": "application/json"})
        assert_refused(answer, f"{names[0]} in path must be of type")


@each(o for o in OPERATIONS if o.body is not None)
def test_bodies_are_json_objects(harbor_admin: HarborClient, operation: Operation) -> None:
    for body, kind, wrong in (
        (b"{", "application/json", "must be JSON in UTF-8"),
        (b"\xff", "application/json", "must be JSON in UTF-8"),
        (b"[]", "application/json", "must be of type object"),
        (b"{}", "text/plain", "only [application/json]"),
        (b"{}", "application/x-www-form-urlencoded", "only [application/json]"),
    ):
        answer = harbor_admin.send(operation.method, path_of(operation), body=body, headers={"Content-Type": kind})
        assert_refused(answer, wrong)


@each(o for o in OPERATIONS if o.body is not None and o.body.required)
def test_a_body_that_is_required_is_missed(harbor_admin: HarborClient, operation: Operation) -> None:
    assert_refused(harbor_admin.send(operation.method, path_of(operation)), "in body is required")


@each(o for o in OPERATIONS if o.body is not None)
def test_a_huge_body_is_413(harbor_admin: HarborClient, operation: Operation) -> None:
    body = b" " * (description.BODY_BYTES + 1)
    answer = harbor_admin.send(
        operation.method, path_of(operation), body=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.error_code) == (413, "REQUEST_ENTITY_TOO_LARGE")


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_a_method_a_path_does_not_have_is_405(harbor_admin: HarborClient, path: str) -> None:
    url = path_of(next(operation for operation in OPERATIONS if operation.path == path))
    methods = description.allowed(url)
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - set(methods):
        answer = harbor_admin.send(method, url)
        assert (answer.status, answer.headers["allow"]) == (405, ", ".join(methods))


def test_a_path_that_is_not_described_is_404(harbor_admin: HarborClient) -> None:
    for path in ("/nothing", "/projects/library/nothing", "/", "/projects//members", "/users/1/nothing/"):
        assert harbor_admin.get(path).status == 404


@each(o for o in OPERATIONS if o.method not in READING and o.id not in OPEN_TO_ALL)
def test_nobody_changes_anything(nobody: HarborClient, operation: Operation) -> None:
    body = json.dumps(PLAUSIBLE.get(operation.id, {})).encode() if operation.body else b""
    values = {"project_name": "library", "project_name_or_id": "library", "repository_name": "app", "reference": "1"}
    answer = nobody.send(
        operation.method,
        path_of(operation, **values),
        params=required(operation),
        body=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 401


def test_what_the_fuzz_takes_for_plausible_is_taken(settings: Settings) -> None:
    world = make_world(settings)
    values = {name: str(known[0]) for name, known in world.known.items()}
    plausible = [operation for operation in OPERATIONS if operation.id in PLAUSIBLE]
    for operation in plausible:
        answer = world.callers["admin"].send(
            operation.method, path_of(operation, **values), json=PLAUSIBLE[operation.id]
        )
        assert answer.status in (200, 201), f"{operation.id}: {answer}"


def test_a_text_that_no_item_can_hold_is_refused_or_passed_over(settings: Settings) -> None:
    """DynamoDB's items end at 400 KB; what bodies may have of one is limited operation by operation."""
    world, huge = make_world(settings), "a" * 450_000
    values = {name: str(known[0]) for name, known in world.known.items()}
    for operation in (operation for operation in OPERATIONS if operation.id in PLAUSIBLE):
        for number, (holder, key) in enumerate(places(PLAUSIBLE[operation.id])):
            body = copy.deepcopy(PLAUSIBLE[operation.id])
            there, _ = list(places(body))[number]
            there[key] = huge if isinstance(holder[key], str) else {**holder[key], "more": huge}
            answer = world.callers["admin"].send(operation.method, path_of(operation, **values), json=body)
            assert answer.status < 500, f"{operation.id} {key}: {answer}"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where a JSON document has texts and objects."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(pairs):
        if isinstance(item, str | dict):
            yield value, key
        yield from places(item)


@pytest.fixture(scope="module")
def nobody(settings: Settings) -> HarborClient:
    """Nobody, in front of a registry that has something of everything."""
    return make_world(settings).callers["anonymous"]
