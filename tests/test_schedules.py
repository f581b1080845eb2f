"""The schedules: the entrypoints themselves, on a registry of their own, as Lambda calls them and as `make run` plays them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

import app
from chalicelib import bootstrap
from chalicelib.aws import keys
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.aws.journal import journal_item
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.purges import DynamoPurges
from chalicelib.aws.registry_tables import ReleaseItem
from chalicelib.config import Settings
from chalicelib.events import Event
from chalicelib.notify.hours import hour_of
from chalicelib.notify.ports import Taken
from chalicelib.rbac.project_ports import Removal
from localstack import serve
from tests import builders
from tests.harbor.client import HarborClient

DAY_S = 86400


@pytest.fixture
def own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A registry of its own, which the entrypoints find in the environment as in Lambda."""
    name = f"own-{uuid.uuid4().hex}"
    made = replace(settings, table=name, bucket=name)
    bootstrap.provision(made, "admin-secret", now=int(time.time()))
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.dynamodb_endpoint_url or "")
    monkeypatch.setenv("MOORAGE_TABLE", name)
    monkeypatch.setenv("MOORAGE_BUCKET", name)
    app._settings.cache_clear()
    yield made
    app._settings.cache_clear()


def stopped_deletion(own: Settings) -> ReleaseItem:
    """The deletion of a manifest whose process died at once."""
    table, repository = bootstrap.wire(own).table, builders.repository("team/app", 7)
    entry = journal_item(repository, f"sha256:{'0' * 64}", "manifests/none", 1)
    table.write([table.put(entry)])
    return entry


def removed_project(own: Settings) -> int:
    """A project that was removed, with a member that is left; its id."""
    projects = DynamoProjects(bootstrap.wire(own).table)
    project = projects.create_project("team", is_public=False, by="admin", now=1)
    assert project is not None
    assert projects.remove(projects.load(["team"])["team"], now=1) is Removal.REMOVED
    return project.project_id


def old_hour(own: Settings) -> str:
    """An hour of three days ago with a row that only its process counted."""
    at_us = (int(time.time()) - 3 * DAY_S) * 1_000_000
    writer = DynamoAuditWriter(own, lambda: at_us)
    assert not writer.write([Taken(Event("create", "project", "team", "ann", ""), at_us)], keep_days=90)
    return hour_of(at_us // 1_000_000)


def test_uploads_that_were_left_are_freed(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = bootstrap.wire(own).objects
    tail = keys.tail_object("left", "behind")
    objects.put(tail, b"bytes")
    objects.start_multipart(keys.blob_object("left", "behind"))
    assert app.sweep_uploads({}, None) == {"freed": 0}
    later = time.time() + 2 * DAY_S
    monkeypatch.setattr(app, "time", SimpleNamespace(time=lambda: later))  # the clock: nothing can be stored as old
    assert app.sweep_uploads({}, None) == {"freed": 2}
    assert objects.size(tail) is None


def test_deletions_that_stopped_are_finished(own: Settings) -> None:
    table, entry = bootstrap.wire(own).table, stopped_deletion(own)
    assert app.sweep_releases({}, None) == {"finished": 1}
    assert table.get(entry.pk, entry.sk) is None
    assert app.sweep_releases({}, None) == {"finished": 0}


def test_what_removed_projects_left_is_cleared(own: Settings) -> None:
    members, project_id = DynamoMembers(bootstrap.wire(own).table), removed_project(own)
    assert members.page(project_id, 0, 10, False)[1] == 1
    assert app.sweep_projects({}, None) == {"cleared": 1}
    assert members.page(project_id, 0, 10, False) == ([], 0)
    assert app.sweep_projects({}, None) == {"cleared": 0}


def test_the_audit_log_is_counted_and_purged_when_that_is_due(own: Settings) -> None:
    table, hour = bootstrap.wire(own).table, old_hour(own)
    assert [item.sk.partition("#")[1] for item in table.query(keys.audit_counts("*"), hour)] == ["#"]
    assert app.purge_audit({}, None) == {"purged": 0}
    assert [item.sk for item in table.query(keys.audit_counts("*"), hour)] == [hour]

    admin = HarborClient(bootstrap.registry(own)).basic("admin", "admin-secret")
    parameters = {"audit_retention_hour": 24, "include_event_types": "other"}
    schedule = {"schedule": {"type": "Hourly", "cron": "0 0 * * * *"}, "parameters": parameters}
    assert admin.post("/system/purgeaudit/schedule", json=schedule).status == 201
    assert app.purge_audit({}, None) == {"purged": 0}, "it is not due"
    store = DynamoPurges(table)
    known = store.schedule()
    assert known is not None
    assert store.save_schedule(known._replace(next_at=1), seen=known)
    assert app.purge_audit({}, None) == {"purged": 1}
    assert table.query(keys.audit_counts("*"), hour) == []


def test_make_run_plays_every_schedule(own: Settings) -> None:
    """Each of them has something to do, and one that is missing there leaves it undone. Uploads: nothing is old enough."""
    assert set(serve.SCHEDULES) == set(app.__all__) - {"answer", "app", "authorize", "dispatch_scans", "provision", "rotate_keys"}
    table = bootstrap.wire(own).table
    entry, _, hour = stopped_deletion(own), removed_project(own), old_hour(own)

    async def run() -> None:
        task = asyncio.create_task(serve.sweep_hourly())
        for _ in range(200):
            if [item.sk for item in table.query(keys.audit_counts("*"), hour)] == [hour]:
                break
            await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(run())
    assert table.get(entry.pk, entry.sk) is None
    assert table.query(keys.DEPARTED, "") == []
    assert [item.sk for item in table.query(keys.audit_counts("*"), hour)] == [hour]
