"""Requests for the fuzz: from schemathesis, right and wrong, and plausible ones with something nasty in them."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet

from chalicelib.harbor import description
from chalicelib.harbor.description import Operation

CRITERIA = [
    "name=x", "name=~a", "name=", "=x", "x", "name=[1~2]", "name=[~]", "creation_time=[2026-01-01 00:00:00~]", "name={a b}",
    "name=(a b)", "name=[", "name={", "a=b,c=~d", "name=\\x", "id=9223372036854775808", "tags=nil", "tags=*", "%", "name=%00",
    "op_time=[2026-13-01 00:00:00~2026-01-01 00:00:00]", "labels=(1 2)", "Level=project,ProjectID=1", "name=~" + "x" * 5000,
]  # fmt: skip
ORDERS = ["name", "-name", "-creation_time,name", "-", ",", "nothing", "\x00", "name," * 2000]
NASTY: list[Any] = [
    "", " ", "a" * 256, "a" * 5000,
    "../x", "a\0b", "\ud800", "\u00e4\u00f6", "a/b", "%2e%2e", "robot$x", "<script>", "true", "1", "-1",
    -1, 0, 1, 2**31, 2**63 - 1, 2**63, 1.5, 1e400, True, None, [], {}, [None], [[]], {"a": {}}, ["a", 1], "2026-13-01T00:00:00Z",
]  # fmt: skip
_PERMISSION = {"kind": "project", "namespace": "fuzz", "access": [{"resource": "repository", "action": "pull"}]}
_PURGE = {
    "schedule": {"type": "Daily", "cron": "0 0 0 * * *"},
    "parameters": {"audit_retention_hour": 24, "include_event_types": "create_artifact", "dry_run": True},
}
_TRUST = {
    "name": "release",
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": "registry.example.com",
    "claims": {"repository": "acme/app", "ref": ["refs/heads/main", "refs/tags/*"]},
    "grants": [{"repository": "app", "tag": "v*", "actions": ["pull", "push"]}],
}
PLAUSIBLE: Mapping[str, Any] = {
    "CreateLabel": {"name": "bug", "description": "x", "color": "#FF0000", "scope": "p", "project_id": 1},
    "CreateRobot": {
        "name": "other",
        "level": "project",
        "duration": 30,
        "description": "x",
        "permissions": [_PERMISSION],
    },
    "RefreshSec": {"secret": "Fuzz-Secret-1"},
    "UpdateLabel": {"name": "bug", "color": "#00FF00", "scope": "g"},
    "UpdateRobot": {
        "name": "robot$fuzz+ci",
        "level": "project",
        "duration": 1,
        "disable": True,
        "permissions": [_PERMISSION],
    },
    "addLabel": {"id": 1},
    "addProjectMetadatas": {"prevent_vul": "true"},
    "createProject": {"project_name": "another", "metadata": {"public": "true"}, "storage_limit": -1},
    "createProjectMember": {
        "role_id": 2,
        "member_user": {"username": "newcomer"},
    },
    "createPurgeSchedule": _PURGE,
    "createRole": {"name": "puller", "permissions": [{"resource": "repository", "action": "pull"}]},
    "createTag": {"name": "2", "artifact_id": 1, "push_time": "2026-01-01T00:00:00Z"},
    "createTrustPolicy": _TRUST,
    "createUser": {
        "username": "new",
        "email": "new@example.org",
        "realname": "New",
        "password": "Fuzz-Secret-1",
        "comment": "",
    },
    "createUserGroup": {"group_name": "ops", "group_type": 3, "ldap_group_dn": "cn=ops,dc=example,dc=org"},
    "putSystemCVEAllowlist": {"expires_at": 1900000000, "items": [{"cve_id": "CVE-2026-1"}]},
    "setUserSysAdmin": {"sysadmin_flag": False},
    "setUserEnabled": {"enabled": True},
    "updateConfigurations": {
        "token_expiration": 30,
        "auth_mode": "db_auth",
        "project_creation_restriction": "everyone",
    },
    "updateProject": {
        "metadata": {"public": "true", "severity": "high"},
        "cve_allowlist": {"items": [{"cve_id": "CVE-1"}]},
    },
    "updateProjectMember": {"role_id": 3},
    "updateProjectMetadata": {"public": "true"},
    "updatePurgeSchedule": _PURGE,
    "updateQuota": {"hard": {"storage": 1000}},
    "updateRepository": {"description": "x"},
    "updateRole": {"name": "reader", "permissions": [{"resource": "repository", "action": "pull"}]},
    "updateTrustPolicy": {**_TRUST, "name": "later"},
    "updateUserGroup": {"group_name": "team"},
    "updateUserPassword": {"old_password": "Fuzz-Secret-1", "new_password": "Fuzz-Secret-2"},
    "updateUserProfile": {"email": "a@example.org", "realname": "A", "comment": "x"},
}
"""Bodies that an operation takes, or nearly: random ones rarely come as far as the operation itself."""


_CREDENTIALS = ("Authorization", "Cookie")


@dataclass(frozen=True)
class Sent:
    """One request, as `HarborClient.send` takes it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


