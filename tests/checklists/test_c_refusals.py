"""Checklist C: what must be refused, with which status and code, and that nothing is stored by it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.checklists import documents
from tests.checklists.uploads import chunk_headers, send_chunk
from tests.wire import ACCEPT, INDEX, MANIFEST, OCTETS, Answer, Wire, digest_of, with_query

MEBIBYTE = 1024 * 1024


def refused(answer: Answer, status: int, code: str) -> bool:
    """Whether this is that OCI error; says what it is instead."""
    assert (answer.status, answer.error_code) == (status, code), answer
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["errors"][0]["message"]
    return True


@pytest.mark.parametrize(
    "bad",
    [
        "alone", "Upper/case", "checklists/-x", "checklists/x-", "checklists/a..b", "checklists/a___b", "checklists//x",
        "checklists/.x", "checklists/a.-b", "checklists/x/", "checklists/" + "a" * 255, "checklists/\u00e4",
    ],
)  # fmt: skip
def test_a_name_outside_the_grammar_is_refused(wire: Wire, bad: str) -> None:
    for answer in (
        wire.post(f"/v2/{bad}/blobs/uploads/"),
        wire.put(f"/v2/{bad}/manifests/v1", {"Content-Type": MANIFEST}, documents.image().top.body),
        wire.get(f"/v2/{bad}/tags/list"),
    ):
        assert answer.status in (400, 404), answer
        assert answer.error_code in ("NAME_INVALID", "NAME_UNKNOWN"), answer


@pytest.mark.parametrize("good", ["a/b", "a-b/c__d.e", "a/b/c/d/e/f", "a--b/c---d", "0/1", "a/" + "b" * 200])
def test_a_name_inside_the_grammar_is_taken(wire: Wire, good: str) -> None:
    content = os.urandom(30)
    digest = wire.push_blob(f"checklists-{good}", content)

    assert wire.get(f"/v2/checklists-{good}/blobs/{digest}").body == content


@pytest.mark.parametrize("bad", ["-x", ".x", "a" * 129, "a%20b", "a:b", "%C3%A4", "a%2Fb"])
def test_a_tag_outside_the_grammar_is_refused(wire: Wire, name: str, bad: str) -> None:
    held = documents.image()
    held.push(wire, name)

    answer = wire.put(f"/v2/{name}/manifests/{bad}", {"Content-Type": MANIFEST}, held.top.body)

    assert 400 <= answer.status < 500, answer
    assert answer.error_code is not None
    assert wire.get(f"/v2/{name}/tags/list").json["tags"] == ["latest"]


@pytest.mark.parametrize("good", ["_x", "A", "0", "a.-_b", "a" * 128])
def test_a_tag_inside_the_grammar_is_taken(wire: Wire, name: str, good: str) -> None:
    held = documents.image()
    held.push(wire, name)

    wire.push_manifest(name, good, held.top.body)

    assert wire.manifest(name, good).body == held.top.body


@pytest.mark.parametrize(
    "bad", ["md5:" + "0" * 32, "sha384:" + "0" * 96, "sha256:" + "0" * 63, "sha256:" + "G" * 64, "x"]
)
def test_a_digest_that_is_none_is_refused(wire: Wire, name: str, bad: str) -> None:
    assert refused(wire.put(with_query(wire.start_upload(name), digest=bad), OCTETS, b"x"), 400, "DIGEST_INVALID")
    assert refused(wire.post(f"/v2/{name}/blobs/uploads/?digest={bad}", OCTETS, b"x"), 400, "DIGEST_INVALID")
    assert refused(wire.get(f"/v2/{name}/referrers/{bad}"), 400, "DIGEST_INVALID")
    assert refused(wire.get(f"/v2/{name}/blobs/{bad}"), 400, "DIGEST_INVALID")
    assert wire.post(f"/v2/{name}/blobs/uploads/?mount={bad}&from={name}").status in (202, 400)


def test_a_put_without_a_digest_is_refused(wire: Wire, name: str) -> None:
    assert refused(wire.put(wire.start_upload(name), OCTETS, b"x"), 400, "DIGEST_INVALID")


def test_a_manifest_naming_an_unknown_blob_is_refused(wire: Wire, name: str) -> None:
    held = documents.image()

    answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": MANIFEST}, held.top.body)

    assert refused(answer, 404, "MANIFEST_BLOB_UNKNOWN")
    assert wire.get(f"/v2/{name}/manifests/v1", ACCEPT).status == 404
    assert wire.get(f"/v2/{name}/manifests/{held.top.digest}", ACCEPT).status == 404


def test_a_blob_of_another_repository_is_unknown_here(wire: Wire, name: str, other: str) -> None:
    held = documents.image()
    held.push(wire, other)

    answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": MANIFEST}, held.top.body)

    assert refused(answer, 404, "MANIFEST_BLOB_UNKNOWN")


def test_an_index_naming_an_unknown_manifest_is_refused(wire: Wire, name: str) -> None:
    document = documents.index((documents.image().top,))

    answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": INDEX}, document.body)

    assert answer.status == 404
    assert answer.error_code in ("MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN")


def test_a_wrong_size_in_a_descriptor_is_refused(wire: Wire, name: str) -> None:
    """docker writes 0 when a HEAD told it nothing: such a manifest would break every later pull."""
    held = documents.image()
    held.push_blobs(wire, name)
    for place in ("config", "layers"):
        document = json.loads(held.top.body)
        descriptor = document[place] if place == "config" else document[place][0]
        descriptor["size"] += 1
        answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": MANIFEST}, json.dumps(document).encode())
        assert refused(answer, 400, "MANIFEST_INVALID")


def broken(**changes: Any) -> bytes:
    document = {**json.loads(documents.no_layers().top.body), **changes}
    return json.dumps({name: value for name, value in document.items() if value != "absent"}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b"null", b'{"schemaVersion": 2', b"\xff\xfe", b"[" * 5000,
        broken(schemaVersion=1), broken(config="absent"), broken(config=[]), broken(layers={}), broken(layers=[7]),
        broken(config={"digest": "sha256:x", "size": 1, "mediaType": "a/b"}), broken(mediaType=INDEX),
        broken(config={"digest": digest_of(b""), "size": -1, "mediaType": "a/b"}), broken(subject="x"),
        broken(config={"digest": digest_of(b""), "size": "1", "mediaType": "a/b"}), broken(annotations={"a": 1}),
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(wire: Wire, name: str, body: bytes) -> None:
    answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": MANIFEST}, body)

    assert 400 <= answer.status < 500, answer
    assert answer.error_code in ("MANIFEST_INVALID", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "SIZE_INVALID"), answer
    assert wire.get(f"/v2/{name}/manifests/v1", ACCEPT).status == 404


def padded(size_bytes: int) -> documents.Document:
    """An index of exactly this many bytes."""
    start = documents.index((), annotations={"padding": ""}).body
    return documents.index((), annotations={"padding": "x" * (size_bytes - len(start))})


def test_a_manifest_of_4_mebibytes_is_taken_and_served(wire: Wire, name: str) -> None:
    document = padded(4 * MEBIBYTE)
    assert len(document.body) == 4 * MEBIBYTE

    wire.push_manifest(name, "v1", document.body, INDEX)

    assert wire.manifest(name, "v1").body == document.body
    assert wire.head(f"/v2/{name}/manifests/v1", ACCEPT).headers["content-length"] == str(4 * MEBIBYTE)


@pytest.mark.parametrize("size", [4 * MEBIBYTE + 1, 5 * MEBIBYTE, 11 * MEBIBYTE])
def test_a_larger_manifest_is_refused(wire: Wire, name: str, size: int) -> None:
    answer = wire.put(f"/v2/{name}/manifests/v1", {"Content-Type": INDEX}, padded(size).body)

    assert answer.status == 413
    assert answer.error_code in ("MANIFEST_INVALID", "SIZE_INVALID", "UNSUPPORTED"), answer
    assert wire.get(f"/v2/{name}/manifests/v1", ACCEPT).status == 404


def test_the_parameters_of_a_content_type_are_ignored(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push_blobs(wire, name)

    wire.push_manifest(name, "v1", held.top.body, f"{MANIFEST}; charset=utf-8")

    assert wire.manifest(name, "v1").headers["content-type"] == MANIFEST


@pytest.mark.parametrize(
    ("content_range", "body"),
    [("0-9", b"short"), ("0-1", b"longer"), ("bytes 0-4/5", b"bytes"), ("x-y", b"x"), ("4-0", b"abcd"), ("-", b"x")],
)
def test_a_chunk_that_contradicts_its_range_is_refused_whole(
    wire: Wire, name: str, content_range: str, body: bytes
) -> None:
    location = wire.start_upload(name)

    answer = wire.patch(location, {**OCTETS, "Content-Range": content_range}, body)

    assert answer.status in (400, 416), answer
    assert answer.error_code in ("SIZE_INVALID", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID"), answer
    # Nothing of it counts: the whole blob can still be sent from its first byte.
    send_chunk(wire, wire.get(location).location, 0, b"0123456789")


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_an_upload_is_not_known_by_a_forged_state(wire: Wire, name: str, other: str, method: str) -> None:
    location = wire.start_upload(name)
    forged = [
        location[:-5] + ("aaaaa" if location[-5:] != "aaaaa" else "bbbbb"),
        location.replace(name, other),
        location.split("?")[0],
        location.split("?")[0] + "?_state=x",
    ]
    for target in forged:
        answer = wire.request(method, with_query(target, digest=digest_of(b"x")), chunk_headers(0, b"x"), b"x")
        assert refused(answer, 404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "manifests/v1"), ("PATCH", "manifests/v1"), ("PUT", "tags/list"), ("DELETE", "tags/list"),
        ("PUT", "referrers/" + digest_of(b"")), ("PUT", "blobs/" + digest_of(b"")), ("POST", "blobs/" + digest_of(b"")),
    ],
)  # fmt: skip
def test_a_method_that_a_path_does_not_have(wire: Wire, name: str, method: str, path: str) -> None:
    answer = wire.request(method, f"/v2/{name}/{path}")

    assert refused(answer, 405, "UNSUPPORTED")


@pytest.mark.parametrize("path", ["/v2/checklists/x/nothing", "/v2/checklists/x/blobs/", "/v2/_other"])
def test_a_path_that_is_none(wire: Wire, path: str) -> None:
    answer = wire.get(path)

    assert answer.status in (400, 404), answer
    assert answer.error_code is not None


def test_a_proxy_namespace_does_not_disturb(wire: Wire, name: str) -> None:
    """containerd adds `ns=` when it takes us for a mirror."""
    held = documents.image()
    held.push(wire, name)

    answer = wire.get(f"/v2/{name}/manifests/latest?ns=docker.io", ACCEPT)

    assert (answer.status, answer.body) == (200, held.top.body)


def test_an_upload_may_name_its_algorithm_first(wire: Wire, name: str) -> None:
    content = os.urandom(50)
    location = wire.start_upload(name, "?digest-algorithm=sha512")

    answer = wire.put(with_query(location, digest=digest_of(content, "sha512")), OCTETS, content)

    assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest_of(content, "sha512"))
