"""What every object store promises: the fake each time, S3 on the emulator."""

from __future__ import annotations

import http.client
import time
import uuid
from urllib.parse import urlsplit

import pytest

from chalicelib.aws.objects import S3Objects
from chalicelib.config import Settings
from chalicelib.oci.ports import MultipartGone, ObjectStore
from chalicelib.oci.session import MIB, Part
from tests.fakes.objects import FakeObjects

LARGE, SMALL = b"a" * (5 * MIB), b"end"


@pytest.fixture(params=["fake", "aws"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "fake":
        return FakeObjects()
    return S3Objects(request.getfixturevalue("settings"), time.time)


@pytest.fixture
def key(objects: ObjectStore) -> str:
    return objects.blob_key(str(uuid.uuid4()))


def test_keys_are_used_once(objects: ObjectStore) -> None:
    keys = {make("u") for make in (objects.blob_key, objects.tail_key) for _ in range(100)}
    assert len(keys) == 200


@pytest.mark.parametrize("content", [b"", b"abc", memoryview(b"abc"), [b"a", memoryview(b"bc")]])
def test_an_object_is_read_as_it_was_written(objects: ObjectStore, key: str, content: bytes) -> None:
    objects.put(key, content)
    whole = content if isinstance(content, bytes) else b"abc"
    assert objects.get(key) == whole
    assert objects.size(key) == len(whole)


def test_ranges_are_inclusive(objects: ObjectStore, key: str) -> None:
    objects.put(key, b"0123456789")
    assert objects.get(key, start=2, end=4) == b"234"
    assert objects.get(key, start=7) == b"789"
    assert objects.get(key, start=9, end=9) == b"9"


def test_what_is_not_there_says_so(objects: ObjectStore, key: str) -> None:
    with pytest.raises(KeyError):
        objects.get(key)
    assert objects.size(key) is None
    objects.delete([key])


def test_deleting_deletes(objects: ObjectStore, key: str) -> None:
    objects.put(key, b"x")
    objects.delete([key])
    assert objects.size(key) is None


def test_a_checksum_is_checked_by_the_store(objects: ObjectStore, key: str) -> None:
    with pytest.raises((AssertionError, Exception), match="BadDigest"):
        objects.put(key, b"abc", sha256=b"\0" * 32)
    assert objects.size(key) is None


def test_parts_become_an_object_in_their_order(objects: ObjectStore, key: str) -> None:
    multipart_id = objects.start_multipart(key)
    second = objects.put_part(key, multipart_id, 9, [SMALL])
    first = objects.put_part(key, multipart_id, 3, [LARGE[:100], memoryview(LARGE)[100:]])
    parts = [Part(3, first, len(LARGE)), Part(9, second, len(SMALL))]
    objects.complete_multipart(key, multipart_id, parts)
    assert objects.get(key) == LARGE + SMALL
    objects.complete_multipart(key, multipart_id, parts)


def test_a_part_is_bound_by_its_etag(objects: ObjectStore, key: str) -> None:
    multipart_id = objects.start_multipart(key)
    old = objects.put_part(key, multipart_id, 1, b"old")
    assert objects.put_part(key, multipart_id, 1, b"new") != old
    with pytest.raises((AssertionError, Exception)):
        objects.complete_multipart(key, multipart_id, [Part(1, old, 3)])
    assert objects.size(key) is None


def test_a_whole_object_can_be_a_part(objects: ObjectStore, key: str) -> None:
    source = objects.blob_key("source")
    objects.put(source, LARGE)
    multipart_id = objects.start_multipart(key)
    parts = [
        Part(1, objects.copy_part(key, multipart_id, 1, source), len(LARGE)),
        Part(2, objects.put_part(key, multipart_id, 2, SMALL), len(SMALL)),
    ]
    objects.complete_multipart(key, multipart_id, parts)
    assert objects.get(key) == LARGE + SMALL
    assert objects.get(source) == LARGE


def test_copying_what_is_gone_says_so(objects: ObjectStore, key: str) -> None:
    multipart_id = objects.start_multipart(key)
    with pytest.raises(KeyError):
        objects.copy_part(key, multipart_id, 1, objects.blob_key("gone"))


def test_an_aborted_upload_is_gone(objects: ObjectStore, key: str) -> None:
    multipart_id = objects.start_multipart(key)
    etag = objects.put_part(key, multipart_id, 1, SMALL)
    objects.abort_multipart(key, multipart_id)
    objects.abort_multipart(key, multipart_id)
    for call in (
        lambda: objects.put_part(key, multipart_id, 2, SMALL),
        lambda: objects.complete_multipart(key, multipart_id, [Part(1, etag, len(SMALL))]),
    ):
        with pytest.raises(MultipartGone):
            call()


def test_abandoned_uploads_and_tails_are_found_by_age(objects: ObjectStore, key: str) -> None:
    now = int(time.time())
    if isinstance(objects, FakeObjects):
        objects.started_at = now
    multipart_id, tail = objects.start_multipart(key), objects.tail_key("u")
    objects.put(tail, b"x")
    assert (key, multipart_id) not in list(objects.abandoned_multiparts(now - 60))
    assert tail not in list(objects.abandoned_tails(now - 60))
    assert (key, multipart_id) in list(objects.abandoned_multiparts(now + 60))
    assert tail in list(objects.abandoned_tails(now + 60))


@pytest.mark.parametrize("fetched", ["GET", "HEAD"])
def test_a_signed_url_serves_one_method_of_one_object_for_a_while(settings: Settings, fetched: str) -> None:
    objects, now = S3Objects(settings, time.time), int(time.time())
    key = objects.blob_key("signed")
    objects.put(key, b"abc")
    url = objects.signed_url(fetched, key, expires_s=60, now=now)
    assert request(fetched, url) == (200, b"abc" if fetched == "GET" else b"")
    assert request("HEAD" if fetched == "GET" else "GET", url)[0] == 403
    assert request(fetched, url.replace(key, objects.blob_key("other")))[0] == 403
    assert request(fetched, objects.signed_url(fetched, key, expires_s=60, now=now - 120))[0] == 403


def request(method: str, url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body if answer.status == 200 else b""
