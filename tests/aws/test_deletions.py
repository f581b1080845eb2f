"""Deletions are exact: after a crash at any call and the schedule, and with a push between any two calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.reference import Repository, Tag
from chalicelib.rbac.model import Project
from tests import builders
from tests.fakes.dying import Died, DyingTable, WatchedTable
from tests.fakes.objects import FakeObjects

LATER = 2**33
"""A moment at which the schedule takes on whatever is in the journal."""
MORE_CALLS_THAN_ANY = 200


class World:
    """A repository as a healthy process sees it."""

    def __init__(self, table: Table) -> None:
        self.table, self.objects = table, FakeObjects()
        self.project = 10**6 + uuid.uuid4().int % 10**9
        self.repository = builders.repository(f"p{self.project}/app", self.project)
        self.blobs, self.store = DynamoBlobs(table), DynamoManifests(table, self.objects)
        self.manifests, self.artifacts, self.quotas = Manifests(self.store), DynamoArtifacts(table), Quotas(table)

    def push(
        self, content: bytes, *tags: str, layers: tuple[bytes, ...] = (b"layer",), to: Repository | None = None
    ) -> Digest:
        repository = to or self.repository
        for blob in (builders.EMPTY, *layers):
            self.blobs.commit(repository, Digest.of(blob), f"blobs/{uuid.uuid4()}", len(blob), now=100)
        reference = Tag(tags[0]) if tags else Digest.of(content)
        more = [Tag(tag) for tag in tags[1:]]
        return self.manifests.put(repository, reference, content, None, tags=more, by="ann", now=100).digest

    def image(self, *layers: bytes, tags: tuple[str, ...] = ("latest",)) -> Digest:
        return self.push(builders.image(layers=layers), *tags, layers=layers)

    def linked(self, *blobs: bytes) -> list[bool]:
        return [self.blobs.link(self.repository, Digest.of(blob)) is not None for blob in blobs]

    @property
    def used(self) -> int:
        return self.quotas.usage(self.project).used_bytes

    def other(self, table: Table) -> DynamoManifests:
        """The same registry, as another process has it."""
        return DynamoManifests(table, self.objects)

    def assert_empty(self) -> None:
        assert self.used == 0
        assert self.artifacts.rows(self.repository, is_with_hidden=True) == []
        assert self.artifacts.page(self.repository, 0, 9) == ([], 0)
        assert list(self.store.tags(self.repository, after=None, limit=9).items) == []
        assert self.table.keys(f"R#{self.project}#app", "E#", after=None, limit=9).sort_keys == []


@pytest.fixture
def world(table: Table) -> World:
    return World(table)


def test_a_blob_goes_with_the_last_manifest_that_needs_it(world: World) -> None:
    first, second = world.image(b"shared", b"one"), world.image(b"shared", b"two", tags=("b",))
    world.manifests.delete(world.repository, first, by="ann")
    assert world.linked(b"shared", b"one", b"two", b"{}") == [True, False, True, True]
    world.manifests.delete(world.repository, second, by="ann")
    assert world.linked(b"shared", b"two", b"{}") == [False, False, False]
    world.assert_empty()


def test_a_blob_no_manifest_ever_used_stays_for_garbage_collection(world: World) -> None:
    digest = world.image(b"one")
    world.blobs.commit(world.repository, Digest.of(b"spare"), "blobs/spare", 5, now=100)
    world.manifests.delete(world.repository, digest, by="ann")
    assert (world.linked(b"spare"), world.used) == ([True], 5)


def test_a_manifest_of_many_blobs_is_released_whole(world: World) -> None:
    layers = tuple(f"layer {number}".encode() for number in range(210))
    keeper = world.image(*layers[:3], tags=("keeper",))
    digest = world.image(*layers)
    world.manifests.delete(world.repository, digest, by="ann")
    assert world.linked(*layers) == [True] * 3 + [False] * 207
    world.manifests.delete(world.repository, keeper, by="ann")
    world.assert_empty()


def test_a_manifest_with_many_tags_is_released_by_the_schedule(world: World) -> None:
    content = builders.image(layers=(b"one",))
    for ten in range(6):
        digest = world.push(content, *(f"t{ten}{unit}" for unit in range(10)), layers=(b"one",))
    world.manifests.delete(world.repository, digest, by="ann")
    assert world.linked(b"one") == [True]
    assert world.store.release_pending(now=0) == 0
    assert world.store.release_pending(now=LATER) >= 1
    assert world.linked(b"one") == [False]
    world.assert_empty()


def test_what_was_pushed_again_before_the_schedule_came_keeps_its_blobs(world: World) -> None:
    content = builders.image(layers=(b"one",))
    for ten in range(6):
        digest = world.push(content, *(f"t{ten}{unit}" for unit in range(10)), layers=(b"one",))
    world.manifests.delete(world.repository, digest, by="ann")
    world.push(content, "again", layers=(b"one",))
    world.store.release_pending(now=LATER)
    assert world.linked(b"one", b"{}") == [True, True]
    assert world.used == len(content) + 3 + 2
    assert [tag.name for tag in world.artifacts.tags_of(world.repository, digest)] == ["again"]


def test_a_repository_from_before_needs_were_written_down_keeps_its_blobs(world: World) -> None:
    """Nobody can say whether an older manifest needs a blob: garbage collection will look."""
    digest = world.image(b"one")
    pk = f"R#{world.project}#app"
    world.table.write([world.table.update(pk, "M", "REMOVE repository_id", {})])
    world.manifests.delete(world.repository, digest, by="ann")
    assert world.linked(b"one", b"{}") == [True, True]
    assert world.used == 3 + 2
    assert world.store.delete_repository(world.repository, by="ann")
    world.assert_empty()


def test_one_deletion_that_cannot_go_on_does_not_stop_the_others(world: World) -> None:
    world.store.release_pending(now=LATER)  # what other tests left
    digests = [world.push(builders.image(annotations={"n": n}), *(f"{n}{i}" for i in range(9))) for n in "ab"]
    for digest in digests:
        for ten in range(6):
            content = world.manifests.get(world.repository, digest, now=100).content
            world.push(content, *(f"{digest.hex[:4]}{ten}{i}" for i in range(9)))
        world.manifests.delete(world.repository, digest, by="ann")
    busy = world.objects.get

    def get(key: str, **more: int) -> bytes:
        if digests[0].hex in key:
            raise RegistryError("UNAVAILABLE")
        return busy(key, **more)

    world.objects.get = get
    assert world.store.release_pending(now=LATER) == 1
    world.objects.get = busy
    assert world.store.release_pending(now=LATER) == 1
    world.assert_empty()


@pytest.mark.parametrize("is_answer_lost", [False, True])
def test_a_deletion_that_dies_at_any_call_is_finished_by_the_schedule(
    settings: Settings, world: World, is_answer_lost: bool
) -> None:
    for calls in range(1, MORE_CALLS_THAN_ANY):
        keeper = world.image(b"shared", b"kept", tags=("keeper",))
        used = world.used
        digest = world.image(b"shared", b"one", b"two", tags=("a", "b"))
        dying = world.other(DyingTable(settings, calls, is_answer_lost=is_answer_lost))
        try:
            dying.delete(world.repository, digest, by="ann")
            is_done = True
        except Died:
            is_done = False
        if world.store.find(world.repository, digest) is not None:
            assert world.linked(b"one", b"two", b"shared") == [True, True, True]
            world.manifests.delete(world.repository, digest, by="ann")
        world.store.release_pending(now=LATER)
        assert world.used == used
        assert world.linked(b"one", b"two", b"shared", b"kept") == [False, False, True, True]
        assert [row.digest for row in world.artifacts.page(world.repository, 0, 9)[0]] == [keeper]
        assert list(world.store.tags(world.repository, after=None, limit=9).items) == ["keeper"]
        if is_done:
            break
    assert 8 < calls < MORE_CALLS_THAN_ANY


@pytest.mark.parametrize("is_answer_lost", [False, True])
def test_the_deletion_of_an_index_that_dies_is_finished_by_the_schedule(
    settings: Settings, world: World, is_answer_lost: bool
) -> None:
    children = [builders.image(layers=(text,)) for text in (b"one", b"two")]
    digests = [world.push(child, layers=(layer,)) for child, layer in zip(children, (b"one", b"two"), strict=True)]
    used = world.used
    for calls in range(1, MORE_CALLS_THAN_ANY):
        index = world.push(builders.index(*children), "latest")
        world.blobs.unlink(world.repository, Digest.of(b"layer"))
        assert world.artifacts.page(world.repository, 0, 9)[1] == 1
        dying = world.other(DyingTable(settings, calls, is_answer_lost=is_answer_lost))
        try:
            dying.delete(world.repository, index, by="ann")
            is_done = True
        except Died:
            is_done = False
        if world.store.find(world.repository, index) is not None:
            world.manifests.delete(world.repository, index, by="ann")
        world.store.release_pending(now=LATER)
        rows, total = world.artifacts.page(world.repository, 0, 9)
        assert ({row.digest for row in rows}, total, world.used) == (set(digests), 2, used)
        if is_done:
            break
    assert 5 < calls < MORE_CALLS_THAN_ANY


@pytest.mark.parametrize("is_answer_lost", [False, True])
def test_the_removal_of_a_repository_that_dies_at_any_call_is_finished_by_the_schedule(
    settings: Settings, world: World, is_answer_lost: bool
) -> None:
    project = Project(world.repository.name.project, world.project, is_public=False)
    child = builders.image(layers=(b"one",))
    sibling = replace(world.repository, name=replace(world.repository.name, repository="sibling"))
    world.push(child, "other", layers=(b"one",), to=sibling)
    used = world.used
    for calls in range(1, MORE_CALLS_THAN_ANY):
        world.push(child, layers=(b"one",))
        world.push(builders.index(child), "latest", "b")
        world.image(b"two", tags=("c",))
        dying = world.other(DyingTable(settings, calls, is_answer_lost=is_answer_lost))
        try:
            dying.delete_repository(world.repository, by="ann")
            is_done = True
        except Died:
            is_done = False
        world.store.release_pending(now=LATER)
        if world.store.is_repository(world.repository):
            assert world.store.delete_repository(world.repository, by="ann")
        assert world.used == used
        assert world.artifacts.rows(world.repository, is_with_hidden=True) == []
        assert [record.row.name for record in world.artifacts.repositories(project, 0, 9)[0]] == [str(sibling)]
        assert world.artifacts.repositories(project, 0, 9)[1] == 1
        left = world.table.keys(f"R#{world.project}#app", "", after=None, limit=99).sort_keys
        assert left == []
        if is_done:
            break
    assert 10 < calls < MORE_CALLS_THAN_ANY


def test_a_push_during_a_deletion_keeps_what_it_needs(settings: Settings, world: World) -> None:
    for at in range(1, MORE_CALLS_THAN_ANY):
        old, new = builders.image(layers=(b"both", b"old")), builders.image(layers=(b"both", b"new"))
        digest = world.push(old, "old", layers=(b"both", b"old"))
        pushed: list[Digest] = []

        def push(content: bytes = new, found: list[Digest] = pushed) -> None:
            found.append(world.push(content, "new", layers=(b"both", b"new")))

        table = WatchedTable(settings, at, push)
        world.other(table).delete(world.repository, digest, by="ann")
        if not pushed:
            break
        assert world.linked(b"both", b"new", b"{}", b"old") == [True, True, True, False]
        assert world.used == len(new) + 4 + 3 + 2
        world.manifests.delete(world.repository, pushed[0], by="ann")
        world.assert_empty()
    assert 10 < at < MORE_CALLS_THAN_ANY


def test_a_deletion_during_a_push_never_breaks_the_pushed_image(settings: Settings, world: World) -> None:
    """The blobs are there when the push looks and gone when it writes: it is refused, or it has them."""
    outcomes = set()
    for at in range(1, MORE_CALLS_THAN_ANY):
        old, new = builders.image(layers=(b"both", b"old")), builders.image(layers=(b"both",))
        digest = world.push(old, "old", layers=(b"both", b"old"))

        def delete(old_digest: Digest = digest) -> None:
            world.manifests.delete(world.repository, old_digest, by="ann")

        table = WatchedTable(settings, at, delete)
        pusher = Manifests(world.other(table))
        try:
            pushed = pusher.put(world.repository, Tag("new"), new, None, tags=(), by="ann", now=100).digest
        except RegistryError as error:
            outcomes.add(error.code)
            assert error.code == "MANIFEST_BLOB_UNKNOWN"
            assert world.linked(b"both") == [False]
            assert world.store.resolve(world.repository, Tag("new")) is None
        else:
            outcomes.add("ok")
            assert world.linked(b"both", b"{}") == [True, True]
            world.manifests.delete(world.repository, pushed, by="ann")
        if table.calls < at:
            world.manifests.delete(world.repository, digest, by="ann")
            break
        world.assert_empty()
    assert outcomes == {"ok", "MANIFEST_BLOB_UNKNOWN"}


def test_a_push_during_the_removal_of_its_repository_stays_whole(settings: Settings, world: World) -> None:
    project = Project(world.repository.name.project, world.project, is_public=False)
    for at in range(1, MORE_CALLS_THAN_ANY):
        old, new = builders.image(layers=(b"both", b"old")), builders.image(layers=(b"both", b"new"))
        world.push(old, "old", "older", layers=(b"both", b"old"))
        pushed: list[Digest] = []

        def push(content: bytes = new, found: list[Digest] = pushed) -> None:
            found.append(world.push(content, "new", layers=(b"both", b"new")))

        table = WatchedTable(settings, at, push)
        assert world.other(table).delete_repository(world.repository, by="ann")
        if not pushed:
            break
        if world.store.is_repository(world.repository):
            assert world.linked(b"both", b"new", b"{}") == [True, True, True]
            assert [row.digest for row in world.artifacts.rows(world.repository)] == pushed
            assert world.store.resolve(world.repository, Tag("new")) == pushed[0]
            assert [tag.name for tag in world.artifacts.tags_of(world.repository, pushed[0])] == ["new"]
            assert world.artifacts.repositories(project, 0, 9)[1] == 1
            assert world.used == len(new) + 4 + 3 + 2
            assert world.store.delete_repository(world.repository, by="ann")
        world.assert_empty()
        assert world.artifacts.repositories(project, 0, 9) == ([], 0)
    assert 10 < at < MORE_CALLS_THAN_ANY


def test_a_manifest_deleted_and_pushed_again_at_once_keeps_its_tags_and_blobs(settings: Settings, world: World) -> None:
    content = builders.image(layers=(b"one",))
    for at in range(1, MORE_CALLS_THAN_ANY):
        digest = world.push(content, "a", layers=(b"one",))
        did: list[Digest] = []

        def push(found: list[Digest] = did) -> None:
            found.append(world.push(content, "b", layers=(b"one",)))

        table = WatchedTable(settings, at, push)
        world.other(table).delete(world.repository, digest, by="ann")
        if not did:
            break
        if world.store.find(world.repository, digest) is not None:
            assert world.linked(b"one", b"{}") == [True, True]
            assert world.used == len(content) + 5
            assert "b" in [tag.name for tag in world.artifacts.tags_of(world.repository, digest)]
            assert world.store.resolve(world.repository, Tag("b")) == digest
            world.manifests.delete(world.repository, digest, by="ann")
        world.assert_empty()


def test_deleting_a_small_image_costs_a_dozen_calls(world: World, calls: Callable[[], dict[str, int]]) -> None:
    digest = world.image(b"one", b"two", b"three")
    calls()
    world.store.delete(world.repository, digest, by="ann")
    cost = calls()
    assert sum(cost.values()) <= 12, cost
