"""Uploads: whatever way the bytes come, whoever quarrels and whenever a process dies, the blob is right or it is not there."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.oci.digest import Digest
from chalicelib.oci.session import MIB, PIECES_MAX, Phase
from chalicelib.oci.uploads import Receiving, Uploads
from tests.builders import repository
from tests.fakes.objects import FakeObjects
from tests.fakes.sessions import FakeSessions
from tests.fakes.stores import FakeBlobs

NOW = 1_800_000_000
REPOSITORY = repository()
WRONG = "sha256:" + "0" * 64


class Crash(BaseException):
    """The process dies."""


class World:
    """A registry's stores, which outlive the processes that use them."""

    def __init__(self) -> None:
        self.blobs, self.sessions, self.objects = FakeBlobs(), FakeSessions(), FakeObjects()
        self.process = self.new_process()

    def new_process(self) -> Uploads:
        return Uploads(
            Settings(upload_url="https://upload.test", public_url="https://registry.test"),
            blobs=self.blobs,
            sessions=self.sessions,
            objects=self.objects,
            state_keys=lambda: [("1", b"k" * 32)],
        )

    def start(self, **more: Any) -> str:
        return self.process.start(REPOSITORY, "ada", now=NOW, **more).location

    def send(
        self, method: str, url: str, body: bytes = b"", process: Uploads | None = None, **headers: str
    ) -> Response:
        request = make(method, url, body, **headers)
        try:
            return (process or self.process).answer(request, now=NOW)
        except RegistryError as error:
            return Response(error.status, error.headers, error.body())

    def blob(self, digest: Digest) -> bytes | None:
        link = self.blobs.link(REPOSITORY, digest)
        if link is None:
            return None
        assert link.size_bytes == len(self.objects.objects[link.key])
        return self.objects.objects[link.key]

    def assert_only(self, *contents: bytes) -> None:
        """Nothing is left but the objects of these blobs."""
        assert sorted(self.objects.objects.values()) == sorted(contents)
        assert not self.objects.multiparts


def make(method: str, url: str, body: bytes = b"", **headers: str) -> Request:
    parts = urlsplit(url)
    lower = {name.replace("_", "-").lower(): [value] for name, value in headers.items()}
    return Request(method, parts.path, parse_qs(parts.query, keep_blank_values=True), lower, body)


def closing(url: str, content: bytes, algorithm: str = "sha256") -> str:
    return f"{url}&digest={Digest.of(content, algorithm)}"


def content(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(str(seed).encode()).digest(min(size, 4096)).ljust(size, bytes([seed % 251]))


@pytest.fixture
def world() -> World:
    return World()


def test_starting_writes_nothing_and_names_the_upload_service(world: World) -> None:
    url = world.start()
    assert url.startswith("https://upload.test/v2/team/app/blobs/uploads/")
    assert not world.sessions.sessions
    assert not world.objects.calls


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 16 * MIB, 16 * MIB + 1, 33 * MIB])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_one_put_makes_a_blob(world: World, size: int, algorithm: str) -> None:
    body = content(size)
    response = world.send("PUT", closing(world.start(), body, algorithm), body)
    digest = Digest.of(body, algorithm)
    assert response.status == 201
    assert response.headers["Location"] == f"https://registry.test/v2/team/app/blobs/{digest}"
    assert response.headers["Docker-Content-Digest"] == str(digest)
    assert world.blob(digest) == body
    world.assert_only(body)


def test_a_body_that_fits_into_a_part_costs_one_call(world: World) -> None:
    body = content(16 * MIB)
    url = world.start()
    assert world.send("PATCH", url, body).status == 202
    assert world.send("PUT", closing(url, body)).status == 201
    assert world.objects.calls == ["put"]


def test_the_five_layer_image_costs_at_most_23_calls(world: World) -> None:
    for seed, size in enumerate((1_500, 10 << 10, 113 << 10, 5 << 20, 42 << 20, 210 << 20)):
        body, url = content(size, seed), world.start()
        assert world.send("PATCH", url, body).status == 202
        assert world.send("PUT", closing(url, body)).status == 201
    assert len(world.objects.calls) <= 23, world.objects.calls


