"""What the registry's routes record: pulls, pushes and deletes, each with who did it."""

from __future__ import annotations

import time
import uuid

import pytest

from chalicelib import bootstrap
from chalicelib.api import Api
from chalicelib.config import Settings
from chalicelib.events import Event
from chalicelib.notify.journal import Journal
from chalicelib.oci.digest import Digest
from chalicelib.rbac.configuration import Configuration
from chalicelib.rbac.projects import Projects
from tests import builders
from tests.client import Client, basic
from tests.fakes.audit import FakeRecorder, FakeRowWriter
from tests.fakes.principals import FakePrincipals


@pytest.fixture
def recorder(api: Api, settings: Settings) -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def client(settings: Settings, recorder: FakeRecorder) -> Client:
    return Client(bootstrap.assemble(settings, recorder), basic("admin", "admin-secret"))


def short(event: Event) -> str:
    return f"{event.type} {event.resource} {event.operator} {event.client_ip} {event.is_success}"


def test_push_pull_and_delete_are_events(client: Client, recorder: FakeRecorder) -> None:
    name, content = f"library/e{uuid.uuid4().hex[:12]}", builders.image(layers=(b"layer",))
    digest, spare = Digest.of(content), Digest.of(b"spare")
    for blob in (b"{}", b"layer", b"spare"):
        client.push_blob(name, blob, Digest.of(blob))
    assert recorder.events == []
    client.send("PUT", f"/v2/{name}/manifests/v1", content)
    client.send("PUT", f"/v2/{name}/manifests/{digest}", content)
    client.get(f"/v2/{name}/manifests/v1")
    client.get(f"/v2/{name}/manifests/{digest}")
    client.send("HEAD", f"/v2/{name}/manifests/v1")
    client.get(f"/v2/{name}/manifests/v1", if_none_match=f'"{digest}"')
    client.get(f"/v2/{name}/manifests/none")
    client.send("DELETE", f"/v2/{name}/manifests/v1")
    client.send("DELETE", f"/v2/{name}/manifests/{digest}")
    client.send("DELETE", f"/v2/{name}/manifests/{digest}")
    client.send("DELETE", f"/v2/{name}/blobs/{spare}")
    who = "admin 192.0.2.1 True"
    assert [short(event) for event in recorder.events] == [
        f"create_artifact {name}:v1 {who}",
        f"create_artifact {name}@{digest} {who}",
        f"pull_artifact {name}:v1 {who}",
        f"pull_artifact {name}@{digest} {who}",
        f"delete_tag {name}:v1 {who}",
        f"delete_artifact {name}@{digest} {who}",
        f"delete_blob {name}@{spare} {who}",
    ]
    assert len({event.project_id for event in recorder.events}) == 1
    assert recorder.events[0].project_id > 0
    assert [event.artifact.digest for event in recorder.events if event.artifact] == [str(digest)] * 2


def test_an_anonymous_pull_has_no_operator(client: Client, recorder: FakeRecorder) -> None:
    name = f"library/e{uuid.uuid4().hex[:12]}"
    for blob in (b"{}", b"layer"):
        client.push_blob(name, blob, Digest.of(blob))
    client.send("PUT", f"/v2/{name}/manifests/v1", builders.image(layers=(b"layer",)))
    Client(client.api).login(f"repository:{name}:pull").get(f"/v2/{name}/manifests/v1")
    assert short(recorder.events[-1]) == f"pull_artifact {name}:v1  192.0.2.1 True"


def test_a_wrong_password_at_the_registry_is_a_failed_login(client: Client, recorder: FakeRecorder) -> None:
    refused = Client(client.api, basic("nobody", "wrong"))
    assert [refused.get("/v2/").status for _ in range(2)] == [401, 401]
    assert [short(event) for event in recorder.events] == ["login_user nobody nobody 192.0.2.1 False"]


def test_a_pull_waits_a_tenth_of_a_second_for_a_log_that_hangs(client: Client, settings: Settings) -> None:
    name = f"library/e{uuid.uuid4().hex[:12]}"
    for blob in (b"{}", b"layer"):
        client.push_blob(name, blob, Digest.of(blob))
    client.send("PUT", f"/v2/{name}/manifests/v1", builders.image(layers=(b"layer",)))
    writer = FakeRowWriter()
    writer.free.clear()
    journal = Journal(writer, lambda now: Configuration(), lambda: time.time_ns() // 1000)
    try:
        puller = Client(bootstrap.assemble(settings, journal), client.authorization).login(f"repository:{name}:pull")
        puller.send("HEAD", f"/v2/{name}/manifests/v1")
        times = []
        for _ in range(6):
            begun = time.monotonic()
            assert puller.get(f"/v2/{name}/manifests/v1").status == 200
            times.append(time.monotonic() - begun)
    finally:
        writer.free.set()
    assert times[0] < 0.15
    assert sorted(times[1:])[2] < 0.05, "while the store is silent nobody waits for it"


def test_who_is_refused_is_an_event_a_minute(client: Client, settings: Settings, recorder: FakeRecorder) -> None:
    name = f"u{uuid.uuid4().hex[:12]}"
    bootstrap.users(settings).create(name, "Word-of-1", now=1)
    refused = Client(client.api, basic(name, "Word-of-1"))
    for _ in range(2):
        for method, path in (("POST", "blobs/uploads/"), ("PUT", "manifests/v1"), ("DELETE", "manifests/v1")):
            assert refused.send(method, f"/v2/library/secret/{path}", builders.image()).error_code == "DENIED"
    assert refused.get("/v2/private/none/manifests/v1").error_code == "DENIED"
    assert [short(event) for event in recorder.events] == [
        f"create_artifact library/secret {name} 192.0.2.1 False",
        f"delete_artifact library/secret {name} 192.0.2.1 False",
        f"pull_artifact private/none {name} 192.0.2.1 False",
    ]
    assert client.get("/v2/library/none/manifests/v1").status == 404
    assert Client(client.api).get("/v2/private/none/manifests/v1").status == 401
    assert len(recorder.events) == 3


def test_a_project_made_by_a_push_is_an_event_of_the_one_who_made_it(recorder: FakeRecorder) -> None:
    store = FakePrincipals()
    projects = Projects(store, store, recorder)
    for by in ("ann", "bob"):
        projects.ensure("team", is_public=False, by=by, now=1)
    assert [(event.type, event.resource, event.operator) for event in recorder.events] == [("create_project", "team", "ann")]
    assert recorder.events[0].project_id == store.projects["team"].project_id
