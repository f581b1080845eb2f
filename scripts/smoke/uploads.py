"""Uploads through the door: as docker, containerd and regctl send them, broken off, resumed, and refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import wraps
from urllib.parse import quote, urlsplit

from scripts.smoke.check import Suite, Work
from scripts.smoke.registry import MIB, OCTETS, Registry, said
from scripts.smoke.report import Failed, Skipped, demand
from scripts.smoke.wire import Answer, Content, Headers, absolute

SUITE = Suite()


def _large(work: Callable[[Registry, Content], None]) -> Work:
    """A check that pushes a new large blob; it says how fast that was."""

    @wraps(work)
    def run(registry: Registry) -> str:
        if not registry.plan.has_uploads:
            raise Skipped("there is no upload service (--no-upload-service)")
        content = registry.content(registry.plan.size_bytes)
        started = time.monotonic()
        work(registry, content)
        seconds = time.monotonic() - started
        _demand_stored(registry, content)
        return f"{content.size_bytes / MIB:.0f} MiB at {content.size_bytes / 1e6 / seconds:.0f} MB/s"

    return run


@SUITE.check(
    "upload-address", "POST of an upload is 202 with a Location on the upload service, below the repository's path"
)
def upload_address(registry: Registry) -> str:
    """Demand what clients read from it, and 204 with a range at the address itself."""
    location = registry.start_upload()
    path = urlsplit(location).path
    demand(path.startswith(registry.path("blobs/uploads/")), f"the path of the Location is {path}")
    demand("_state=" in location, "the Location has no _state")
    if not registry.plan.has_uploads:
        return f"on {urlsplit(location).netloc}, which is the registry itself"
    answer = registry.wire.send("GET", location)
    demand(answer.status == 204, f"GET of an upload {said(answer)}, wanted 204")
    return f"on {urlsplit(location).netloc}"


@SUITE.check("upload-chunked", "one chunked PATCH without a length and an empty PUT, as docker, podman and skopeo push")
@_large
def upload_chunked(registry: Registry, content: Content) -> None:
    """Send it all in one PATCH."""
    location = _patched(registry, registry.start_upload(), content, 0, content.size_bytes)
    _close(registry, location, content)


@SUITE.check("upload-one-put", "one PUT with a length and the digest, as containerd, new docker, oras and helm push")
@_large
def upload_one_put(registry: Registry, content: Content) -> None:
    """Send it with a stray password too: podman and oras do, and the upload service must not care."""
    stray = ("Authorization", "Basic c29tZWJvZHk6ZWxzZQ==")
    url = _with_digest(registry.start_upload(), content.digest)
    answer = registry.wire.send("PUT", url, content.chunks(), [OCTETS, stray], length=content.size_bytes)
    _demand_created(answer, content)


@SUITE.check("upload-several", "several PATCHes with Content-Range; one out of order is 416 and does no harm")
@_large
def upload_several(registry: Registry, content: Content) -> None:
    """Send three chunks, and one wrong one in between."""
    location, third = registry.start_upload(), content.size_bytes // 3
    for start, end in ((0, third), (third, 2 * third), (2 * third, content.size_bytes)):
        location = _patched(registry, location, content, start, end, has_range=True)
        if end == third:
            stray = [OCTETS, ("Content-Range", f"{third + 7}-{third + 106}")]
            answer = registry.wire.send("PATCH", location, bytes(100), stray)
            demand(answer.status == 416, f"a chunk out of order {said(answer)}, wanted 416")
    _close(registry, location, content)


@SUITE.check("upload-resumed", "an upload whose connection broke goes on from what was acknowledged")
@_large
def upload_resumed(registry: Registry, content: Content) -> None:
    """Send half, break off in the middle of the next quarter, ask how much arrived, and send the rest."""
    half = content.size_bytes // 2
    location = _patched(registry, registry.start_upload(), content, 0, half)
    registry.wire.break_off("PATCH", location, content.chunks(half, half + content.size_bytes // 4), [OCTETS])
    start = _arrived(registry, location)
    demand(start >= half, f"after the break {start} bytes are told, and {half} were acknowledged")
    deadline = time.monotonic() + 60
    while True:  # the broken request may still be in the way for a moment
        try:
            location = _patched(registry, location, content, start, content.size_bytes, has_range=True)
            break
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
            start = _arrived(registry, location)
    _close(registry, location, content)


@SUITE.check("upload-slow", "one PATCH may take longer than any timeout between the client and the upload service")
def upload_slow(registry: Registry) -> str:
    """Trickle a chunked PATCH, as a slow line does: CloudFront waits 120 s for an answer, API Gateway 29."""
    seconds, pieces = registry.plan.slow_s, 30
    if not registry.plan.has_uploads:
        raise Skipped("there is no upload service (--no-upload-service)")
    if not seconds:
        raise Skipped("not wanted (--slow-s 0)")
    content = registry.content(6 * MIB)
    piece = content.size_bytes // pieces

    def trickle() -> Iterator[bytes]:
        for number in range(pieces):
            time.sleep(seconds / pieces)
            yield b"".join(
                content.chunks(number * piece, content.size_bytes if number == pieces - 1 else (number + 1) * piece)
            )

    location = registry.start_upload()
    answer = registry.wire.send("PATCH", location, trickle(), [OCTETS])
    demand(answer.status == 202, f"a PATCH of {seconds:.0f} s {said(answer)}, wanted 202")
    _close(registry, absolute(location, answer.header("location")), content)
    _demand_stored(registry, content)
    return f"a PATCH of {seconds:.0f} s"


@SUITE.check("upload-wrong-digest", "bytes that do not have the digest they came under are refused, and not stored")
def upload_wrong_digest(registry: Registry) -> str:
    """Demand it of a small blob, wherever uploads go."""
    content, other = registry.content(1000), registry.content(1000)
    url = _with_digest(registry.start_upload(), other.digest)
    answer = registry.wire.send("PUT", url, content.whole(), [OCTETS, registry.bearer])
    demand(answer.status == 400 and answer.error_code == "DIGEST_INVALID", f"it {said(answer)}, wanted 400")
    for blob in (content, other):
        found = registry.send("HEAD", registry.path(f"blobs/{blob.digest}"), None, [registry.bearer])
        demand(found.status == 404, f"HEAD of the refused blob {said(found)}, wanted 404")
    return "400 DIGEST_INVALID"


@SUITE.check("upload-state", "an upload's address with a changed _state is refused, whatever credentials come along")
def upload_state(registry: Registry) -> str:
    """Demand it: the state is the only credential of an upload."""
    location = registry.start_upload()
    head, _, state = location.partition("_state=")
    middle = len(state) // 2
    changed = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
    answer = registry.wire.send("PATCH", f"{head}_state={changed}", b"x", [OCTETS, registry.bearer])
    demand(answer.status in (400, 401, 403, 404), f"it {said(answer)}, wanted a refusal")
    demand(answer.error_code, f"the refusal ({answer.status}) is no OCI error")
    return f"{answer.status} {answer.error_code}"


def _patched(
    registry: Registry, location: str, content: Content, start: int, end: int, *, has_range: bool = False
) -> str:
    """PATCH bytes, chunked, or with length and Content-Range. Gives the next Location. Raises `Failed`."""
    headers: Headers = [OCTETS, ("Content-Range", f"{start}-{end - 1}")] if has_range else [OCTETS]
    length = end - start if has_range else None
    answer = registry.wire.send("PATCH", location, content.chunks(start, end), headers, length=length)
    demand(answer.status == 202, f"PATCH of {end - start} bytes {said(answer)}, wanted 202")
    demand(answer.header("range") == f"0-{end - 1}", f"Range {answer.header('range')!r} after {end} bytes")
    demand(answer.header("location"), "a PATCH answered without Location")
    return absolute(location, answer.header("location"))


def _arrived(registry: Registry, location: str) -> int:
    answer = registry.wire.send("GET", location)
    last = answer.header("range").rpartition("-")[2]
    demand(
        answer.status == 204 and last.isdigit(), f"GET of an upload {said(answer)}, Range {answer.header('range')!r}"
    )
    return int(last) + 1


def _close(registry: Registry, location: str, content: Content) -> None:
    _demand_created(registry.wire.send("PUT", _with_digest(location, content.digest), b""), content)


def _demand_created(answer: Answer, content: Content) -> None:
    demand(answer.status == 201, f"the closing PUT {said(answer)}, wanted 201")
    digest = answer.header("docker-content-digest")
    demand(digest == content.digest, f"the closing PUT told Docker-Content-Digest {digest!r}")


def _demand_stored(registry: Registry, content: Content) -> None:
    """Demand the length that docker asks for at once, and every byte."""
    head = registry.wire.send("HEAD", registry.located("HEAD", content.digest))
    length = head.header("content-length")
    demand(length == str(content.size_bytes), f"HEAD right after told Content-Length {length!r}")
    got = registry.wire.send("GET", registry.located("GET", content.digest))
    demand(f"sha256:{got.sha256}" == content.digest, f"GET gave {got.size_bytes} bytes with another digest")


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={quote(digest)}"
