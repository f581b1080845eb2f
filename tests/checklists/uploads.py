"""Every way to push a blob, step by step, with what the specification wants of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from tests.wire import OCTETS, Answer, Wire, digest_of, with_query

Push = Callable[[Wire, str, bytes, str], Answer]
SMALL_CHUNK = 1024


def post_only(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """One POST with everything in it."""
    return wire.post(f"/v2/{name}/blobs/uploads/?digest={quote(digest)}", OCTETS, content)


def post_put(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """POST, then PUT with the content."""
    return wire.put(with_query(wire.start_upload(name), digest=digest), OCTETS, content)


def chunked_single(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """POST, one chunk, an empty PUT."""
    return close(wire, send_chunk(wire, wire.start_upload(name), 0, content).location, digest)


def stream(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """POST, a PATCH without Content-Range and without length, an empty PUT: docker's way."""

    def pieces() -> Iterator[bytes]:
        yield content[:100]
        yield content[100:]

    answer = wire.patch(wire.start_upload(name), OCTETS, pieces())
    assert answer.status == 202, answer
    return close(wire, answer.location, digest)


def chunked_multi(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """POST, chunks, an empty PUT."""
    location = wire.start_upload(name)
    for start, chunk in chunks(content):
        location = send_chunk(wire, location, start, chunk).location
    return close(wire, location, digest)


def chunked_multi_put_chunk(wire: Wire, name: str, content: bytes, digest: str) -> Answer:
    """POST, chunks, the last of them in the PUT."""
    location = wire.start_upload(name)
    *first, (start, last) = chunks(content)
    for offset, chunk in first:
        location = send_chunk(wire, location, offset, chunk).location
    return wire.put(with_query(location, digest=digest), chunk_headers(start, last), last)


def chunks(content: bytes, size: int = SMALL_CHUNK) -> list[tuple[int, bytes]]:
    """Content in pieces with their offsets; even nothing is one piece."""
    return [(start, content[start : start + size]) for start in range(0, max(len(content), 1), size)]


def chunk_headers(start: int, chunk: bytes) -> dict[str, str]:
    """The headers of a chunk: the range without a unit, both ends inclusive."""
    return {**OCTETS, "Content-Range": f"{start}-{start + len(chunk) - 1}"}


def send_chunk(wire: Wire, location: str, start: int, chunk: bytes) -> Answer:
    """PATCH one chunk and expect it to be taken."""
    answer = wire.patch(location, chunk_headers(start, chunk), chunk)
    assert answer.status == 202, answer
    assert answer.headers["range"] == f"0-{start + len(chunk) - 1}"
    return answer


def close(wire: Wire, location: str, digest: str) -> Answer:
    """The empty PUT at the end."""
    return wire.put(with_query(location, digest=digest), {**OCTETS, "Content-Length": "0"})


def assert_stored(wire: Wire, name: str, content: bytes, answer: Answer) -> None:
    """After a push: 201, a Location that serves the bytes, and HEAD and GET that tell the truth."""
    algorithm = answer.headers.get("docker-content-digest", "sha256:").split(":")[0]
    digest = digest_of(content, algorithm)
    assert answer.status == 201, answer
    assert answer.headers["docker-content-digest"] == digest
    assert wire.get(answer.location).body == content
    assert_served(wire, name, content, digest)


def assert_served(wire: Wire, name: str, content: bytes, digest: str) -> None:
    """HEAD and GET of a blob, redirects followed."""
    head, got = (wire.request(method, f"/v2/{name}/blobs/{digest}") for method in ("HEAD", "GET"))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))
    assert (got.status, got.body, got.headers["content-length"]) == (200, content, str(len(content)))
    for answer in (head, got):
        assert answer.headers.get("docker-content-digest", digest) == digest
