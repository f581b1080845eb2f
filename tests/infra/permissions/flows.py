"""What clients do so that each of a duty's calls is made once: the ways that are rarely gone, beside those of any test."""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests import builders
from tests.wire import ACCEPT, INDEX, MANIFEST, OCTETS, Answer, Wire, digest_of, with_query

_CHUNK = 4 * 1024 * 1024
"""As much as fits through API Gateway into a function; five of them are more than one part of an upload."""
_TAGS = 51
"""A manifest with more than 50 tags is released by the schedule."""
_LAYERS = 85
"""A deletion takes 80 of them along."""


def uploads(wire: Wire, lose: Callable[[str], object]) -> None:
    """In pieces, with a tail between them; checked by reading back; repeated; pushed twice; given up; wrong; without room; with
    bytes that are gone, which `lose` takes away by their key."""
    name, small = f"library/{uuid.uuid4().hex}", os.urandom(300)
    location = wire.start_upload(name)
    for piece in (small[:100], small[100:]):
        location = _expect(wire.patch(location, OCTETS, piece), 202).location
    closing = with_query(location, digest=digest_of(small, "sha512"))
    for _ in range(2):
        _expect(wire.put(closing, OCTETS), 201)
    for _ in range(2):
        wire.push_blob(name, small)
    location = wire.start_upload(name)
    for _ in range(5):
        location = _expect(wire.patch(location, OCTETS, os.urandom(_CHUNK)), 202).location
    _expect(wire.delete(location), 204)
    _expect(wire.put(with_query(wire.start_upload(name), digest=digest_of(b"other")), OCTETS, small), 400)
    project = f"full{uuid.uuid4().hex[:8]}"
    _expect(api(wire, "POST", "/projects", {"project_name": project, "storage_limit": 1000}), 201)
    content = os.urandom(5000)
    _expect(wire.put(with_query(wire.start_upload(f"{project}/app"), digest=digest_of(content)), OCTETS, content), 403)
    location = _expect(wire.patch(wire.start_upload(name), OCTETS, small), 202).location
    lose(f"blobs/{urlsplit(location).path.rpartition('/')[2]}/")
    assert wire.put(with_query(location, digest=digest_of(small, "sha512")), OCTETS).status >= 400


def manifests(wire: Wire, lose: Callable[[str], object]) -> None:
    """An index and a manifest too large for the table, whose release is put off for their many tags; and one that is lost."""
    name, lost = (f"library/{uuid.uuid4().hex}" for _ in range(2))
    child = builders.image(builders.EMPTY, (b"child",))
    for blob in (builders.EMPTY, b"child"):
        wire.push_blob(name, blob)
    wire.push_manifest(name, digest_of(child), child)
    _delete_later(wire, name, builders.index(child), INDEX)
    large = large_image(wire, lost)
    assert wire.get(f"/v2/{lost}/manifests/large", ACCEPT).body == large
    _delete_later(wire, lost, large_image(wire, lost, "many"), MANIFEST)
    lose(f"manifests/{lost}/")
    assert wire.get(f"/v2/{lost}/manifests/large", ACCEPT).status >= 400


def _delete_later(wire: Wire, name: str, content: bytes, media_type: str) -> None:
    for number in range(_TAGS):
        wire.push_manifest(name, f"{digest_of(content)[7:12]}-{number}", content, media_type)
    _expect(wire.delete(f"/v2/{name}/manifests/{digest_of(content)}"), 202)


def many_layers(wire: Wire) -> None:
    """An image with more layers than a deletion takes along, and more tags; its release is left to the schedule."""
    name = f"library/{uuid.uuid4().hex}"
    layers = tuple(b"layer %d" % number for number in range(_LAYERS))
    for layer in (builders.EMPTY, *layers):
        _expect(wire.post(f"/v2/{name}/blobs/uploads/?digest={digest_of(layer)}", OCTETS, layer), 201)
    _delete_later(wire, name, builders.image(builders.EMPTY, layers), MANIFEST)


def project_with_all(wire: Wire, name: str) -> None:
    """A project with a robot and a label."""
    _expect(api(wire, "POST", "/projects", {"project_name": name}), 201)
    rights = {"kind": "project", "namespace": name, "access": [{"resource": "repository", "action": "pull"}]}
    robot = {"name": "r", "level": "project", "duration": -1, "permissions": [rights]}
    _expect(api(wire, "POST", "/robots", robot), 201)
    project_id = api(wire, "GET", f"/projects/{name}").json["project_id"]
    _expect(api(wire, "POST", "/labels", {"name": "l", "scope": "p", "project_id": project_id}), 201)


