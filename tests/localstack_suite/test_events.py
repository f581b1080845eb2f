"""Events as LocalStack delivers them, and Moorage's own flow on top: S3 to SQS, SNS to SQS, dead-letter queues, scan jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest

from localstack.community.deployment import Deployed
from tests import builders
from tests.localstack_suite.conftest import Aws
from tests.wire import Wire, digest_of


class Queue:
    """A queue of its own, with what it was sent."""

    def __init__(self, sqs: Any, name: str, **attributes: str) -> None:
        self._sqs = sqs
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def send(self, text: str) -> None:
        self._sqs.send_message(QueueUrl=self.url, MessageBody=text)

    def take(self, wait_s: float = 10, *, keep: bool = False) -> list[str]:
        """The bodies that come before one more second passes without any; those of `keep` come again."""
        bodies: list[str] = []
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            found = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
                "Messages", ()
            )
            for message in found:
                bodies.append(message["Body"])
                if not keep:
                    self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            if bodies and not found:
                break
        return bodies


@pytest.fixture
def queue(aws: Aws, name: str) -> Queue:
    return Queue(aws("sqs"), name)


@pytest.fixture
def bucket(aws: Aws, name: str) -> str:
    aws("s3").create_bucket(Bucket=name)
    return name


def notify(s3: Any, bucket: str, queue: Queue, prefix: str) -> None:
    rule = {"Name": "prefix", "Value": prefix}
    to = {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [rule]}}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [to]})


def created(bodies: list[str]) -> list[tuple[str, str]]:
    """Event names and keys, as `dispatch_scans` reads them."""
    records = [record for body in bodies for record in json.loads(body).get("Records", ())]
    return [(record["eventName"], unquote_plus(record["s3"]["object"]["key"])) for record in records]


def test_a_new_notification_sends_the_test_event(aws: Aws, queue: Queue, bucket: str) -> None:
    notify(aws("s3"), bucket, queue, "manifests/")
    [told] = [json.loads(body) for body in queue.take()]
    assert (told["Event"], told["Bucket"]) == ("s3:TestEvent", bucket)
    assert "Records" not in told


def test_only_objects_below_the_prefix_are_told_of(aws: Aws, queue: Queue, bucket: str) -> None:
    s3 = aws("s3")
    notify(s3, bucket, queue, "manifests/")
    for key in ("blobs/1", "manifests/1", "scan-out/manifests/2", "manifests/3"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.copy_object(Bucket=bucket, Key="manifests/4", CopySource={"Bucket": bucket, "Key": "blobs/1"})
    told = created(queue.take())
    assert sorted(told) == [
        ("ObjectCreated:Copy", "manifests/4"), ("ObjectCreated:Put", "manifests/1"), ("ObjectCreated:Put", "manifests/3"),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["manifests/a b+c", "manifests/sha256:1f/@x", "manifests/\u00e9%2F"])
def test_a_key_survives_its_encoding_in_the_event(aws: Aws, queue: Queue, bucket: str, key: str) -> None:
    s3 = aws("s3")
    notify(s3, bucket, queue, "manifests/")
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert created(queue.take()) == [("ObjectCreated:Put", key)]


def test_a_multipart_upload_is_told_once_when_it_is_complete(aws: Aws, queue: Queue, bucket: str) -> None:
    s3 = aws("s3")
    notify(s3, bucket, queue, "manifests/")
    upload = {"Bucket": bucket, "Key": "manifests/large"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for number, size in ((1, 5 * 1024 * 1024), (2, 10)):
        made = s3.upload_part(**upload, PartNumber=number, Body=bytes(size))
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert created(queue.take()) == [("ObjectCreated:CompleteMultipartUpload", "manifests/large")]


def test_what_is_received_too_often_goes_to_the_dead_letter_queue_and_back(aws: Aws, name: str) -> None:
    sqs = aws("sqs")
    dead = Queue(sqs, f"{name}-dlq")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = Queue(sqs, name, RedrivePolicy=redrive, VisibilityTimeout="0")
    queue.send("poison")
    assert queue.take(3, keep=True) == ["poison", "poison"]
    assert depth(sqs, dead.url) == 1
    sqs.start_message_move_task(SourceArn=dead.arn)
    assert queue.take(15) == ["poison"]
    assert depth(sqs, dead.url) == 0


@pytest.fixture
def topic(aws: Aws, name: str, queue: Queue) -> Iterator[str]:
    """A topic whose messages about pushes reach the queue as they were sent."""
    sns = aws("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"type": ["push"]})}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    yield arn
    sns.delete_topic(TopicArn=arn)


def test_a_subscribed_queue_gets_what_its_filter_lets_through(aws: Aws, topic: str, queue: Queue) -> None:
    for kind in ("pull", "push"):
        attributes = {"type": {"DataType": "String", "StringValue": kind}}
        aws("sns").publish(TopicArn=topic, Message=f"a {kind}", MessageAttributes=attributes)
    assert queue.take() == ["a push"]


def test_a_pushed_manifest_becomes_one_scan_job(aws: Aws, deployed: Deployed, admin: Wire, name: str) -> None:
    """S3 tells the queue, the queue calls the function, the function writes to the other queue."""
    repository, config = f"library/{name}", name.encode()
    admin.push_blob(repository, config)
    # Above 64 KiB, or a manifest is kept in the table alone.
    manifest = builders.image(config=config, layers=(), annotations={"filler": "x" * 70_000})
    admin.push_manifest(repository, "latest", manifest)
    sqs, url = aws("sqs"), deployed.outputs["queues"]["scan_jobs"]
    deadline, jobs = time.monotonic() + 60, []
    while time.monotonic() < deadline and not jobs:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            jobs += [message["Body"]] if repository in message["Body"] else []
    [job] = jobs
    assert digest_of(manifest) in job
    assert depth(sqs, deployed.outputs["queues"]["manifest_events_dlq"]) == 0


def depth(sqs: Any, url: str) -> int:
    asked = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"][asked[0]])
