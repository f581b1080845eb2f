"""Jobs: what S3's notifications say, and what the queue of jobs carries."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws import keys
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name
from chalicelib.scan.job import Job, Malformed, pushed

DIGEST = Digest.of(b"{}")
JOB = Job(Name("team", "deep/app"), DIGEST, 2)


def notification(*keys_: str, event: str = "ObjectCreated:Put", size: Any = 2) -> str:
    return json.dumps(
        {"Records": [{"eventName": event, "s3": {"object": {"key": key, "size": size}}} for key in keys_]}
    )


def test_a_stored_manifest_becomes_a_job_and_its_key_is_the_one_that_the_registry_wrote() -> None:
    key = keys.manifest_object("team", "deep/app", DIGEST.algorithm, DIGEST.hex)
    assert pushed(notification(quote_plus(key))) == [JOB]
    assert JOB.manifest_key == key


@pytest.mark.parametrize("encode", [str, quote_plus, lambda key: quote_plus(key, safe="/")])
def test_every_emulators_way_to_encode_a_key_is_read(encode: Any) -> None:
    assert pushed(notification(encode(JOB.manifest_key))) == [JOB]


def test_the_same_manifest_twice_is_one_job() -> None:
    assert pushed(notification(JOB.manifest_key, JOB.manifest_key)) == [JOB]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}),
        notification(),
        notification(JOB.manifest_key, event="ObjectRemoved:Delete"),
        notification("blobs/x/y"),
        notification("manifests/"),
        notification("manifests/team/app/sha256/short"),
        notification("manifests/UPPER/app/sha256/" + DIGEST.hex),
        notification("manifests/nameless/sha256/" + DIGEST.hex),
        notification(JOB.result_key),
    ],
)
def test_what_is_no_new_manifest_makes_no_job(body: str) -> None:
    assert pushed(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"Records": 5}',
        '{"Records": [{}]}',
        notification("k", size="2"),
        notification("k", size=-1),
    ],
)
def test_what_is_no_notification_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        pushed(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for parse in (pushed, Job.parse):
        try:
            parse(json.dumps(value))
        except Malformed:
            continue


def test_a_job_reads_what_it_wrote() -> None:
    assert Job.parse(JOB.render()) == JOB


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"repository": "../x"}, {"digest": "sha256:0"}, {"size_bytes": True}, {"size_bytes": None}],
)
def test_a_job_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Job.parse(json.dumps(json.loads(JOB.render()) | change))