def test_a_patch_says_how_much_has_arrived(world: World) -> None:
    url = world.start()
    response = world.send("PATCH", url, b"12345")
    assert response.status == 202
    assert response.headers["Range"] == "0-4"
    assert response.headers["Location"] == url
    assert response.headers["Docker-Upload-UUID"] in url
    status = world.send("GET", url)
    assert (status.status, status.headers["Range"]) == (204, "0-4")


def test_an_empty_patch_changes_nothing(world: World) -> None:
    url = world.start()
    assert world.send("PATCH", url, b"", Content_Length="0").headers["Range"] == "0-0"
    assert not world.sessions.sessions
    assert world.send("PUT", closing(url, b"")).status == 201
    assert world.blob(Digest.of(b"")) == b""


SIZES = st.one_of(st.sampled_from([0, 1, 5 * MIB - 1, 5 * MIB, 16 * MIB, 16 * MIB + 1]), st.integers(0, 9 * MIB))


@hypothesis(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(SIZES, min_size=1, max_size=6),
    st.integers(5 * MIB, 20 * MIB),
    st.sampled_from(["sha256", "sha512"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_any_split_into_requests_and_parts_gives_the_same_blob(
    sizes: list[int], part: int, algorithm: str, body_in_put: bool, random: Any
) -> None:
    world = World()
    body, url, at = content(sum(sizes)), world.start(), 0
    chunks = sizes if body_in_put else [*sizes, 0]
    for number, size in enumerate(chunks):
        is_last = number == len(chunks) - 1
        process = world.process if random.random() < 0.7 else world.new_process()
        target = closing(url, body, algorithm) if is_last else url
        request = make("PUT" if is_last else "PATCH", target)
        response = feed(process, request, memoryview(body)[at : at + size], part)
        at += size
        assert response.status == (201 if is_last else 202)
        if not is_last and at:
            assert response.headers["Range"] == f"0-{at - 1}"
    assert world.blob(Digest.of(body, algorithm)) == body
    world.assert_only(body)


def feed(process: Uploads, request: Request, body: memoryview, part: int) -> Response:
    """Send parts of a size of the test's choice, as the upload service does when memory is short."""
    receiving = process.begin(request, now=NOW)
    assert isinstance(receiving, Receiving)
    transfer = receiving.transfer
    transfer.hash(body)
    jobs = []
    while len(body) > part:
        jobs.append(transfer.job([body[: part // 2], body[part // 2 : part]]))
        body = body[part:]
    for job in reversed(jobs):
        job()
    return process.end(receiving, [body] if body else [], now=NOW)


def test_many_small_patches_do_not_pile_up_objects(world: World) -> None:
    url, body = world.start(), content(40 * 1000)
    for at in range(0, len(body), 1000):
        world.send("PATCH", url, body[at : at + 1000])
        assert len(world.objects.objects) <= PIECES_MAX + 1
    assert world.send("PUT", closing(url, body)).status == 201
    world.assert_only(body)


def test_pieces_are_written_once_and_read_once(world: World) -> None:
    """1 MiB chunks, as regctl sends them: each byte goes to S3 twice at most."""
    url, body = world.start(), content(20 * MIB)
    for at in range(0, len(body), MIB):
        world.send("PATCH", url, body[at : at + MIB])
    world.send("PUT", closing(url, body))
    assert world.objects.calls.count("get") <= 16
    assert len(world.objects.calls) <= 65
    world.assert_only(body)


def test_a_process_that_saw_all_bytes_does_not_read_them_back(world: World) -> None:
    url, body = world.start(), content(30 * MIB)
    for at in range(0, len(body), 10 * MIB):
        world.send("PATCH", url, body[at : at + 10 * MIB])
    assert world.send("PUT", closing(url, body)).status == 201
    assert "get" not in world.objects.calls
    assert "size" not in world.objects.calls


def test_another_process_reads_nothing_back_for_an_empty_put(world: World) -> None:
    url, body = world.start(), content(30 * MIB)
    world.send("PATCH", url, body)
    assert world.send("PUT", closing(url, body), process=world.new_process()).status == 201
    assert "get" not in world.objects.calls


@pytest.mark.parametrize("size", [3, 6 * MIB, 25 * MIB])
def test_a_wrong_digest_leaves_nothing(world: World, size: int) -> None:
    for url, first, last in [(world.start(), 0, size), (world.start(), size, 0), (world.start(), size - 1, 1)]:
        body = content(size)
        if first:
            world.send("PATCH", url, body[:first])
        response = world.send("PUT", f"{url}&digest={WRONG}", body[first : first + last])
        assert response.status == 400
        assert b"DIGEST_INVALID" in response.body
        assert world.send("GET", url).status == 404
        assert world.send("PUT", closing(url, body)).status == 404
    world.assert_only()


@pytest.mark.parametrize("size", [3, 6 * MIB, 25 * MIB])
def test_a_wrong_digest_is_found_by_another_process_and_in_another_algorithm(world: World, size: int) -> None:
    url, body = world.start(), content(size)
    world.send("PATCH", url, body)
    response = world.send("PUT", f"{url}&digest=sha512:{'0' * 128}", process=world.new_process())
    assert response.status == 400
    assert world.send("GET", url).status == 404
    world.assert_only()


@pytest.mark.parametrize("query", ["", "&digest=", "&digest=sha256:abc", "&digest=md5:" + "0" * 32])
def test_a_put_without_a_good_digest_keeps_the_session(world: World, query: str) -> None:
    url = world.start()
    world.send("PATCH", url, b"abc")
    assert world.send("PUT", url + query).status == 400
    assert world.send("GET", url).headers["Range"] == "0-2"


def test_a_chunk_out_of_order_is_refused_and_says_where_to_go_on(world: World) -> None:
    url = world.start()
    assert world.send("PATCH", url, b"x" * 5, Content_Range="3-7").status == 416
    assert world.send("PATCH", url, b"x" * 5, Content_Range="0-4").status == 202
    for method, target in [("PATCH", url), ("PUT", closing(url, b"x" * 10))]:
        response = world.send(method, target, b"x" * 5, Content_Range="0-4")
        assert response.status == 416
        assert response.headers["Range"] == "0-4"
        assert response.headers["Location"] == url
    assert world.send("PUT", closing(url, b"x" * 10), b"x" * 5, Content_Range="5-9").status == 201


@pytest.mark.parametrize(
    "headers", [{"Content_Range": "0-8"}, {"Content_Length": "9"}, {"Content_Range": "0-8", "Content_Length": "9"}]
)
def test_a_body_of_another_length_is_refused(world: World, headers: dict[str, str]) -> None:
    for method in ("PATCH", "PUT"):
        url = world.start()
        target = closing(url, b"12345678") if method == "PUT" else url
        response = world.send(method, target, b"12345678", **headers)
        assert response.status == 400
        assert b"SIZE_INVALID" in response.body
        assert world.send("GET", url).headers["Range"] == "0-0"
    world.assert_only()


@pytest.mark.parametrize("size", [0, 3, 6 * MIB, 25 * MIB])
def test_cancelling_leaves_nothing(world: World, size: int) -> None:
    url = world.start()
    if size:
        world.send("PATCH", url, content(size))
        world.send("PATCH", url, b"tail")
    assert world.send("DELETE", url).status == 204
    for method, target in [("GET", url), ("PATCH", url), ("PUT", closing(url, b"x")), ("DELETE", url)]:
        assert world.send(method, target, b"x").status == 404
    world.assert_only()


@pytest.mark.parametrize("before", [0, 3, 6 * MIB, 25 * MIB])
@pytest.mark.parametrize("size", [5, 20 * MIB])
def test_of_two_patches_at_one_offset_the_first_to_end_wins(world: World, before: int, size: int) -> None:
    url, start, mine, rival = world.start(), content(before), content(size, 1), content(size, 2)
    if before:
        world.send("PATCH", url, start)
    slow = world.new_process()
    receiving = slow.begin(make("PATCH", url), now=NOW)
    assert isinstance(receiving, Receiving)
    receiving.transfer.hash(memoryview(mine))
    rest = memoryview(mine)
    if size > 6 * MIB:
        receiving.transfer.job(rest[: 6 * MIB])()
        rest = rest[6 * MIB :]
    assert world.send("PATCH", url, rival).status == 202
    with pytest.raises(RegistryError) as refused:
        slow.end(receiving, rest, now=NOW)
    assert refused.value.status == 416
    assert refused.value.headers["Range"] == f"0-{before + size - 1}"
    body = start + rival
    assert world.send("PUT", closing(url, body)).status == 201
    assert world.blob(Digest.of(body)) == body
    world.assert_only(body)


def test_a_cancelled_upload_refuses_a_patch_under_way(world: World) -> None:
    url = world.start()
    receiving = world.process.begin(make("PATCH", url), now=NOW)
    assert isinstance(receiving, Receiving)
    receiving.transfer.hash(b"abc")
    assert world.send("DELETE", url).status == 204
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        world.process.end(receiving, b"abc", now=NOW)
    world.assert_only()


@pytest.mark.parametrize("size", [3, 25 * MIB])
def test_cancelling_cannot_take_the_bytes_of_a_blob_being_made(world: World, size: int) -> None:
    """DELETE comes between the closing PUT's steps: at every call to S3 and DynamoDB after the session was taken."""
    url, body = world.start(), content(size)
    world.send("PATCH", url, body)
    commit = world.blobs.commit

    def cancel_then_commit(*arguments: Any, **named: Any) -> Any:
        assert world.send("DELETE", url).status == 404
        return commit(*arguments, **named)

    world.blobs.commit = cancel_then_commit  # type: ignore[method-assign]
    assert world.send("PUT", closing(url, body)).status == 201
    assert world.blob(Digest.of(body)) == body


def test_a_body_cut_off_leaves_the_session_where_it_was(world: World) -> None:
    url, body = world.start(), content(30 * MIB)
    world.send("PATCH", url, body[: 10 * MIB])
    receiving = world.process.begin(make("PATCH", url), now=NOW)
    assert isinstance(receiving, Receiving)
    receiving.transfer.hash(body[10 * MIB : 20 * MIB])
    receiving.transfer.job(body[10 * MIB : 20 * MIB])()
    world.process.abandon(receiving, ConnectionError())
    assert world.send("GET", url).headers["Range"] == f"0-{10 * MIB - 1}"
    world.send("PATCH", url, body[10 * MIB :])
    assert world.send("PUT", closing(url, body)).status == 201
    world.assert_only(body)


def dying(target: Any, name: str, *, before: bool) -> Callable[..., Any]:
    """The method dies once, before or after its work."""
    original = getattr(target, name)

    def method(*arguments: Any, **named: Any) -> Any:
        setattr(target, name, original)
        if not before:
            original(*arguments, **named)
        raise Crash

    return method


STEPS = [
    ("objects", "put_part"),
    ("objects", "copy_part"),
    ("objects", "put"),
    ("sessions", "save"),
    ("objects", "complete_multipart"),
    ("blobs", "commit"),
]


@pytest.mark.parametrize(("store", "name"), STEPS)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "sizes", [(3, 0), (3, 4), (0, 3), (6 * MIB, MIB), (0, 25 * MIB), (25 * MIB, 0), (25 * MIB, MIB)]
)
def test_a_closing_put_can_be_repeated_after_a_crash(
    world: World, store: str, name: str, before: bool, sizes: tuple[int, int]
) -> None:
    url, body = world.start(), content(sum(sizes))
    if sizes[0]:
        world.send("PATCH", url, body[: sizes[0]])
    target = getattr(world, store)
    setattr(target, name, dying(target, name, before=before))
    try:
        world.send("PUT", closing(url, body), body[sizes[0] :])
    except Crash:
        process = world.new_process()
        response = world.send("PUT", closing(url, body), body[sizes[0] :], process=process)
        assert response.status == 201
    assert world.blob(Digest.of(body)) == body


def test_a_resumed_put_still_refuses_a_wrong_digest(world: World) -> None:
    url, body = world.start(), content(25 * MIB)
    world.send("PATCH", url, body)
    world.objects.complete_multipart = dying(world.objects, "complete_multipart", before=True)  # type: ignore[method-assign]
    wrong = f"{url}&digest=sha512:{'0' * 128}"
    with pytest.raises(Crash):
        world.send("PUT", wrong)
    assert world.send("PUT", wrong).status == 400
    assert world.send("PUT", wrong).status == 404
    world.assert_only()


def test_a_repeated_put_says_again_that_the_blob_is_there(world: World) -> None:
    url, body = world.start(), content(10)
    for _ in range(3):
        assert world.send("PUT", closing(url, body), body).status == 201
    assert world.send("GET", url).status == 404
    world.assert_only(body)


def test_a_save_that_is_repeated_by_the_client_library_finds_itself(world: World) -> None:
    url, save = world.start(), world.sessions.save

    def save_twice(*arguments: Any) -> None:
        save(*arguments)
        save(*arguments)

    world.sessions.save = save_twice  # type: ignore[method-assign]
    assert world.send("PATCH", url, b"abc").status == 202
    assert world.send("PUT", closing(url, b"abc")).status == 201
    assert world.blob(Digest.of(b"abc")) == b"abc"


def test_a_blob_that_exists_is_not_stored_twice(world: World) -> None:
    body = content(6 * MIB)
    for _ in range(2):
        assert world.send("PUT", closing(world.start(), body), body).status == 201
    world.process.monolithic(REPOSITORY, Digest.of(body), body, now=NOW)
    world.assert_only(body)


def test_a_monolithic_post_is_checked(world: World) -> None:
    with pytest.raises(RegistryError, match="DIGEST_INVALID"):
        world.process.monolithic(REPOSITORY, Digest.of(b"other", "sha512"), b"abc", now=NOW)
    link = world.process.monolithic(REPOSITORY, Digest.of(b"abc", "sha512"), b"abc", now=NOW)
    assert world.objects.objects[link.key] == b"abc"


def test_the_algorithm_may_be_announced_so_that_nothing_is_read_back(world: World) -> None:
    url, body = world.start(algorithm="sha512"), content(30 * MIB)
    world.send("PATCH", url, body)
    assert world.send("PUT", closing(url, body, "sha512")).status == 201
    assert "get" not in world.objects.calls
    with pytest.raises(RegistryError, match="DIGEST_INVALID"):
        world.start(algorithm="md5")


def test_a_multipart_upload_that_was_swept_away_ends_the_session(world: World) -> None:
    url = world.start()
    world.send("PATCH", url, content(25 * MIB))
    world.objects.multiparts.clear()
    assert world.send("PATCH", url, content(20 * MIB)).status == 404
    assert world.send("PUT", closing(url, content(25 * MIB))).status == 404


def test_sweeping_frees_what_is_too_old_to_go_on(world: World) -> None:
    url = world.start()
    world.send("PATCH", url, content(25 * MIB))
    world.send("PATCH", url, b"tail")
    world.objects.started_at = NOW
    life_s = 2 * Settings().upload_s
    assert world.process.sweep(now=NOW + life_s) == 0
    assert world.process.sweep(now=NOW + life_s + 1) == 2
    world.assert_only()


def test_an_upload_ends_with_its_state(world: World) -> None:
    url = world.start()
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        world.process.answer(make("GET", url), now=NOW + Settings().upload_s)


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "put"])
def test_other_methods_are_refused(world: World, method: str) -> None:
    response = world.send(method, world.start())
    assert response.status == 405
    assert "PATCH" in str(response.headers["Allow"])


@given(
    st.text(max_size=20),
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(["_state", "digest"]), st.lists(st.text(max_size=20))),
)
def test_no_url_breaks_it(name: str, upload_id: str, query: dict[str, list[str]]) -> None:
    process = World().process
    request = Request("GET", f"/v2/{name}/blobs/uploads/{upload_id}", query)
    with pytest.raises(RegistryError) as refused:
        process.answer(request, now=NOW)
    assert refused.value.status == 404


def test_a_session_is_immutable_once_finished(world: World) -> None:
    url, body = world.start(), content(10)
    world.send("PUT", closing(url, body), body)
    (session,) = world.sessions.sessions.values()
    assert session.phase is Phase.FINISHING
    with pytest.raises(dataclasses.FrozenInstanceError):
        session.phase = Phase.OPEN  # type: ignore[misc]