def large_image(wire: Wire, name: str, tag: str = "large") -> bytes:
    """Push an image whose manifest is only in S3."""
    wire.push_blob(name, builders.EMPTY)
    wire.push_blob(name, tag.encode())
    content = builders.image(builders.EMPTY, (tag.encode(),), annotations={"much": "x" * 100_000})
    wire.push_manifest(name, tag, content, MANIFEST)
    return content


def console(wire: Wire) -> None:
    """Artifacts with large manifests, secrets of identity sources, a project with people that goes, the purge's schedule."""
    name = uuid.uuid4().hex
    large_image(wire, f"library/{name}")
    place = f"/projects/library/repositories/{name}/artifacts"
    _expect(api(wire, "GET", f"{place}/large/additions/build_history"), 200)
    target = f"/projects/library/repositories/{name}-copy/artifacts?from=library/{name}:large"
    _expect(api(wire, "POST", target), 201)
    _expect(api(wire, "DELETE", f"{place}/large"), 200)
    assert api(wire, "GET", "/health").json["status"] == "healthy"
    user, project = f"u{uuid.uuid4().hex[:8]}", f"p{uuid.uuid4().hex[:8]}"
    person = {
        "username": user,
        "password": "Drift-Secret-1",
        "email": f"{user}@example.org",
        "realname": "x",
        "comment": "",
    }
    _expect(api(wire, "POST", "/users", person), 201)
    _expect(api(wire, "POST", "/projects", {"project_name": project}), 201)
    _expect(api(wire, "POST", f"/projects/{project}/members", {"role_id": 2, "member_user": {"username": user}}), 201)
    _expect(api(wire, "DELETE", f"/projects/{project}"), 200)
    schedule = {"type": "Hourly", "cron": "0 0 * * * *"}
    purge = {"schedule": schedule, "parameters": {"audit_retention_hour": 24, "include_event_types": "other"}}
    _expect(api(wire, "POST", "/system/purgeaudit/schedule", purge), 201)


def identity(wire: Wire) -> None:
    """A provider and a directory that are not there: their secrets are written, and read where somebody tries to log in."""
    nowhere = {"oidc_name": "idp", "oidc_endpoint": "http://127.0.0.1:9", "oidc_client_id": "m", "oidc_scope": "openid"}
    directory = {
        "ldap_url": "ldap://127.0.0.1:9",
        "ldap_base_dn": "dc=example",
        "ldap_uid": "uid",
        "ldap_search_dn": "cn=r",
    }
    secrets = {"oidc_client_secret": "its-secret", "ldap_search_password": "its-password"}
    _expect(api(wire, "PUT", "/configurations", {**nowhere, **directory, **secrets}), 200)
    wire.raw("GET", "/c/oidc/login")
    log_in(wire)


def log_in(wire: Wire) -> None:
    """Ask as somebody whom only a directory could know."""
    basic = base64.b64encode(b"stranger:password").decode()
    assert wire.raw("GET", "/v2/", {"Authorization": f"Basic {basic}"}).status in (401, 503)
    wire.raw("GET", "/service/token", {"Authorization": f"Basic {basic}"})


def api(wire: Wire, method: str, path: str, body: Any = None) -> Answer:
    """One request to Harbor's API as the administrator; where the registry alone answers, at the console's address."""
    account = wire._account or ("", "")
    headers = {"Authorization": "Basic " + base64.b64encode(":".join(account).encode()).decode()}
    content = b"" if body is None else json.dumps(body).encode()
    return wire.raw(
        method, f"{console_url(wire)}/api/v2.0{path}", headers | {"Content-Type": "application/json"}, content
    )


def console_url(wire: Wire) -> str:
    """Where the challenge says that tokens are given."""
    challenge = wire.raw("GET", "/v2/").headers["www-authenticate"]
    return str(challenge.partition('realm="')[2].partition("/service/token")[0])


def wait(holds: Any, sentence: str, for_s: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + for_s
    while not holds():
        assert time.monotonic() < deadline, sentence
        time.sleep(0.1)


def _expect(answer: Answer, status: int) -> Answer:
    assert answer.status == status, answer
    return answer
