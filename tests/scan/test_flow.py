"""From a pushed manifest to the worker's result, on the emulator's S3 and SQS: the whole way, and each way to lose a message."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import botocore.session
import pytest

import app
from chalicelib import bootstrap, scanning
from chalicelib.aws.queue import SqsQueue
from chalicelib.config import Settings, SettingsError
from chalicelib.oci.digest import Digest
from chalicelib.scan.job import Job
from scan_worker.__main__ import Worker
from tests.client import Client, basic


@dataclass
class Stack:
    """A registry whose bucket tells a queue about manifests, as Terraform sets it up."""

    settings: Settings
    sqs: Any
    events_url: str
    jobs_dead_url: str
    client: Client

    def push(self, tag: str = "1", annotation: str = "") -> Digest:
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
        body = json.dumps(manifest | {"annotations": {"is": annotation}}).encode()
        kind = "application/vnd.oci.image.index.v1+json"
        assert self.client.send("PUT", f"/v2/library/app/manifests/{tag}", body, content_type=kind).status == 201
        return Digest.of(body)

    def batch(self) -> dict[str, Any]:
        """What Lambda's event source mapping would hand over."""
        got = self.sqs.receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        return {"Records": [{"messageId": one["MessageId"], "body": one["Body"]} for one in got.get("Messages", ())]}

    def jobs(self) -> SqsQueue:
        return SqsQueue(self.settings, self.settings.scan_jobs_url)

    def result(self, digest: Digest) -> dict[str, Any]:
        found = bootstrap.wire(self.settings).objects.get(f"scan-out/library/app/{digest.algorithm}/{digest.hex}.json")
        result: dict[str, Any] = json.loads(found)
        return result


@pytest.fixture
def stack(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    name, endpoint = f"scan-{uuid.uuid4().hex[:12]}", settings.s3_endpoint_url
    session = botocore.session.get_session()
    sqs, s3 = (session.create_client(kind, region_name="us-east-1", endpoint_url=endpoint) for kind in ("sqs", "s3"))

    def queue(suffix: str, **attributes: str) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=f"{name}-{suffix}", Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    dead_url, dead_arn = queue("jobs-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    jobs_url, _ = queue("jobs", VisibilityTimeout="1", RedrivePolicy=redrive)
    events_url, events_arn = queue("events")
    own = replace(settings, table=name, bucket=name, scan_jobs_url=jobs_url, sqs_endpoint_url=endpoint)
    bootstrap.provision(own, "admin-secret", now=int(time.time()))
    rule = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "manifests/"}]}}
    told = {"QueueArn": events_arn, "Events": ["s3:ObjectCreated:*"], "Filter": rule}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": [told]})
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for variable, value in {"TABLE": name, "BUCKET": name, "SCAN_JOBS_URL": jobs_url}.items():
        monkeypatch.setenv(f"MOORAGE_{variable}", value)
    app._settings.cache_clear()
    yield Stack(own, sqs, events_url, dead_url, Client(bootstrap.registry(own), basic("admin", "admin-secret")))
    app._settings.cache_clear()


def test_a_pushed_manifest_is_a_job_and_the_worker_leaves_an_honest_result(stack: Stack) -> None:
    digest = stack.push()
    assert app.dispatch_scans(stack.batch(), None) == {"batchItemFailures": []}, "the test event of S3 is among them"
    worker = Worker(scanning.work(stack.settings), wait_s=1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and bootstrap.wire(stack.settings).objects.size(_result_key(digest)) is None:
        time.sleep(0.1)
    worker.stop()
    thread.join(10)
    result = stack.result(digest)
    assert (result["digest"], result["status"]) == (str(digest), "unscanned")
    assert "no scanner engine" in result["reason"]
    assert stack.jobs().receive(wait_s=2) is None, "the job is out of the queue"


def _result_key(digest: Digest) -> str:
    return f"scan-out/library/app/{digest.algorithm}/{digest.hex}.json"


def test_a_message_that_makes_no_sense_comes_again_alone(stack: Stack) -> None:
    digest = stack.push()
    batch = stack.batch()
    batch["Records"].append({"messageId": "odd", "body": "what?"})
    assert app.dispatch_scans(batch, None) == {"batchItemFailures": [{"itemIdentifier": "odd"}]}
    message = stack.jobs().receive(wait_s=2)
    assert message is not None
    assert Job.parse(message.body).digest == digest


def test_when_the_queue_of_jobs_takes_nothing_the_whole_batch_comes_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.push()
    batch = stack.batch()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    app._settings.cache_clear()
    failed = {one["itemIdentifier"] for one in app.dispatch_scans(batch, None)["batchItemFailures"]}
    assert failed == {record["messageId"] for record in batch["Records"]}


def test_without_a_queue_the_function_fails_and_names_the_setting(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOORAGE_SCAN_JOBS_URL")
    app._settings.cache_clear()
    with pytest.raises(SettingsError, match="MOORAGE_SCAN_JOBS_URL"):
        app.dispatch_scans({"Records": []}, None)


def test_more_than_ten_jobs_go_in_several_batches(stack: Stack) -> None:
    stack.jobs().send([f"job {number}" for number in range(23)])
    seen = set()
    while (message := stack.jobs().receive(wait_s=1)) is not None:
        seen.add(message.body)
        stack.jobs().done(message)
    assert len(seen) == 23


def test_a_job_that_is_kept_is_nobody_elses_and_one_that_is_let_go_comes_back(stack: Stack) -> None:
    queue = stack.jobs()
    queue.send(["job"])
    first = queue.receive(wait_s=1)
    assert first is not None
    queue.keep(first, for_s=30)
    time.sleep(1.5)
    assert queue.receive(wait_s=1) is None
    queue.keep(first, for_s=0)
    assert queue.receive(wait_s=2) is not None


def test_a_job_that_makes_no_sense_ends_in_the_dead_letter_queue(stack: Stack) -> None:
    work = scanning.work(stack.settings)
    stack.jobs().send(["what?"])
    for _ in range(2):
        message = work.receive(wait_s=3)
        assert message is not None
        assert work.do(message, now=1) == "malformed"
        time.sleep(1.1)
    assert work.receive(wait_s=1) is None
    dead = stack.sqs.receive_message(QueueUrl=stack.jobs_dead_url, WaitTimeSeconds=2)
    assert [one["Body"] for one in dead["Messages"]] == ["what?"]


def test_a_manifest_that_was_deleted_meanwhile_is_no_failure(stack: Stack) -> None:
    job = Job(_name(), Digest.of(b"gone"), 4)
    assert _do(stack, job) == "gone"


def test_bytes_that_are_not_those_of_the_digest_are_told(stack: Stack) -> None:
    job = Job(_name(), Digest.of(b"right"), 5)
    bootstrap.wire(stack.settings).objects.put(job.manifest_key, b"wrong")
    assert _do(stack, job) == "error"
    assert stack.result(job.digest)["reason"] == "the stored bytes are not those of the digest"


def _do(stack: Stack, job: Job) -> str:
    work = scanning.work(stack.settings)
    stack.jobs().send([job.render()])
    message = work.receive(wait_s=2)
    assert message is not None
    return work.do(message, now=1)


def _name() -> Any:
    return Job.parse(
        json.dumps({"version": 1, "repository": "library/app", "digest": str(Digest.of(b"")), "size_bytes": 0})
    ).name
