"""Gives every duty all of its work, through the doors that clients and AWS's schedules and queues use."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time

from chalicelib import bootstrap
from chalicelib.aws import keys
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.purges import DynamoPurges
from chalicelib.aws.secrets import Secrets
from chalicelib.events import Event
from chalicelib.notify.ports import Taken
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name
from chalicelib.scan.job import Job
from tests.conftest import free_port
from tests.infra.permissions import flows
from tests.infra.permissions.roles import ROOT
from tests.infra.permissions.stack import Stack
from tests.wire import Wire

DAY_S = 86400
TESTS = ("tests/checklists/test_a_manifests.py", "tests/harbor/test_tour.py")
"""Tests that speak to any registry over HTTP: manifests of all kinds, and every operation that Harbor's clients know."""


def everything(stack: Stack) -> None:
    """All of it. Uploads through a service, and through the function where there is none; the registry as a container too."""
    settings, url = stack.settings(), stack.environ["MOORAGE_PUBLIC_URL"]
    account = ("admin", Secrets(settings).read_text(settings.admin_secret) or "")
    lose = functools.partial(lose_objects, stack)
    run_tests(url, account)
    with Wire(url, account) as wire:
        flows.uploads(wire, lose)
        flows.manifests(wire, lose)
        flows.many_layers(wire)
        flows.console(wire)
        flows.identity(wire)
        flows.project_with_all(wire, "gone")
    container = free_port()
    stack.start_program(
        "uploads-alb", ["-m", "upload_service"], container, MOORAGE_UPLOAD_PORT=str(container),
        MOORAGE_SERVE_REGISTRY="on", MOORAGE_UPLOAD_URL=f"http://127.0.0.1:{container}", MOORAGE_CONSOLE_URL=url,
    )  # fmt: skip
    alone = stack.start_alone()
    for address in (f"http://127.0.0.1:{container}", alone):
        with Wire(address, account) as wire:
            flows.log_in(wire)
            flows.uploads(wire, lose)
            flows.manifests(wire, lose)
    schedules(stack)
    scans(stack)


def lose_objects(stack: Stack, prefix: str) -> None:
    """Delete objects behind the registry's back."""
    s3, bucket = stack.client("s3"), stack.environ["MOORAGE_BUCKET"]
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=found["Key"])


def run_tests(url: str, account: tuple[str, str]) -> None:
    """Run those tests against this registry."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    environ["MOORAGE_TEST_REGISTRY"] = ",".join((url, *account))
    ran = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=550, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:]


def schedules(stack: Stack) -> None:
    """Leave behind what each of them is there for, and let it find it."""
    settings = stack.settings()
    objects, table = bootstrap.wire(settings).objects, bootstrap.wire(settings).table
    objects.put(keys.tail_object("left", "behind"), b"bytes")
    objects.start_multipart(keys.blob_object("left", "behind"))
    assert stack.invoke("sweep_uploads", later_s=2 * DAY_S)["freed"] >= 2
    assert stack.invoke("sweep_releases", later_s=DAY_S)["finished"] >= 2
    projects = DynamoProjects(table)
    projects.remove(projects.load(["gone"])["gone"], now=1)
    assert stack.invoke("sweep_projects") == {"cleared": 1}
    at_us = (int(time.time()) - 3 * DAY_S) * 1_000_000
    row = Taken(Event("create", "project", "team", "ann", ""), at_us)
    assert not DynamoAuditWriter(settings, lambda: at_us).write([row], keep_days=90)
    purged = stack.invoke("purge_audit")["purged"]  # at the full hour the purge is due already
    store = DynamoPurges(table)
    known = store.schedule()
    assert known is not None
    assert store.save_schedule(known._replace(next_at=1), seen=known)
    assert purged + stack.invoke("purge_audit")["purged"] >= 1
    assert stack.invoke("rotate_keys", later_s=30 * DAY_S)["kid"]


def scans(stack: Stack) -> None:
    """A notification of S3's, its job, and the worker that takes it; and one whose manifest is gone."""
    content = b'{"schemaVersion":2}'
    job = Job(Name.parse("library/app"), Digest.of(content), len(content))
    gone = Job(job.name, Digest.of(b"gone"), 4)
    objects = bootstrap.wire(stack.settings()).objects
    objects.put(job.manifest_key, content)
    told = [
        {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": one.manifest_key, "size": one.size_bytes}}}
        for one in (gone, job)
    ]
    event = {"Records": [{"messageId": "1", "body": json.dumps({"Records": told})}]}
    assert stack.invoke("dispatch_scans", event) == {"batchItemFailures": []}
    worker = stack.start_program("scans", ["-m", "scan_worker"])
    flows.wait(lambda: objects.size(job.result_key) is not None, "the worker did not do its job")
    stack.stop(worker)
