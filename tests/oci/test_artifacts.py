"""Artifacts told, labelled, copied and removed, with everything that belongs to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.errors import RegistryError
from chalicelib.oci import copying
from chalicelib.oci.artifact import LABELS_MAX, Artifact
from chalicelib.oci.artifacts import Artifacts, Wanted
from chalicelib.oci.blobs import Blobs
from chalicelib.oci.contents import ATTRIBUTES_BYTES, Contents
from chalicelib.oci.copying import Copying
from chalicelib.oci.digest import Digest
from chalicelib.oci.label import LabelText
from chalicelib.oci.manifest import OCI_INDEX
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.ports import Push
from chalicelib.oci.reference import Repository, Tag
from chalicelib.oci.removal import Removal
from tests import builders
from tests.fakes.artifacts import FakeArtifacts
from tests.fakes.labels import FakeContents, FakeLabels
from tests.fakes.objects import FakeObjects
from tests.fakes.stores import FakeBlobs, FakeManifests

NOW = 100


class Crash(Exception):
    """The process dies here."""


class World:
    """A registry of fakes."""

    def __init__(self) -> None:
        self.blobs = FakeBlobs()
        self.store, self.contents, self.labels = _Fused(self.blobs), FakeContents(), FakeLabels()
        self.artifacts_store = FakeArtifacts(self.store)
        self.manifests = Manifests(self.store)
        inside = Contents(self.contents)
        self.artifacts = Artifacts(self.artifacts_store, self.store, inside, self.labels)
        self.removal = Removal(self.artifacts_store, self.manifests)
        blobs = Blobs(self.blobs, FakeObjects(), url_s=60)
        self.copying = Copying(self.artifacts_store, self.store, self.manifests, blobs)

    def image(self, repository: Repository, text: str, *tags: str, config: bytes = b"", **more: Any) -> Digest:
        config = config or json.dumps({"architecture": text}).encode()
        self.contents.add(config)
        for blob in (config, b"layer"):
            self.blobs.commit(repository, Digest.of(blob), f"blobs/{text}", len(blob), now=NOW)
        return self.put(repository, builders.image(config=config, annotations={"text": text}, **more), *tags)

    def index(self, repository: Repository, children: Sequence[Digest], *tags: str) -> Digest:
        entries = [
            {"mediaType": child.media_type, "digest": str(child.digest), "size": len(child.content)}
            for digest in children
            for child in (self.manifests.get(repository, digest, now=NOW),)
        ]
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
        return self.put(repository, content, *tags)

    def put(self, repository: Repository, content: bytes, *tags: str) -> Digest:
        named = [Tag(tag) for tag in tags]
        return self.manifests.put(
            repository, Digest.of(content), content, None, tags=named, by="ann", now=NOW
        ).digest

    def find(self, repository: Repository, digest: Digest) -> Artifact:
        return self.artifacts.find(repository, str(digest))

    def there(self, repository: Repository) -> set[Digest]:
        return {digest for r, digest in self.store.manifests if r == repository}


class _Fused(FakeManifests):
    fuse: int | None = None
    """How many writes are left before the process dies; None: it does not."""

    def put(self, repository: Repository, push: Push, *, now: int) -> None:
        self._burn()
        super().put(repository, push, now=now)

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        self._burn()
        return super().delete(repository, digest, by=by)

    def _burn(self) -> None:
        if self.fuse == 0:
            raise Crash
        if self.fuse is not None:
            self.fuse -= 1


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def repository() -> Repository:
    return builders.repository()


def subject(digest: Digest) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": 1}


def test_a_removal_that_died_leaves_nothing_that_cannot_be_removed(world: World, repository: Repository) -> None:
    child = world.image(repository, "child")
    parent = world.index(repository, [child], "v1")
    signature = world.image(repository, "sig", subject=subject(parent))
    world.store.fuse = 1
    with pytest.raises(Crash):
        world.removal.remove(repository, world.find(repository, parent), by="ann", now=NOW)
    assert world.there(repository) == {child, signature}, "the artifact goes before what belongs to it"
    world.store.fuse = None
    for digest in (child, signature):
        world.removal.remove(repository, world.find(repository, digest), by="ann", now=NOW)
    assert world.there(repository) == set()


def test_what_something_else_needs_outlives_a_removal(world: World, repository: Repository) -> None:
    shared, tagged, alone = (world.image(repository, text, *tags) for text, tags in (("a", ()), ("b", ("keep",)), ("c", ())))
    on_tagged = world.image(repository, "sig", subject=subject(tagged))
    first = world.index(repository, [shared, tagged, alone], "first")
    second = world.index(repository, [shared], "second")
    world.removal.remove(repository, world.find(repository, first), by="ann", now=NOW)
    assert world.there(repository) == {shared, tagged, on_tagged, second}
    with pytest.raises(RegistryError, match="PRECONDITION"):
        world.removal.remove(repository, world.find(repository, shared), by="ann", now=NOW)


def test_indexes_of_indexes_and_signatures_of_signatures_go_too(world: World, repository: Repository) -> None:
    child = world.image(repository, "child")
    inner = world.index(repository, [child])
    outer = world.index(repository, [inner], "v1")
    signature = world.image(repository, "s1", subject=subject(outer))
    world.image(repository, "s2", "tagged", subject=subject(signature))
    world.removal.remove(repository, world.find(repository, outer), by="ann", now=NOW)
    assert world.there(repository) == set()


def test_a_copy_that_died_has_no_tag_yet_and_can_be_repeated(world: World, repository: Repository) -> None:
    target = builders.repository("team/copy")
    children = [world.image(repository, text) for text in "ab"]
    parent = world.index(repository, children, "v1", "v2")
    signature = world.image(repository, "sig", subject=subject(parent))
    for left in range(4):
        world.store.fuse = left
        with pytest.raises(Crash):
            world.copying.copy(repository, world.find(repository, parent), target, by="ann", now=NOW)
        assert not [tag for r, tag in world.store.pointers if r == target]
    world.store.fuse = None
    world.copying.copy(repository, world.find(repository, parent), target, by="ann", now=NOW)
    assert world.there(target) == {parent, signature, *children}
    assert {str(tag) for r, tag in world.store.pointers if r == target} == {"v1", "v2"}


def test_a_copy_of_an_index_that_names_the_same_many_times_ends(world: World, repository: Repository) -> None:
    digest = world.image(repository, "leaf")
    for _ in range(30):
        digest = world.index(repository, [digest, digest])
    target = builders.repository("team/copy")
    world.copying.copy(repository, world.find(repository, digest), target, by="ann", now=NOW)
    assert len(world.there(target)) == 31


def test_too_much_is_not_copied(world: World, repository: Repository) -> None:
    many = [world.image(repository, f"i{number}") for number in range(copying.MANIFESTS_MAX)]
    parent = world.index(repository, many, "v1")
    target = builders.repository("team/copy")
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        world.copying.copy(repository, world.find(repository, parent), target, by="ann", now=NOW)
    assert world.there(target) == set()


def test_labels_that_were_deleted_make_room(world: World, repository: Repository) -> None:
    digest = world.image(repository, "a", "v1")
    made = [world.labels.create(0, LabelText(f"l{number}"), now=1) for number in range(LABELS_MAX + 1)]
    ids = [label.label_id for label in made if label]
    for label_id in ids[:-1]:
        world.artifacts.add_label(repository, "v1", label_id)
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        world.artifacts.add_label(repository, "v1", ids[-1])
    del world.labels.labels[ids[0]]
    world.artifacts.add_label(repository, "v1", ids[-1])
    (detail,) = world.artifacts.details(repository, [digest], Wanted(labels=True), now=NOW)
    assert [label.label_id for label in detail.labels or ()] == ids[1:]


def test_another_projects_label_is_not_there(world: World, repository: Repository) -> None:
    world.image(repository, "a", "v1")
    own = world.labels.create(repository.project_id, LabelText("own"), now=1)
    other = world.labels.create(repository.project_id + 1, LabelText("other"), now=1)
    assert own is not None
    assert other is not None
    world.artifacts.add_label(repository, "v1", own.label_id)
    with pytest.raises(RegistryError, match="NOT_FOUND"):
        world.artifacts.add_label(repository, "v1", other.label_id)


def test_a_config_is_read_once(world: World, repository: Repository) -> None:
    digest = world.image(repository, "arm64", "v1")
    for _ in range(3):
        (detail,) = world.artifacts.details(repository, [digest], Wanted(), now=NOW)
        assert detail.attributes["architecture"] == "arm64"
    assert len(world.contents.reads) == 1


def test_a_large_config_costs_a_page_nothing_but_its_attributes(world: World, repository: Repository) -> None:
    config = json.dumps({"architecture": "x" * ATTRIBUTES_BYTES}).encode()
    digest = world.image(repository, "large", "v1", config=config)
    (detail,) = world.artifacts.details(repository, [digest], Wanted(), now=NOW)
    assert detail.attributes == {}


def test_a_large_manifest_is_told_when_it_is_asked_for_alone(world: World, repository: Repository) -> None:
    content = builders.image(annotations={"text": "x" * 70_000})
    for blob in (builders.EMPTY, b"layer"):
        world.blobs.commit(repository, Digest.of(blob), "k", len(blob), now=NOW)
    digest = world.put(repository, content, "v1")
    (listed,) = world.artifacts.details(repository, [digest], Wanted(), now=NOW)
    assert listed.manifest is None
    alone = world.artifacts.get(repository, "v1", Wanted(), now=NOW)
    assert alone.manifest is not None
    assert alone.manifest.content == content