@functools.cache
def _schema() -> Any:
    return schemathesis.openapi.from_dict(json.loads(description.text()))


def requests(operation: Operation, known: Mapping[str, list[Any]]) -> st.SearchStrategy[Sent]:
    """Make requests for an operation. `known` has values of parameters that mean something in the registry at hand."""
    described = _schema()[operation.path][operation.method]
    cases = st.one_of(*(described.as_strategy(generation_mode=mode) for mode in GenerationMode))
    return st.tuples(cases, st.data()).map(lambda drawn: _sent(operation, known, *drawn))


def _sent(operation: Operation, known: Mapping[str, list[Any]], case: Any, data: Any) -> Sent:
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            value = _value(data, known.get(parameter.name), (case.path_parameters or {}).get(parameter.name, "x"))
            path = path.replace("{" + parameter.name + "}", _segment(parameter.name, value))
    query = _query(operation, known, case.query or {}, data)
    headers = {str(name): str(value) for name, value in (case.headers or {}).items() if name not in _CREDENTIALS}
    headers.setdefault("Content-Type", case.media_type or "application/json")
    return Sent(operation.method, path, headers, query, _body(operation, case, data))


def _query(
    operation: Operation, known: Mapping[str, list[Any]], random: Mapping[str, Any], data: Any
) -> dict[str, Any]:
    query = {name: value for name, value in random.items() if isinstance(name, str)}
    for parameter in operation.parameters:
        name, samples = parameter.name, {"q": CRITERIA, "sort": ORDERS, **known}
        is_sent = name in query or parameter.required or data.draw(st.booleans())
        if parameter.place == "query" and name in samples and is_sent and parameter.schema.get("type") != "array":
            query[name] = _value(data, samples[name], query.get(name, ""))
    return {name: _text(value) for name, value in query.items()}


def _value(data: Any, known: list[Any] | None, random: Any) -> Any:
    """A known value mostly (the first half of the time), else the random one."""
    if not known or data.draw(st.integers(0, 5)) == 5:
        return random
    return known[0] if data.draw(st.booleans()) else data.draw(st.sampled_from(known))


def _segment(name: str, value: Any) -> str:
    text = str(value).encode("utf-8", "replace").decode() or "x"
    encoded = quote(text, safe="")
    return quote(encoded, safe="") if name == "repository_name" else encoded


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(item) for item in value]
    return str(value).encode("utf-8", "replace").decode()


def _body(operation: Operation, case: Any, data: Any) -> bytes:
    if operation.id in PLAUSIBLE and data.draw(st.integers(0, 3)):
        return _spoilt(copy.deepcopy(PLAUSIBLE[operation.id]), data)
    if isinstance(case.body, NotSet):
        return b""
    return case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()


def _spoilt(body: Any, data: Any) -> bytes:
    """Put something nasty into a body, now and then nothing, now and then take something out."""
    places = list(_places(body))
    deed = data.draw(st.sampled_from(["nothing", "nothing", "replace", "replace", "replace", "remove"]))
    if deed != "nothing":
        holder, key = data.draw(st.sampled_from(places))
        if deed == "remove":
            del holder[key]
        else:
            holder[key] = data.draw(st.sampled_from(NASTY))
    return json.dumps(body).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(pairs):
        yield value, key
        yield from _places(item)
