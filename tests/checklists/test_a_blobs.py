"""Checklist A1-A3: pushing, reading, mounting and deleting blobs with sha256 and sha512."""

from __future__ import annotations

import os

import pytest

from tests.checklists import uploads
from tests.checklists.uploads import Push, assert_served, assert_stored, chunk_headers, close, send_chunk
from tests.wire import OCTETS, Wire, digest_of, with_query

ALGORITHMS = ("sha256", "sha512")
WAYS: tuple[Push, ...] = (
    uploads.post_only,
    uploads.post_put,
    uploads.chunked_single,
    uploads.stream,
    uploads.chunked_multi,
    uploads.chunked_multi_put_chunk,
)

algorithms = pytest.mark.parametrize("algorithm", ALGORITHMS)
ways = pytest.mark.parametrize("push", WAYS, ids=lambda way: way.__name__)


def test_ping_answers(wire: Wire) -> None:
    assert wire.get("/v2/").status == 200


def test_the_tag_list_of_an_unused_repository_is_empty_or_missing(wire: Wire, name: str) -> None:
    answer = wire.get(f"/v2/{name}/tags/list")

    assert answer.status == 404 or (answer.status == 200 and not answer.json["tags"])


def test_the_referrers_of_an_unknown_digest_are_an_empty_index(wire: Wire, name: str) -> None:
    answer = wire.get(f"/v2/{name}/referrers/{digest_of(os.urandom(8))}")

    assert answer.status == 200
    assert answer.headers["content-type"].split(";")[0] == "application/vnd.oci.image.index.v1+json"
    assert answer.json["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert (answer.json["schemaVersion"], answer.json["manifests"]) == (2, [])


@algorithms
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_blob_that_was_never_pushed_is_missing(wire: Wire, name: str, algorithm: str, method: str) -> None:
    assert wire.request(method, f"/v2/{name}/blobs/{digest_of(os.urandom(8), algorithm)}").status == 404


# An empty blob has no chunks: a range of no bytes cannot be written.
CONTENTS = {"512 bytes": os.urandom(512), "three chunks": os.urandom(3 * 1024 - 5), "empty JSON": b"{}", "empty": b""}
PUSHES = [
    pytest.param(push, content, id=f"{push.__name__}-{kind}")
    for push in WAYS
    for kind, content in CONTENTS.items()
    if content or not push.__name__.startswith("chunked")
]


@algorithms
@pytest.mark.parametrize(("push", "content"), PUSHES)
def test_a_pushed_blob_is_served(wire: Wire, name: str, algorithm: str, push: Push, content: bytes) -> None:
    answer = push(wire, name, content, digest_of(content, algorithm))

    assert_stored(wire, name, content, answer)


@algorithms
@ways
def test_a_blob_that_is_not_what_its_digest_says_is_refused(wire: Wire, name: str, algorithm: str, push: Push) -> None:
    promised = digest_of(os.urandom(8), algorithm)

    answer = push(wire, name, os.urandom(2500), promised)

    assert (answer.status, answer.error_code) == (400, "DIGEST_INVALID")
    assert wire.head(f"/v2/{name}/blobs/{promised}").status == 404


@algorithms
@pytest.mark.parametrize("is_last_in_put", [False, True], ids=["empty PUT", "chunk in PUT"])
def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(
    wire: Wire, name: str, algorithm: str, is_last_in_put: bool
) -> None:
    content = os.urandom(3 * 1024 - 5)
    digest, pieces = digest_of(content, algorithm), uploads.chunks(content)
    location = wire.start_upload(name)

    for place, (start, chunk) in enumerate(pieces):
        is_closing = is_last_in_put and place == len(pieces) - 1
        wrong = 0 if place == len(pieces) - 1 else start + len(chunk)
        target = with_query(location, digest=digest) if is_closing else location
        method = "PUT" if is_closing else "PATCH"
        assert wire.request(method, target, chunk_headers(wrong, chunk), chunk).status == 416

        state = wire.get(location)
        assert state.status == 204
        begin, end = state.headers["range"].split("-")
        assert int(begin) == 0
        assert start == 0 or int(end) == start - 1
        location = state.location
        if is_closing:
            answer = wire.put(with_query(location, digest=digest), chunk_headers(start, chunk), chunk)
        else:
            location = send_chunk(wire, location, start, chunk).location
            answer = close(wire, location, digest) if place == len(pieces) - 1 else state

    assert_stored(wire, name, content, answer)


def test_the_smallest_chunk_is_a_number_when_it_is_named(wire: Wire, name: str) -> None:
    answer = wire.post(f"/v2/{name}/blobs/uploads/")

    assert int(answer.headers.get("oci-chunk-min-length", "0")) >= 0


@algorithms
def test_a_blob_is_mounted_from_another_repository(wire: Wire, name: str, other: str, algorithm: str) -> None:
    content = os.urandom(512)
    digest = wire.push_blob(other, content, algorithm)

    answer = wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}&from={other}")

    assert_stored(wire, name, content, answer)


