"""Checklist C: two at once, and clients that hang up."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.checklists import documents
from tests.checklists.uploads import assert_stored, chunk_headers, close, send_chunk
from tests.wire import ACCEPT, OCTETS, Wire, digest_of, with_query

MEBIBYTE = 1024 * 1024


def send_and_hang_up(url: str, method: str, headers: dict[str, str], body: bytes) -> None:
    """Send a request that promises more than it holds, and go away."""
    target = urlsplit(url)
    lines = [f"{method} {target.path}?{target.query} HTTP/1.1", f"Host: {target.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((target.hostname or "", target.port or 80), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def test_of_two_chunks_for_one_place_only_one_is_taken(wire: Wire, name: str) -> None:
    location = wire.start_upload(name)
    rivals = [os.urandom(200_000) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: wire.patch(location, chunk_headers(0, one), one), rivals))

    taken = [one for one, answer in zip(rivals, answers, strict=True) if answer.status == 202]
    assert len(taken) == 1, answers
    assert all(400 <= answer.status < 500 for answer in answers if answer.status != 202), answers
    state = wire.get(location)
    assert_stored(wire, name, taken[0], close(wire, state.location, digest_of(taken[0])))


def test_of_two_closing_puts_both_mean_the_same_blob(wire: Wire, name: str) -> None:
    """A client that lost the answer sends its PUT again."""
    content = os.urandom(3_000)
    location = send_chunk(wire, wire.start_upload(name), 0, content).location

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: close(wire, location, digest_of(content)), range(4)))

    assert any(answer.status == 201 for answer in answers), answers
    assert all(answer.status == 201 or 400 <= answer.status < 500 for answer in answers), answers
    assert wire.get(f"/v2/{name}/blobs/{digest_of(content)}").body == content


def test_eight_uploads_of_one_blob_all_succeed(wire: Wire, name: str) -> None:
    content = os.urandom(100_000)

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: wire.push_blob(name, content), range(8)))

    assert digests == {digest_of(content)}
    assert wire.get(f"/v2/{name}/blobs/{digest_of(content)}").body == content


def test_a_tag_that_moves_while_its_manifest_is_deleted_never_dangles(wire: Wire, name: str) -> None:
    old, new = documents.image(), documents.image()
    new.push(wire, name)
    for _ in range(10):
        old.push(wire, name)
        with ThreadPoolExecutor(2) as pool:
            moved = pool.submit(wire.push_manifest, name, "latest", new.top.body)
            deleted = pool.submit(wire.delete, f"/v2/{name}/manifests/{old.top.digest}")
        assert moved.result().status == 201
        assert deleted.result().status == 202
        answer = wire.get(f"/v2/{name}/manifests/latest", ACCEPT)
        # The move happened before or after the delete: the tag points at the new one, for the old one cannot take it along.
        assert (answer.status, answer.body) == (200, new.top.body)
        assert wire.get(f"/v2/{name}/tags/list").json["tags"] == ["latest"]
        assert wire.head(f"/v2/{name}/manifests/{old.top.digest}", ACCEPT).status == 404


def test_many_tags_at_once_are_all_there(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push(wire, name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: wire.push_manifest(name, f"t{place:02}", held.top.body), range(40)))

    assert wire.get(f"/v2/{name}/tags/list").json["tags"] == ["latest", *[f"t{place:02}" for place in range(40)]]


def test_referrers_pushed_at_once_are_all_listed(wire: Wire, name: str) -> None:
    subject = documents.image().top
    wire.push_blob(name, documents.EMPTY)
    made = [
        documents.artifact("application/vnd.example.r", [], annotations={"n": str(n)}, **documents.subject(subject))
        for n in range(24)
    ]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: wire.push_manifest(name, one.digest, one.body), made))

    listed = wire.get(f"/v2/{name}/referrers/{subject.digest}").json["manifests"]
    assert {one["digest"] for one in listed} == {one.digest for one in made}


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": str(10 * 1024 * MEBIBYTE)}, {"Transfer-Encoding": "chunked"}],
    ids=["10 GiB promised", "chunked"],
)
@pytest.mark.parametrize("sent", [0, 1, 9 * MEBIBYTE])
def test_a_client_that_hangs_up_may_go_on_where_the_registry_is(
    wire: Wire, name: str, headers: dict[str, str], sent: int
) -> None:
    content = os.urandom(10 * MEBIBYTE)
    location = wire.start_upload(name)
    body = content[:sent]
    if "Transfer-Encoding" in headers:
        body = f"{sent + 5:x}\r\n".encode() + body if sent else b""

    send_and_hang_up(location, "PATCH", {**OCTETS, **headers}, body)

    for _ in range(10):
        state = wire.get(location)
        assert state.status == 204, state
        kept = int(state.headers["range"].split("-")[1]) + 1
        # `0-0` is said of nothing as well as of one byte.
        start = 0 if kept == 1 else kept
        rest = content[start:]
        answer = wire.patch(state.location, chunk_headers(start, rest), rest)
        if answer.status == 202:
            break
        assert answer.status in (409, 416, 429), answer
    assert answer.status == 202
    assert_stored(wire, name, content, close(wire, answer.location, digest_of(content)))


def test_a_put_that_is_cut_off_stores_nothing(wire: Wire, name: str) -> None:
    content = os.urandom(300_000)
    location = with_query(wire.start_upload(name), digest=digest_of(content))

    send_and_hang_up(location, "PUT", {**OCTETS, "Content-Length": str(len(content))}, content[:-1])

    assert wire.head(f"/v2/{name}/blobs/{digest_of(content)}").status == 404
    assert wire.push_blob(name, content) == digest_of(content)
