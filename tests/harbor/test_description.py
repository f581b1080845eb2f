"""The API description finds the operation of every path and refuses what is not as described."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.harbor import description
from chalicelib.harbor.description import Operation, Values
from chalicelib.http import Request
from scripts import generate_api_description

ARTIFACT = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}"
JSON_TYPE = {"content-type": ["application/json"]}
OPERATIONS = list(description.operations())


def read(method: str, path: str, body: Any = None, *, headers: Mapping[str, list[str]] = {}, **query: str) -> Values:
    match = description.find(method, path)
    assert match is not None
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {**(JSON_TYPE if body is not None else {}), **headers}
    return description.check(match, Request(method, path, {n: [v] for n, v in query.items()}, sent, content))


def problems(method: str, path: str, body: Any = None, **more: Any) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(method, path, body, **more)
    assert caught.value.code == "UNPROCESSABLE_ENTITY"
    head, *lines = caught.value.message.split("\n")
    assert head == "validation failure list:"
    return lines


def test_the_generated_description_is_current() -> None:
    current = generate_api_description.TARGET.read_text()
    assert current == generate_api_description.render(), "run python -m scripts.generate_api_description"


def test_every_operation_of_harbor_is_there() -> None:
    harbor = yaml.load(
        generate_api_description.HARBOR.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    theirs = {(method.upper(), path) for path, methods in harbor["paths"].items() for method in methods}
    assert len(theirs) == 203
    assert theirs - {(o.method, o.path) for o in OPERATIONS} == {("GET", "/internalconfig")}
    assert len({operation.id for operation in OPERATIONS}) == len(OPERATIONS)


def test_what_comes_later_is_described() -> None:
    later = json.loads(description.text())["x-later"]
    assert set(later) <= {operation.tag for operation in OPERATIONS} | {operation.id for operation in OPERATIONS}
    for operation in OPERATIONS:
        assert (501 in operation.responses) == (operation.later is not None)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_is_found_by_its_path(operation: Operation) -> None:
    parameters = {p.name: "1" for p in operation.parameters if p.place == "path"}
    path = operation.path
    for name, value in parameters.items():
        path = path.replace("{" + name + "}", value)
    for variant in (path, "/api/v2.0" + path, path.rstrip("/") + "/"):
        match = description.find(operation.method, variant)
        assert match is not None
        assert match.operation is operation
        assert match.path == parameters
    assert operation.method in description.allowed(path)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/users/current", "getCurrentUserInfo"),
        ("GET", "/users/7", "getUser"),
        ("GET", "/projects/p/repositories/r/artifacts/x/additions/vulnerabilities", "getVulnerabilitiesAddition"),
        ("GET", "/projects/p/repositories/r/artifacts/x/additions/build_history", "getAddition"),
        ("PUT", "/users/current", "updateUserProfile"),
        ("GET", "/api/v2.0/quotas/", "listQuotas"),
        ("DELETE", "/health", None),
        ("OPTIONS", "/projects", None),
        ("GET", "/", None),
        ("GET", "", None),
        ("GET", "/api/v2.0", None),
        ("GET", "/api/v2.0projects", None),
        ("GET", "/projects//summary", None),
        ("GET", "/projects/p//", None),
        ("GET", "/projects/p/nothing", None),
        ("GET", "/" + "a/" * 100_000, None),
        ("GET", "/{}", None),
        ("GET", "/projects/p/repositories/{repository_name}/artifacts", "listArtifacts"),
    ],
)
def test_find(method: str, path: str, found: str | None) -> None:
    match = description.find(method, path)
    assert (match and match.operation.id) == found


@pytest.mark.parametrize("name", ["app", "a/b", "a/b/c", "artifacts/x", "a%b"])
def test_a_repository_encoded_twice_is_one_segment(name: str) -> None:
    match = description.find("GET", f"/projects/p/repositories/{quote(name, safe='')}/artifacts/latest/tags")
    assert match is not None
    assert match.path == {"project_name": "p", "repository_name": name, "reference": "latest"}


@pytest.mark.parametrize(
    ("path", "found", "name"),
    [
        ("/projects/p/repositories/a/b", "getRepository", "a/b"),
        ("/projects/p/repositories/a/b/artifacts", "listArtifacts", "a/b"),
        ("/projects/p/repositories/a/b/artifacts/x/tags", "listTags", "a/b"),
        ("/projects/p/repositories/a/artifacts/x", "getArtifact", "a"),
    ],
)
def test_a_repository_that_a_gateway_decoded_is_put_together(path: str, found: str, name: str) -> None:
    match = description.find("GET", path)
    assert match is not None
    assert (match.operation.id, match.path["repository_name"]) == (found, name)


def test_allowed_names_the_methods_of_a_path() -> None:
    assert description.allowed("/projects/p") == ("GET", "PUT", "DELETE")
    assert description.allowed("/nothing") == ()


def test_defaults_are_filled_in() -> None:
    values = read("GET", "/projects")
    assert values.query == {"page": 1, "page_size": 10, "with_detail": True}
    asked = read("GET", "/projects", page="0", page_size="0")
    assert asked.query == {"page": 1, "page_size": 100, "with_detail": True}, "harbor-cli asks for everything like this"
    assert read("DELETE", "/projects/p").headers == {"X-Is-Resource-Name": False}


def test_parameters_are_typed() -> None:
    values = read(
        "GET", "/projects", page="2", page_size="100", public="false", name="x", headers={"x-request-id": ["r"]}
    )
    assert values.query == {"page": 2, "page_size": 100, "with_detail": True, "public": False, "name": "x"}
    assert values.headers == {"X-Request-Id": "r"}
    assert read("GET", "/users/7").path == {"user_id": 7}


def test_an_empty_parameter_counts_as_absent_and_the_last_of_several_counts() -> None:
    match = description.find("GET", "/projects")
    assert match is not None
    values = description.check(match, Request("GET", "", {"page": [""], "page_size": ["5", "7"]}))
    assert (values.query["page"], values.query["page_size"]) == (1, 7)


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"page": "0"}, "page in query should be greater than or equal to 1"),
        ({"page": "-1"}, "page in query should be greater than or equal to 1"),
        ({"page": "x"}, "page in query must be of type int64"),
        ({"page": "1.0"}, "page in query must be of type int64"),
        ({"page": " 1"}, "page in query must be of type int64"),
        ({"page": "1_0"}, "page in query must be of type int64"),
        ({"page": "\u0661"}, "page in query must be of type int64"),
        ({"page": "9223372036854775808"}, "page in query must be of type int64"),
        ({"page": "9" * 5000}, "page in query must be of type int64"),
        ({"page_size": "0"}, "page_size in query should be greater than or equal to 1"),
        ({"page_size": "101"}, "page_size in query should be less than or equal to 100"),
        ({"public": "maybe"}, "public in query must be of type boolean"),
        ({"name": "a\0"}, "name in query must be text without NUL characters and lone surrogates"),
        ({"name": "\ud800"}, "name in query must be text without NUL characters and lone surrogates"),
    ],
)
def test_a_wrong_parameter_is_422(sent: dict[str, str], wrong: str) -> None:
    assert problems("GET", "/projects", **sent) == [wrong]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    body = {"project_name": 7, "metadata": {"public": True}}
    assert problems("POST", "/projects", body) == [
        "project_name in body must be of type string",
        "metadata.public in body must be of type string",
    ]
    assert problems("GET", "/projects", page="0", page_size="x") == [
        "page in query should be greater than or equal to 1",
        "page_size in query must be of type int64",
    ]


def test_a_required_parameter_is_required() -> None:
    assert problems("GET", "/search") == ["q in query is required"]
    assert problems("GET", "/projects/p/repositories/r/artifacts/x/additions/sbom.txt") == [
        "addition in path should be one of "
        "['build_history', 'values.yaml', 'readme.md', 'dependencies', 'sbom', 'license', 'files']"
    ]


def test_a_body_keeps_what_is_described_and_nothing_else() -> None:
    body = {
        "project_name": "p",
        "future": {"x": [None]},
        "metadata": {"public": "true", "new": "x"},
        "storage_limit": None,
    }
    assert read("POST", "/projects", body).body == {"project_name": "p", "metadata": {"public": "true"}}


def test_a_map_keeps_all_its_members() -> None:
    assert read("POST", "/projects/p/metadatas/", {"a": "b", "c": None}).body == {"a": "b"}
    assert problems("POST", "/projects/p/metadatas/", {"a": 1}) == [
        "a value of metadata in body must be of type string"
    ]
    assert problems("POST", "/projects/p/metadatas/", {"a\0": "b"})


def test_members_that_only_the_server_writes_are_left_out() -> None:
    assert read("POST", "/system/gc/schedule", {"id": 4, "schedule": {"type": "None"}}).body == {
        "schedule": {"type": "None"}
    }


def test_an_optional_body_may_be_absent() -> None:
    assert read("POST", "/ldap/ping").body is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "robot in body is required"),
        (b"{", "robot in body must be JSON in UTF-8"),
        (b"{} {}", "robot in body must be JSON in UTF-8"),
        (b"\xff", "robot in body must be JSON in UTF-8"),
        (b'{"duration":NaN}', "robot in body must be JSON in UTF-8"),
        (b"1" * 5000, "robot in body must be JSON in UTF-8"),
        (b"[" * 200_000, "robot in body must be JSON in UTF-8"),
        (b'{"a":' * 150_000, "robot in body must be JSON in UTF-8"),
        (b"null", "robot in body must be of type object"),
        (b"[]", "robot in body must be of type object"),
        (b'{"name":"\\u0000"}', "name in body must be text without NUL characters and lone surrogates"),
        (b'{"name":"\\ud800"}', "name in body must be text without NUL characters and lone surrogates"),
        (b'{"duration":1.0}', "duration in body must be of type int64"),
        (b'{"duration":true}', "duration in body must be of type int64"),
        (b'{"duration":"1"}', "duration in body must be of type int64"),
        (b'{"duration":9223372036854775808}', "duration in body must be of type int64"),
        (b'{"permissions":{}}', "permissions in body must be of type array"),
        (b'{"permissions":[null]}', "permissions.0 in body must be of type object"),
        (
            b'{"permissions":[{"access":[{"action":1}]}]}',
            "permissions.0.access.0.action in body must be of type string",
        ),
        (b'{"disable":"yes"}', "disable in body must be of type boolean"),
    ],
)
def test_a_wrong_body_is_422(body: bytes, wrong: str) -> None:
    assert problems("POST", "/robots", body) == [wrong]


@pytest.mark.parametrize(
    ("sent", "is_right"),
    [
        ({}, False),
        ({"content-type": ["text/plain"]}, False),
        ({"content-type": ["application/x-www-form-urlencoded"]}, False),
        ({"content-type": ["application/json"]}, True),
        ({"content-type": ["Application/JSON; charset=utf-8"]}, True),
    ],
)
def test_a_body_is_json_by_its_type(sent: dict[str, list[str]], is_right: bool) -> None:
    match = description.find("POST", "/robots")
    assert match is not None
    request = Request("POST", "/robots", {}, sent, b'{"name":"x"}')
    if is_right:
        assert description.check(match, request).body == {"name": "x"}
        return
    with pytest.raises(RegistryError, match="media type"):
        description.check(match, request)


def test_a_body_on_an_operation_without_one_is_ignored() -> None:
    assert read("GET", "/projects", b"\xff").body is None


def test_a_huge_body_is_413() -> None:
    with pytest.raises(RegistryError) as caught:
        read("POST", "/robots", b" " * (description.BODY_BYTES + 1))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "time", ["", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.123+01:00", "2026-11-24", "2026-11-24 10:00"]
)
def test_times_that_go_reads_are_read(time: str) -> None:
    assert read("PUT", "/robots/1", {"creation_time": time}).body == {"creation_time": time}


@pytest.mark.parametrize(
    "time", ["now", "2026-13-24T10:00:00Z", "2026-11-24T25:00:00Z", "2026-02-30", "1", "2026-11-24T10:00:00Zjunk"]
)
def test_times_that_are_none_are_refused(time: str) -> None:
    assert problems("PUT", "/robots/1", {"creation_time": time}) == ["creation_time in body must be of type date-time"]


def test_lengths_are_limited() -> None:
    assert problems("POST", "/projects", {"project_name": "p" * 256}) == [
        "project_name in body should be at most 255 chars long"
    ]


def test_a_message_never_repeats_what_was_sent() -> None:
    body = b'{"old_password":["hunter2"],"new_password":"hunter2\\u0000"}'
    assert "hunter2" not in "".join(problems("PUT", "/users/3/password", body))


def test_what_has_no_handler_says_which_feature_brings_it() -> None:
    match = description.find("GET", "/retentions/1")
    assert match is not None
    error = description.not_implemented(match.operation)
    assert (error.status, "tag retention" in error.message) == (501, True)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]


@given(st.sampled_from(WITH_BODY), JSON_VALUES)
def test_any_json_is_read_or_refused(operation: Operation, value: Any) -> None:
    match = description.Match(operation, {p.name: "1" for p in operation.parameters if p.place == "path"})
    request = Request(operation.method, operation.path, {}, JSON_TYPE, json.dumps(value).encode())
    try:
        found = description.check(match, request).body
    except RegistryError as error:
        assert error.status == 422
    else:
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@st.composite
def described(draw: st.DrawFn, schema: Mapping[str, Any]) -> Any:
    """A value that a schema describes."""
    schema = description.resolve(schema)
    if schema.get("properties"):
        required = set(schema.get("required", ()))
        own = {n: described(s) for n, s in schema["properties"].items() if not s.get("readOnly")}
        return draw(st.fixed_dictionaries({n: s for n, s in own.items() if n in required},
                                          optional={n: s for n, s in own.items() if n not in required}))  # fmt: skip
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    safe = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
    by_type: dict[str, Any] = {
        "string": {"date-time": st.just("2026-11-24T10:00:00Z"), "uri": st.just("https://example.org/x")}.get(
            schema.get("format", ""), safe
        ),
        "integer": st.integers(-(2**31), 2**31 - 1) if schema.get("format") != "int8" else st.integers(-128, 127),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
    }
    if schema.get("type") == "array":
        return draw(st.lists(described(schema["items"]), max_size=3))
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return draw(st.dictionaries(safe, described(more) if isinstance(more, dict) else safe, max_size=3))
    return draw(by_type.get(schema.get("type", ""), safe))


@given(st.data())
def test_what_is_described_is_read_unchanged(data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(WITH_BODY))
    assert operation.body is not None
    value = data.draw(described(operation.body.schema))
    path = {
        p.name: p.schema["enum"][0] if "enum" in p.schema else "1" for p in operation.parameters if p.place == "path"
    }
    match = description.Match(operation, path)
    headers = {**JSON_TYPE, "x-scan-data-type": ["x"]}
    found = description.check(match, Request(operation.method, "", {}, headers, json.dumps(value).encode())).body
    properties = description.resolve(operation.body.schema).get("properties", {})
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert found == ({**defaults, **value} if isinstance(value, dict) else value)


@pytest.mark.parametrize(
    ("inside", "is_right"),
    [
        ('{"a":[1,"x",null,{"b":1.5}]}', True),
        ('{"a":' + "[" * 20 + "]" * 20 + "}", True),
        ('{"a":' + "[" * 40 + "]" * 40 + "}", False),
        ('{"a":1e999}', False),
        ('{"a":18446744073709551616}', False),
        ('{"a\\u0000":1}', False),
        ('{"a":["\\udc00"]}', False),
    ],
)
def test_what_the_description_leaves_open_is_still_bounded(inside: str, is_right: bool) -> None:
    body = f'{{"parameters":{{"x":{inside}}}}}'.encode()
    if is_right:
        assert read("PUT", "/system/gc/schedule", body).body == json.loads(body)
    else:
        assert len(problems("PUT", "/system/gc/schedule", body)) == 1