@algorithms
def test_a_blob_is_mounted_from_wherever_it_is(wire: Wire, name: str, other: str, algorithm: str) -> None:
    content = os.urandom(512)
    digest = wire.push_blob(other, content, algorithm)

    answer = wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}")

    assert_stored(wire, name, content, answer)


@algorithms
@pytest.mark.parametrize("source", ["&from={other}", ""], ids=["from a repository", "from anywhere"])
def test_the_mount_of_a_missing_blob_becomes_an_upload(
    wire: Wire, name: str, other: str, algorithm: str, source: str
) -> None:
    content = os.urandom(512)
    digest = digest_of(content, algorithm)

    answer = wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}{source.format(other=other)}")

    assert answer.status == 202
    assert_stored(wire, name, content, wire.put(with_query(answer.location, digest=digest), OCTETS, content))


def test_a_cancelled_upload_is_gone(wire: Wire, name: str) -> None:
    location = wire.start_upload(name)

    assert wire.delete(location).status == 204
    after = wire.get(location)
    assert (after.status, after.error_code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert wire.patch(location, OCTETS, b"late").status == 404


@algorithms
def test_a_deleted_blob_is_gone_at_once(wire: Wire, name: str, algorithm: str) -> None:
    digest = wire.push_blob(name, os.urandom(512), algorithm)

    assert wire.delete(f"/v2/{name}/blobs/{digest}").status == 202
    assert wire.head(f"/v2/{name}/blobs/{digest}").status == 404
    assert wire.delete(f"/v2/{name}/blobs/{digest}").status == 404


def test_a_blob_deleted_in_one_repository_stays_in_the_other(wire: Wire, name: str, other: str) -> None:
    content = os.urandom(512)
    digest = wire.push_blob(other, content)
    assert wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}&from={other}").status == 201

    assert wire.delete(f"/v2/{other}/blobs/{digest}").status == 202

    assert_served(wire, name, content, digest)
    assert wire.head(f"/v2/{other}/blobs/{digest}").status == 404


RANGED = os.urandom(2048)


@algorithms
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("500-1499", 500, 1499), ("500-", 500, 2047), ("-500", 1548, 2047), ("2000-5000", 2000, 2047), ("0-0", 0, 0)],
)
def test_a_range_of_a_blob(wire: Wire, name: str, algorithm: str, asked: str, first: int, last: int) -> None:
    digest = wire.push_blob(name, RANGED, algorithm)

    answer = wire.get(f"/v2/{name}/blobs/{digest}", {"Range": f"bytes={asked}"})

    assert (answer.status, answer.body) == (206, RANGED[first : last + 1])
    assert answer.headers["content-range"] in (f"bytes {first}-{last}/2048", f"bytes {first}-{last}/*")
    assert answer.headers["content-length"] == str(last - first + 1)


@algorithms
def test_a_range_behind_the_end_cannot_be_served(wire: Wire, name: str, algorithm: str) -> None:
    digest = wire.push_blob(name, RANGED, algorithm)

    assert wire.get(f"/v2/{name}/blobs/{digest}", {"Range": "bytes=5000-10000"}).status == 416


@algorithms
def test_a_range_that_ends_before_it_starts_is_refused_or_ignored(wire: Wire, name: str, algorithm: str) -> None:
    """The suite wants 416; RFC 9110 lets S3 ignore a range without meaning. Never anything in between."""
    digest = wire.push_blob(name, RANGED, algorithm)

    answer = wire.get(f"/v2/{name}/blobs/{digest}", {"Range": "bytes=500-0"})

    assert answer.status == 416 or (answer.status == 200 and answer.body == RANGED)
