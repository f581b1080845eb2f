"""A blob that the project's quota has no room for: refused when its size is known, and nothing of it stays."""

from __future__ import annotations

import json

import pytest

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from tests.oci.test_uploads import MIB, NOW, REPOSITORY, Crash, World, closing, content, dying

PROJECT = REPOSITORY.project_id


@pytest.fixture
def world() -> World:
    made = World()
    made.blobs.set_limit(PROJECT, 3 * MIB, now=NOW)
    return made


def refused(body: bytes) -> str:
    error = json.loads(body)["errors"][0]
    assert error["code"] == "DENIED"
    return str(error["message"])


@pytest.mark.parametrize("size", [3 * MIB + 1, 33 * MIB])
@pytest.mark.parametrize("patches", [0, 2])
def test_a_closing_put_over_the_quota_is_403_and_frees_the_bytes(world: World, size: int, patches: int) -> None:
    body, url = content(size), world.start()
    sent = 0
    for _ in range(patches):
        part = body[sent : sent + size // 3]
        world.send("PATCH", url, part)
        sent += len(part)
    answer = world.send("PUT", closing(url, body), body[sent:])
    assert answer.status == 403
    assert refused(answer.body).endswith("will exceed the configured upper limit of 3.0 MiB.")
    world.assert_only()
    assert world.blobs.usage(PROJECT).used_bytes == 0
    for method, again in (("GET", url), ("PUT", closing(url, body)), ("PATCH", url)):
        assert world.send(method, again, body if method != "GET" else b"").status == 404
    world.assert_only()


def test_a_put_over_the_quota_that_died_is_refused_when_it_is_repeated(world: World) -> None:
    body, url = content(4 * MIB), world.start()
    world.blobs.commit = dying(world.blobs, "commit", before=True)
    with pytest.raises(Crash):
        world.send("PUT", closing(url, body), body)
    assert world.send("PUT", closing(url, body), b"", world.new_process()).status == 403
    world.assert_only()
    assert world.send("GET", url).status == 404


def test_what_fits_is_taken_after_a_refusal(world: World) -> None:
    large, small = content(4 * MIB), content(3 * MIB)
    assert world.send("PUT", closing(world.start(), large), large).status == 403
    assert world.send("PUT", closing(world.start(), small), small).status == 201
    world.assert_only(small)


def test_a_blob_the_project_has_takes_no_room(world: World) -> None:
    body = content(3 * MIB)
    for _ in range(2):
        assert world.send("PUT", closing(world.start(), body), body).status == 201
    world.assert_only(body)


def test_a_monolithic_post_over_the_quota_frees_the_bytes(world: World) -> None:
    body = content(4 * MIB)
    with pytest.raises(
        RegistryError, match=r"adding 4\.0 MiB of storage resource, which when updated to current usage of 0 B"
    ):
        world.process.monolithic(REPOSITORY, Digest.of(body), body, now=NOW)
    world.assert_only()
