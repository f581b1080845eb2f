"""The storage against its model, the fake: whatever is pushed, mounted, tagged and deleted in whatever order, both answer alike,
list the same and charge the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chalicelib.aws import keys
from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.registry_tables import QuotaLimitItem, QuotaShardItem
from chalicelib.aws.table import Table
from chalicelib.errors import RegistryError
from chalicelib.oci import quota
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.quota import Shard
from chalicelib.oci.reference import Repository, Tag
from tests import builders
from tests.fakes.artifacts import FakeArtifacts
from tests.fakes.objects import FakeObjects
from tests.fakes.stores import FakeBlobs, FakeManifests

REPOSITORIES = ("a", "b", "c")
LAYERS = tuple(bytes([65 + number]) * size for number, size in enumerate((10, 200, 900, 1500)))
IMAGES = {
    name: builders.image(LAYERS[0], layers)
    for name, layers in (("x", LAYERS[1:2]), ("y", LAYERS[1:3]), ("z", LAYERS[2:]))
}
SIGNATURE = builders.image(
    LAYERS[0],
    (),
    subject={"mediaType": builders.OCI_MANIFEST, "digest": str(Digest.of(IMAGES["x"])), "size": len(IMAGES["x"])},
)
INDEXES = (builders.index(IMAGES["x"], IMAGES["y"]), builders.index(IMAGES["y"], annotations={"n": "2"}))
CONTENTS = (*IMAGES.values(), SIGNATURE, *INDEXES)
LIMITS = st.sampled_from([-1, 3_000, 6_000, 12_000])

one_repository = st.sampled_from(REPOSITORIES)
one_layer = st.sampled_from(LAYERS)
one_content = st.sampled_from(CONTENTS)
one_tag = st.sampled_from(["latest", "v1", None])


class Side:
    """One of the two: stores, and the use cases on them."""

    def __init__(self, blobs: Any, store: Any, artifacts: Any, quotas: Any) -> None:
        self.blobs, self.store, self.artifacts, self.quotas = blobs, store, artifacts, quotas
        self.manifests = Manifests(store)


class Books(RuleBasedStateMachine):
    table: Table

    def __init__(self) -> None:
        super().__init__()
        self.project = 10**6 + uuid.uuid4().int % 10**9
        fake = FakeBlobs()
        model, store = FakeManifests(fake), DynamoManifests(self.table, FakeObjects())
        real = Side(DynamoBlobs(self.table), store, DynamoArtifacts(self.table), Quotas(self.table))
        self.sides = (real, Side(fake, model, FakeArtifacts(model), fake))
        self.repositories = {
            name: builders.repository(f"p{self.project}/{name}", self.project) for name in REPOSITORIES
        }
        self.table.write(real.quotas.create_actions(self.project, now=1))

    def both(self, work: Callable[[Side], object]) -> None:
        results = []
        for side in self.sides:
            try:
                results.append(work(side))
            except RegistryError as error:
                results.append((error.code, error.message))
        assert results[0] == results[1]

    @rule(name=one_repository, layer=one_layer)
    def push_blob(self, name: str, layer: bytes) -> None:
        repository, digest = self.repositories[name], Digest.of(layer)

        def work(side: Side) -> object:
            return side.blobs.commit(repository, digest, "blobs/x", len(layer), now=100).size_bytes

        self.both(work)

    @rule(name=one_repository, source=one_repository, layer=one_layer, is_shared=st.booleans())
    def mount(self, name: str, source: str, layer: bytes, is_shared: bool) -> None:
        def work(side: Side) -> object:
            link = side.blobs.link(self.repositories[source], Digest.of(layer))
            if link is None:
                return None
            mounted = side.blobs.mount(self.repositories[name], link, now=100, is_shared=is_shared)
            return mounted and mounted.size_bytes

        self.both(work)

    @rule(name=one_repository, layer=one_layer)
    def unlink(self, name: str, layer: bytes) -> None:
        self.both(lambda side: side.blobs.unlink(self.repositories[name], Digest.of(layer)))

    @rule(name=one_repository, content=one_content, tag=one_tag, is_whole=st.booleans())
    def push(self, name: str, content: bytes, tag: str | None, is_whole: bool) -> None:
        repository = self.repositories[name]
        reference: Tag | Digest = Tag(tag) if tag else Digest.of(content)

        def work(side: Side) -> object:
            for layer in LAYERS if is_whole else ():
                side.blobs.commit(repository, Digest.of(layer), "blobs/x", len(layer), now=100)
            return side.manifests.put(repository, reference, content, None, tags=(), by="ann", now=100).digest

        self.both(work)

    @rule(name=one_repository, content=one_content)
    def delete(self, name: str, content: bytes) -> None:
        repository, digest = self.repositories[name], Digest.of(content)
        if any(side.artifacts.parents(repository, digest) for side in self.sides):
            return  # Harbor's API refuses it; the list then shows a child of an index when it is pushed again.
        self.both(lambda side: side.store.delete(repository, digest, by="ann"))

    @rule(name=one_repository, tag=one_tag.filter(bool))
    def untag(self, name: str, tag: str) -> None:
        self.both(lambda side: side.store.untag(self.repositories[name], Tag(tag), by="ann"))

    @rule(name=one_repository)
    def delete_repository(self, name: str) -> None:
        self.both(lambda side: side.store.delete_repository(self.repositories[name], by="ann"))

    @rule(limit=LIMITS)
    def set_limit(self, limit: int) -> None:
        self.both(lambda side: side.quotas.set_limit(self.project, limit, now=100)[:2])

    @invariant()
    def both_charge_the_same(self) -> None:
        self.both(lambda side: side.quotas.usage(self.project)[:2])

    @invariant()
    def no_room_is_lost(self) -> None:
        items = self.table.query(keys.quota(self.project), "")
        (limit,) = [item for item in items if isinstance(item, QuotaLimitItem)]
        shards = [Shard(int(i.used), int(i.room)) for i in items if isinstance(i, QuotaShardItem)]
        used, room = sum(shard.used for shard in shards), quota.left(shards, is_over=limit.is_over)
        assert used + room == quota.stored_limit(int(limit.limit_bytes))

    @invariant()
    def both_list_the_same(self) -> None:
        for repository in self.repositories.values():
            self.both(lambda side, one=repository: self.listed(side, one))

    def listed(self, side: Side, repository: Repository) -> object:
        rows, total = side.artifacts.page(repository, 0, 50)
        everything = side.artifacts.rows(repository, is_with_hidden=True)
        links = [side.blobs.link(repository, Digest.of(layer)) is not None for layer in LAYERS]
        tags = list(side.store.tags(repository, after=None, limit=9).items)
        return [row.digest for row in rows], total, [row.digest for row in everything], links, tags


@pytest.mark.slow
def test_the_books_are_those_of_the_model(table: Table) -> None:
    Books.table = table
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
