"""What every BlobStore and ManifestStore promises: run on the fake and on DynamoDB as the emulator plays it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.table import Table
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest, parse_manifest
from chalicelib.oci.ports import REFERRERS_BYTES, Link, Push, TagMoved
from chalicelib.oci.reference import Repository, Tag
from tests import builders
from tests.fakes.objects import FakeObjects
from tests.fakes.stores import FakeBlobs, FakeManifests

HELLO = Digest.of(b"hello")
SIZE = 5


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    if request.param == "fake":
        blobs = FakeBlobs()
        return blobs, FakeManifests(blobs)
    table: Table = request.getfixturevalue("table")
    return DynamoBlobs(table), DynamoManifests(table, FakeObjects())


@pytest.fixture
def repository() -> Repository:
    """A repository nobody used, so that tests may share one table."""
    unique = 10**6 + uuid.uuid4().int % 10**9
    return builders.repository(f"p{unique}/app", unique)


def a_digest() -> Digest:
    return Digest.of(uuid.uuid4().bytes)


def parsed(content: bytes) -> Manifest:
    return parse_manifest(content, None, Digest.of(content))


def push(manifests: Any, repository: Repository, content: bytes, *tags: str, now: int = 100) -> Digest:
    manifest, named = parsed(content), [Tag(tag) for tag in tags]
    gathered = manifests.gather(repository, manifest, named)
    manifests.put(repository, Push(manifest, named, gathered, pushed_by="ann"), now=now)
    return manifest.digest


def test_a_committed_blob_is_linked_with_its_key_and_size(stores, repository):
    blobs, digest = stores[0], a_digest()
    assert blobs.link(repository, digest) is None
    link = blobs.commit(repository, digest, "blobs/one", SIZE, now=50)
    assert link == Link(digest, "blobs/one", SIZE, 50) == blobs.link(repository, digest)


def test_a_second_commit_keeps_the_first_object(stores, repository):
    blobs, digest = stores[0], a_digest()
    other = builders.repository("elsewhere/app", repository.project_id + 1)
    blobs.commit(repository, digest, "blobs/one", SIZE, now=50)
    assert blobs.commit(other, digest, "blobs/two", SIZE, now=60).key == "blobs/one"
    assert blobs.commit(repository, digest, "blobs/three", SIZE, now=70).key == "blobs/one"
    assert blobs.link(repository, digest).touched_at == 70


def test_a_mount_links_and_is_idempotent(stores, repository):
    blobs, digest = stores[0], a_digest()
    target = builders.repository("other/app", repository.project_id)
    link = blobs.commit(repository, digest, "blobs/one", SIZE, now=50)
    for now in (60, 61):
        assert blobs.mount(target, link, now=now).key == "blobs/one"
    assert blobs.link(target, digest).key == "blobs/one"


def test_a_blob_that_is_gone_cannot_be_mounted(stores, repository):
    assert stores[0].mount(repository, Link(a_digest(), "blobs/gone", SIZE, 0), now=1) is None


def test_a_project_knows_the_blobs_of_its_repositories_until_the_last_is_unlinked(stores, repository):
    blobs, digest = stores[0], a_digest()
    sibling = Repository(repository.project_id, replace(repository.name, repository="sibling"))
    assert blobs.project_blob(repository.project_id, digest) is None
    blobs.commit(repository, digest, "blobs/one", SIZE, now=50)
    blobs.commit(sibling, digest, "blobs/two", SIZE, now=50)
    assert blobs.project_blob(repository.project_id, digest).key == "blobs/one"
    assert blobs.unlink(repository, digest)
    assert blobs.project_blob(repository.project_id, digest) is not None
    assert blobs.unlink(sibling, digest)
    assert blobs.project_blob(repository.project_id, digest) is None
    assert not blobs.unlink(sibling, digest)


def test_touching_moves_the_grace_period_and_a_vanished_link_is_unknown(stores, repository):
    blobs, digest = stores[0], a_digest()
    link = blobs.commit(repository, digest, "blobs/one", SIZE, now=50)
    blobs.touch(repository, link, now=90)
    assert blobs.link(repository, digest).touched_at == 90
    blobs.unlink(repository, digest)
    with pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        blobs.touch(repository, link, now=91)


def test_a_manifest_comes_back_byte_for_byte_small_or_large(stores, repository):
    manifests = stores[1]
    for padding in (0, 70_000, 3_000_000):
        content = builders.image(annotations={"padding": "x" * padding}) + b"\n "
        digest = push(manifests, repository, content)
        found = manifests.find(repository, digest)
        assert (found.content, found.media_type) == (content, parsed(content).media_type)
    assert manifests.find(repository, a_digest()) is None


def test_a_tag_moves_and_its_old_manifest_stays(stores, repository):
    manifests = stores[1]
    first = push(manifests, repository, builders.image(layers=(b"1",)), "latest")
    second = push(manifests, repository, builders.image(layers=(b"2",)), "latest", "v2")
    assert manifests.resolve(repository, Tag("latest")) == second
    assert manifests.find(repository, first) is not None
    assert list(manifests.tags(repository, after=None, limit=10).items) == ["latest", "v2"]


def test_pushing_the_same_again_changes_nothing(stores, repository):
    manifests = stores[1]
    content = builders.image()
    digest = push(manifests, repository, content, "latest", now=100)
    assert push(manifests, repository, content, "latest", now=200) == digest
    assert manifests.find(repository, digest).pushed_at == 100


def test_a_tag_moved_between_read_and_write_is_noticed(stores, repository):
    manifests = stores[1]
    push(manifests, repository, builders.image(layers=(b"1",)), "latest")
    mine = parsed(builders.image(layers=(b"2",)))
    gathered = manifests.gather(repository, mine, [Tag("latest")])
    winner = push(manifests, repository, builders.image(layers=(b"3",)), "latest")
    with pytest.raises(TagMoved):
        manifests.put(repository, Push(mine, [Tag("latest")], gathered), now=5)
    assert manifests.resolve(repository, Tag("latest")) == winner
    assert manifests.find(repository, mine.digest) is None


def test_a_stale_link_is_touched_with_the_push_and_a_vanished_one_refuses_it(stores, repository):
    blobs, manifests = stores
    layer, config = Digest.of(b"layer" + repository.name.project.encode()), Digest.of(b"{}")
    link = blobs.commit(repository, layer, "blobs/one", SIZE, now=50)
    manifest = parsed(builders.image())
    gathered = manifests.gather(repository, manifest, [Tag("a")])
    manifests.put(repository, Push(manifest, [Tag("a")], gathered, [link]), now=900)
    assert blobs.link(repository, layer).touched_at == 900
    blobs.unlink(repository, layer)
    other = parsed(builders.image(layers=(b"other",)))
    gathered = manifests.gather(repository, other, [Tag("b")])
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        manifests.put(repository, Push(other, [Tag("b")], gathered, [link]), now=901)
    assert manifests.resolve(repository, Tag("b")) is None
    assert config not in gathered.links


def test_gather_finds_links_children_tags_and_the_manifest_itself(stores, repository):
    blobs, manifests = stores
    child = builders.image(layers=(b"only layer",))
    blobs.commit(repository, Digest.of(b"only layer"), "blobs/l", 10, now=1)
    child_digest = push(manifests, repository, child, "child")
    gathered = manifests.gather(repository, parsed(child), [Tag("child"), Tag("none")])
    assert (gathered.is_known, gathered.is_repository_known) == (True, True)
    assert set(gathered.links) == {Digest.of(b"only layer")}
    assert dict(gathered.tags) == {Tag("child"): child_digest}
    gathered = manifests.gather(repository, parsed(builders.index(child)), [])
    assert (dict(gathered.children), gathered.is_known) == ({child_digest: len(child)}, False)


def test_an_image_of_two_hundred_layers_with_stale_links_is_stored(stores, repository):
    blobs, manifests = stores
    layers = tuple(f"{repository} {number}".encode() for number in range(200))
    links = [blobs.commit(repository, Digest.of(layer), "blobs/x", len(layer), now=1) for layer in layers]
    manifest = parsed(builders.image(layers=layers))
    gathered = manifests.gather(repository, manifest, [Tag("big")])
    assert len(gathered.links) == 200
    manifests.put(repository, Push(manifest, [Tag("big")], gathered, links), now=900)
    assert manifests.resolve(repository, Tag("big")) == manifest.digest
    assert {blobs.link(repository, link.digest).touched_at for link in links[::50]} == {900}


def test_deleting_a_tag_keeps_its_manifest(stores, repository):
    manifests = stores[1]
    digest = push(manifests, repository, builders.image(), "a", "b")
    assert manifests.untag(repository, Tag("a"), by="ann")
    assert not manifests.untag(repository, Tag("a"), by="ann")
    assert list(manifests.tags(repository, after=None, limit=9).items) == ["b"]
    assert manifests.find(repository, digest) is not None


def test_deleting_a_manifest_takes_its_tags_but_not_those_of_others(stores, repository):
    manifests = stores[1]
    digest = push(manifests, repository, builders.image(layers=(b"1",)), "a", "b", "moved")
    other = push(manifests, repository, builders.image(layers=(b"2",)), "moved", "c")
    assert manifests.delete(repository, digest, by="ann")
    assert not manifests.delete(repository, digest, by="ann")
    assert manifests.find(repository, digest) is None
    assert list(manifests.tags(repository, after=None, limit=9).items) == ["c", "moved"]
    assert manifests.resolve(repository, Tag("moved")) == other


def test_tags_are_paged_in_byte_order(stores, repository):
    manifests = stores[1]
    names = ["B", "_x", "a", "a.1", "a0", "b"]
    push(manifests, repository, builders.image(), *names)
    seen: list[str] = []
    after = None
    while True:
        page = manifests.tags(repository, after=after, limit=4)
        seen += page.items
        after = page.after
        if after is None:
            break
    assert seen == sorted(names)
    assert list(manifests.tags(repository, after="a.5", limit=1).items) == ["a0"]


def test_a_repository_is_known_and_in_the_catalog_after_its_first_push(stores, repository):
    manifests = stores[1]
    assert not manifests.is_repository(repository)
    push(manifests, repository, builders.image())
    assert manifests.is_repository(repository)
    before = str(repository)[:-1]
    assert list(manifests.repositories(after=before, limit=1).items) == [str(repository)]


def test_referrers_are_listed_filtered_paged_and_gone_with_their_manifest(stores, repository):
    manifests = stores[1]
    subject = a_digest()
    refers = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(subject), "size": 9}
    contents = [
        builders.image(subject=refers, artifactType=f"application/x{number % 2}", annotations={"n": str(number)})
        for number in range(5)
    ]
    digests = [push(manifests, repository, content) for content in contents]
    page = manifests.referrers(repository, subject, artifact_type=None, after=None, limit=3)
    rest = manifests.referrers(repository, subject, artifact_type=None, after=page.after, limit=3)
    listed = {d.digest: (d.artifact_type, d.annotations, d.size_bytes) for d in (*page.items, *rest.items)}
    assert listed == {
        digest: (f"application/x{n % 2}", {"n": str(n)}, len(contents[n])) for n, digest in enumerate(digests)
    }
    assert rest.after is None
    only = manifests.referrers(repository, subject, artifact_type="application/x1", after=None, limit=9)
    assert {d.digest for d in only.items} == {digests[1], digests[3]}
    manifests.delete(repository, digests[1], by="ann")
    only = manifests.referrers(repository, subject, artifact_type="application/x1", after=None, limit=9)
    assert {d.digest for d in only.items} == {digests[3]}


def test_a_referrer_with_huge_annotations_is_listed_with_all_of_them(stores, repository):
    manifests, subject = stores[1], a_digest()
    refers = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(subject), "size": 9}
    annotations = {f"key{number}": "v" * 1000 for number in range(500)}
    push(manifests, repository, builders.image(subject=refers, annotations=annotations))
    (found,) = manifests.referrers(repository, subject, artifact_type=None, after=None, limit=9).items
    assert json.dumps(found.annotations, sort_keys=True) == json.dumps(annotations, sort_keys=True)


def test_a_page_of_referrers_is_short_rather_than_larger_than_clients_read(stores, repository):
    manifests, subject = stores[1], a_digest()
    refers = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(subject), "size": 9}
    contents = [
        builders.image(subject=refers, annotations={"n": str(number), "padding": "x" * size})
        for number, size in enumerate((1_500_000, 1_500_000, 1_500_000, 100, 3_900_000))
    ]
    digests = {push(manifests, repository, content) for content in contents}
    seen, after = [], None
    while True:
        page = manifests.referrers(repository, subject, artifact_type=None, after=after, limit=200)
        assert len(page.items) == 1 or sum(d.listed_bytes() for d in page.items) <= REFERRERS_BYTES
        seen += [d.digest for d in page.items]
        after = page.after
        if after is None:
            break
    assert (len(seen), set(seen)) == (5, digests)
