"""Checklist B: what the legacy 1.1 suite asks beyond the new one, or more strictly."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.checklists import documents, uploads
from tests.checklists.documents import Set
from tests.checklists.uploads import assert_stored, chunk_headers
from tests.wire import ACCEPT, MANIFEST, OCTETS, Wire, digest_of, with_query

KNOWN_CODES = frozenset(
    (
        "BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID "
        "MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS"
    ).split()
)


def four_manifests() -> list[Set]:
    """As the legacy suite pushes them: each with its own config, the last one without layers."""
    return [documents.image(), documents.image(), documents.image(), documents.no_layers()]


def test_two_manifests_are_served_by_their_digests_and_their_tags(wire: Wire, name: str) -> None:
    held = [documents.image(), documents.image()]
    for place, one in enumerate(held):
        Set(one.blobs, one.documents, tags=(f"tag{place}",)).push(wire, name)

    for place, one in enumerate(held):
        for reference in (one.top.digest, f"tag{place}"):
            for method, body in (("HEAD", b""), ("GET", one.top.body)):
                answer = wire.request(method, f"/v2/{name}/manifests/{reference}", ACCEPT)
                assert (answer.status, answer.body) == (200, body)
                assert answer.headers["docker-content-digest"] == one.top.digest


def test_the_error_of_a_bad_digest_has_a_known_code(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push_blobs(wire, name)

    answer = wire.put(f"/v2/{name}/manifests/sha256:totally-wrong", {"Content-Type": MANIFEST}, held.top.body)

    assert answer.status in (400, 404)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.error_code in KNOWN_CODES
    assert {"code", "message"} <= set(answer.json["errors"][0])


def test_a_streamed_patch_and_a_put_make_a_blob(wire: Wire, name: str) -> None:
    content = os.urandom(900)
    patched = wire.patch(wire.start_upload(name), OCTETS, content)
    assert patched.status == 202

    answer = uploads.close(wire, patched.location, digest_of(content))

    assert_stored(wire, name, content, answer)


def test_a_single_post_stores_the_blob_or_opens_an_upload(wire: Wire, name: str) -> None:
    content = os.urandom(900)

    answer = uploads.post_only(wire, name, content, digest_of(content))

    assert answer.status == 201
    assert "location" in answer.headers
    assert wire.get(f"/v2/{name}/blobs/{digest_of(content)}").status == 200


def test_chunks_must_come_in_order_from_the_first_to_the_last(wire: Wire, name: str) -> None:
    content = os.urandom(2000)
    first, second = content[:1024], content[1024:]
    location = wire.start_upload(name)

    assert wire.patch(location, chunk_headers(1024, second), second).status == 416
    taken = wire.patch(location, chunk_headers(0, first), first)
    assert (taken.status, taken.headers["range"]) == (202, "0-1023")
    assert wire.patch(taken.location, chunk_headers(0, first), first).status == 416
    for session in (location, taken.location):
        state = wire.get(session)
        assert (state.status, state.headers["range"]) == (204, "0-1023")
        assert "location" in state.headers
    answer = wire.patch(wire.get(location).location, chunk_headers(1024, second), second)
    assert (answer.status, answer.headers["range"]) == (202, "0-1999")
    assert_stored(wire, name, content, uploads.close(wire, answer.location, digest_of(content)))


def test_a_mount_points_at_the_blob_and_a_refused_mount_at_an_upload(wire: Wire, name: str, other: str) -> None:
    digest, absent = wire.push_blob(other, os.urandom(300)), digest_of(os.urandom(9))

    mounted = wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}&from={other}")
    refused = wire.post(f"/v2/{name}/blobs/uploads/?mount={absent}&from={other}")

    assert (mounted.status, urlsplit(mounted.location).path) == (201, f"/v2/{name}/blobs/{digest}")
    assert refused.status == 202
    assert urlsplit(refused.location).path.startswith(f"/v2/{name}/blobs/uploads/")
    assert wire.get(f"/v2/{name}/blobs/{digest}").status == 200


def test_a_mount_without_a_source_is_answered_like_an_upload_or_a_mount(wire: Wire, name: str, other: str) -> None:
    digest = wire.push_blob(other, os.urandom(300))

    assert wire.post(f"/v2/{name}/blobs/uploads/?mount={digest}").status in (201, 202)


def test_manifests_are_taken_also_without_layers(wire: Wire, name: str) -> None:
    for place, one in enumerate(four_manifests()):
        one.push_blobs(wire, name)
        answer = wire.push_manifest(name, f"test{place}", one.top.body)
        assert "location" in answer.headers
        assert wire.get(f"/v2/{name}/manifests/{one.top.digest}", ACCEPT).status == 200


@pytest.mark.parametrize(("query", "number"), [("", 4), ("?n=2", 2), ("?n=3", 3), ("?n=100", 4)])
def test_a_tag_list_has_as_many_tags_as_asked(wire: Wire, name: str, query: str, number: int) -> None:
    held = documents.image()
    Set(held.blobs, held.documents, tags=("t0", "t1", "t2", "t3")).push(wire, name)

    answer = wire.get(f"/v2/{name}/tags/list{query}")

    assert (answer.status, answer.json["tags"]) == (200, ["t0", "t1", "t2", "t3"][:number])


def test_a_page_of_tags_goes_on_after_the_last_one(wire: Wire, name: str) -> None:
    held = documents.image()
    Set(held.blobs, held.documents, tags=("t0", "t1", "t2", "t3")).push(wire, name)

    assert wire.get(f"/v2/{name}/tags/list?n=2&last=t0").json["tags"] == ["t1", "t2"]
    assert wire.get(f"/v2/{name}/tags/list?n=2&last=t2").json["tags"] == ["t3"]
    assert wire.get(f"/v2/{name}/tags/list?n=2&last=t3").json["tags"] == []


@pytest.mark.parametrize("is_subject_there", [True, False], ids=["subject there", "subject missing"])
def test_five_referrers_of_three_kinds(wire: Wire, name: str, is_subject_there: bool) -> None:
    target, child = documents.image(), documents.image()
    refer = documents.subject(target.top)
    noted: dict[str, Any] = {"annotations": {"org.example.note": os.urandom(4).hex()}}
    image = documents.image(**refer, **noted)
    tops = [
        documents.artifact("application/vnd.example.a", [], **refer, **noted),
        documents.artifact("application/vnd.example.b", [], **refer, **noted),
        image.top,
        documents.index((child.top,), artifactType="application/vnd.example.a", **refer, **noted),
        documents.index((child.top,), **refer, **noted),
    ]
    wire.push_blob(name, documents.EMPTY)
    image.push_blobs(wire, name)
    child.push(wire, name)
    if is_subject_there:
        target.push(wire, name)
    for one in tops:
        answer = wire.push_manifest(name, one.digest, one.body, one.media_type)
        assert answer.headers["oci-subject"] == target.top.digest

    everything = wire.get(f"/v2/{name}/referrers/{target.top.digest}")
    filtered = wire.get(f"/v2/{name}/referrers/{target.top.digest}?artifactType=application/vnd.example.a")

    assert "oci-filters-applied" not in everything.headers
    assert {one["digest"] for one in everything.json["manifests"]} == {one.digest for one in tops}
    assert all(one["annotations"] for one in everything.json["manifests"])
    assert filtered.headers["oci-filters-applied"] == "artifactType"
    assert {one["digest"] for one in filtered.json["manifests"]} == {tops[0].digest, tops[3].digest}


def test_deleting_is_seen_by_every_read(wire: Wire, name: str) -> None:
    held = documents.image()
    Set(held.blobs, held.documents, tags=("one", "two")).push(wire, name)

    assert wire.delete(f"/v2/{name}/manifests/one").status == 202
    assert wire.get(f"/v2/{name}/tags/list").json["tags"] == ["two"]
    assert wire.delete(f"/v2/{name}/manifests/{held.top.digest}").status == 202
    for reference in (held.top.digest, "one", "two"):
        assert wire.get(f"/v2/{name}/manifests/{reference}", ACCEPT).status == 404
    tags = wire.get(f"/v2/{name}/tags/list")
    assert tags.status == 404 or not tags.json["tags"]
    for content in held.blobs:
        assert wire.delete(f"/v2/{name}/blobs/{digest_of(content)}").status in (202, 404)
        assert wire.get(f"/v2/{name}/blobs/{digest_of(content)}").status == 404


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("manifests/none", "MANIFEST_UNKNOWN"),
        (f"manifests/{digest_of(b'none')}", "MANIFEST_UNKNOWN"),
        (f"blobs/{digest_of(b'none')}", "BLOB_UNKNOWN"),
    ],
)
def test_deleting_what_is_not_there(wire: Wire, name: str, path: str, code: str) -> None:
    documents.image().push(wire, name)

    answer = wire.delete(f"/v2/{name}/{path}")

    assert (answer.status, answer.error_code) == (404, code)


def test_an_upload_goes_on_with_the_query_in_another_order(wire: Wire, name: str) -> None:
    """Clients rebuild the Location with `digest` wherever their library puts it."""
    content = os.urandom(400)
    location = with_query(wire.start_upload(name), digest=digest_of(content))
    path, query = location.split("?", 1)

    answer = wire.put(f"{path}?{'&'.join(reversed(query.split('&')))}", OCTETS, content)

    assert_stored(wire, name, content, answer)
