"""What every ArtifactStore promises: run on the fake and on DynamoDB as the emulator plays it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.pulls import DynamoPulls
from chalicelib.aws.table import Table
from chalicelib.notify.ports import Pulled, PullStatistics
from chalicelib.oci.artifact import Statistics, repository_id
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import OCI_INDEX, OCI_MANIFEST
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.reference import Repository, Tag
from chalicelib.rbac.model import Project
from tests import builders
from tests.fakes.artifacts import FakeArtifacts
from tests.fakes.objects import FakeObjects
from tests.fakes.stores import FakeBlobs, FakeManifests


class Registry:
    """A store of each kind, and pushes as a client makes them: blobs first."""

    def __init__(self, blobs: Any, manifests: Any, artifacts: Any, pulls: PullStatistics) -> None:
        self.blobs, self.store, self.artifacts, self.pulls = blobs, manifests, artifacts, pulls
        self.manifests = Manifests(manifests)

    def push(
        self, repository: Repository, content: bytes, *tags: str, blobs: tuple[bytes, ...] = (), now: int = 100
    ) -> Digest:
        for blob in (builders.EMPTY, b"layer", *blobs):
            self.blobs.commit(repository, Digest.of(blob), f"blobs/{uuid.uuid4()}", len(blob), now=now)
        reference = Tag(tags[0]) if tags else Digest.of(content)
        more = [Tag(tag) for tag in tags[1:]]
        return self.manifests.put(repository, reference, content, None, tags=more, by="ann", now=now).digest

    def image(self, repository: Repository, text: str, *tags: str, now: int = 100, **more: Any) -> Digest:
        return self.push(repository, an_image(text, **more), *tags, now=now)

    def note_pull(self, repository: Repository, digest: Digest, tag: Tag | None, *, now: int, count: int = 1) -> None:
        self.pulls.note({Pulled(repository, digest, tag): count}, now=now, is_counted=True, is_timed=True)

    def shown(self, repository: Repository) -> list[Digest]:
        rows, total = self.artifacts.page(repository, 0, 100)
        assert total == len(rows)
        return [row.digest for row in rows]


def an_image(text: str, **more: Any) -> bytes:
    return builders.image(annotations={"text": text}, **more)


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request: pytest.FixtureRequest) -> Registry:
    if request.param == "fake":
        blobs = FakeBlobs()
        manifests = FakeManifests(blobs)
        artifacts = FakeArtifacts(manifests)
        return Registry(blobs, manifests, artifacts, artifacts)
    table: Table = request.getfixturevalue("table")
    pulls = DynamoPulls(request.getfixturevalue("settings"))
    return Registry(DynamoBlobs(table), DynamoManifests(table, FakeObjects()), DynamoArtifacts(table), pulls)


@pytest.fixture
def repository() -> Repository:
    unique = 10**6 + uuid.uuid4().int % 10**9
    return builders.repository(f"p{unique}/app", unique)


def subject_of(content: bytes) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(content)), "size": len(content)}


def test_the_list_has_the_newest_first_and_says_how_many(registry: Registry, repository: Repository) -> None:
    assert registry.artifacts.page(repository, 0, 10) == ([], 0)
    pushed = [registry.image(repository, str(number)) for number in range(7)]
    for offset in range(8):
        rows, total = registry.artifacts.page(repository, offset, 3)
        assert ([row.digest for row in rows], total) == (pushed[::-1][offset : offset + 3], 7)
        rows, total = registry.artifacts.page(repository, offset, 3, is_newest_first=False)
        assert ([row.digest for row in rows], total) == (pushed[offset : offset + 3], 7)
    assert [row.digest for row in registry.artifacts.rows(repository)] == pushed[::-1]


def test_a_manifest_pushed_again_is_listed_once_and_a_deleted_one_no_more(
    registry: Registry, repository: Repository
) -> None:
    first, second = registry.image(repository, "1", "a"), registry.image(repository, "2")
    assert registry.image(repository, "1", "b") == first
    assert registry.shown(repository) == [second, first]
    registry.manifests.delete(repository, first, by="ann")
    assert registry.shown(repository) == [second]
    assert registry.image(repository, "1") == first
    assert registry.shown(repository) == [first, second]


def test_a_row_tells_type_media_types_and_size(registry: Registry, repository: Repository) -> None:
    content = an_image("x")
    chart = builders.image(config=b"chart", layers=(b"layer", b"layer"))
    chart = chart.replace(builders.CONFIG_TYPE.encode(), b"application/vnd.cncf.helm.config.v1+json")
    registry.push(repository, content)
    registry.push(repository, chart, blobs=(b"chart",))
    index = builders.index(content, chart)
    registry.push(repository, index)
    artifact = builders.image(artifactType="application/vnd.acme.thing.config.v1+json", annotations={"n": "1"})
    registry.push(repository, artifact)
    found = {row.digest: row for row in registry.artifacts.rows(repository, is_with_hidden=True)}
    image_bytes, chart_bytes = len(content) + 2 + 5, len(chart) + 5 + 5
    assert found[Digest.of(content)][2:] == (
        image_bytes,
        "IMAGE",
        builders.CONFIG_TYPE,
        OCI_MANIFEST,
        builders.CONFIG_TYPE,
    )
    assert found[Digest.of(chart)][2:4] == (chart_bytes, "CHART")
    whole = len(index) + image_bytes + chart_bytes
    assert found[Digest.of(index)][2:] == (whole, "IMAGE", OCI_INDEX, OCI_INDEX, None)
    assert found[Digest.of(artifact)].artifact_type == "application/vnd.acme.thing.config.v1+json"


def test_children_of_an_index_leave_the_list_unless_they_have_a_tag(registry: Registry, repository: Repository) -> None:
    contents = [an_image(str(number)) for number in range(40)]
    digests = [registry.push(repository, content, *(("v1",) if n == 3 else ())) for n, content in enumerate(contents)]
    index = registry.push(repository, builders.index(*contents), "latest")
    assert registry.shown(repository) == [index, digests[3]]
    hidden = {row.digest for row in registry.artifacts.rows(repository, is_with_hidden=True)}
    assert hidden == {index, *digests}
    assert registry.artifacts.parents(repository, digests[0]) == [index]
    registry.push(repository, contents[5], "five")
    assert registry.shown(repository) == [index, digests[5], digests[3]]
    registry.manifests.delete(repository, index, by="ann")
    assert registry.shown(repository) == digests[::-1]
    assert registry.artifacts.parents(repository, digests[0]) == []


def test_a_child_of_two_indexes_comes_back_with_the_last(registry: Registry, repository: Repository) -> None:
    child = an_image("child")
    digest = registry.push(repository, child)
    indexes = [registry.push(repository, builders.index(child, annotations={"n": n})) for n in "12"]
    assert registry.shown(repository) == indexes[::-1]
    registry.manifests.delete(repository, indexes[0], by="ann")
    assert registry.shown(repository) == [indexes[1]]
    registry.manifests.delete(repository, indexes[1], by="ann")
    assert registry.shown(repository) == [digest]


def test_a_child_whose_index_is_pushed_again_leaves_the_list_again(registry: Registry, repository: Repository) -> None:
    child = an_image("child")
    registry.push(repository, child)
    index = registry.push(repository, builders.index(child))
    registry.manifests.delete(repository, Digest.of(child), by="ann")
    assert registry.shown(repository) == [index]
    registry.push(repository, child)
    registry.push(repository, builders.index(child), "again")
    assert registry.shown(repository) == [index]


def test_accessories_are_beside_the_list(registry: Registry, repository: Repository) -> None:
    subject = an_image("subject")
    digest = registry.push(repository, subject)
    signature = builders.image(
        subject=subject_of(subject), artifactType="application/vnd.dev.sigstore.bundle.v0.3+json"
    )
    registry.push(repository, signature, "sig", now=120)
    assert registry.shown(repository) == [digest]
    (found,) = registry.artifacts.accessories(repository, digest)
    size = len(signature) + 2 + 5
    assert found == (Digest.of(signature), size, "signature.cosign", found.artifact_type, 120)
    loaded = registry.artifacts.load(repository, [Digest.of(signature)])[Digest.of(signature)]
    assert (loaded.subject, loaded.is_shown) == (digest, False)
    registry.manifests.delete(repository, Digest.of(signature), by="ann")
    assert registry.artifacts.accessories(repository, digest) == []
    assert registry.shown(repository) == [digest]


def test_artifacts_are_loaded_without_their_bytes_unless_asked(registry: Registry, repository: Repository) -> None:
    small, large = an_image("small"), an_image("x" * 70_000)
    digests = [registry.push(repository, content, now=130) for content in (small, large)]
    absent = Digest.of(uuid.uuid4().bytes)
    found = registry.artifacts.load(repository, [*digests, absent])
    assert list(found) == digests
    artifact = found[digests[0]]
    assert (artifact.manifest_bytes, artifact.config_digest, artifact.pushed_by, artifact.content) == (
        len(small),
        Digest.of(b"{}"),
        "ann",
        None,
    )
    whole = registry.artifacts.load(repository, digests, is_with_content=True)
    assert [whole[digest].content for digest in digests] == [small, None]


def test_tags_know_when_they_were_set_and_pulled(registry: Registry, repository: Repository) -> None:
    digest = registry.image(repository, "1", "a", "b", now=100)
    registry.image(repository, "1", "c", now=200)
    registry.note_pull(repository, digest, Tag("b"), now=300)
    registry.note_pull(repository, digest, None, now=400, count=3)
    tags = registry.artifacts.tags_of(repository, digest)
    assert [(tag.name, tag.tagged_at, tag.pulled_at) for tag in tags] == [
        ("a", 100, None),
        ("b", 100, 300),
        ("c", 200, None),
    ]
    other = registry.image(repository, "2", "b", now=500)
    page = registry.artifacts.tag_page(repository, after="a", limit=2)
    assert [tuple(tag) for tag in page.items] == [("b", other, 500, None), ("c", digest, 200, None)]
    assert registry.artifacts.statistics(repository) == Statistics(4, 400)
    assert registry.artifacts.pulled(repository, [digest, other]) == {digest: 400}


def test_labels_are_a_set_of_a_hundred_and_go_with_the_artifact(registry: Registry, repository: Repository) -> None:
    digest, other = registry.image(repository, "1"), registry.image(repository, "2")
    for label in (*range(100), 7):
        assert registry.artifacts.add_label(repository, digest, label)
    assert not registry.artifacts.add_label(repository, digest, 100)
    assert not registry.artifacts.add_label(repository, Digest.of(b"absent"), 1)
    registry.artifacts.add_label(repository, other, 5)
    for label in (*range(1, 100), 300):
        registry.artifacts.remove_label(repository, digest, label)
    assert registry.artifacts.labelled(repository) == {digest: {0}, other: {5}}
    registry.artifacts.remove_label(repository, other, 5)
    assert registry.artifacts.labelled(repository) == {digest: {0}}
    assert registry.artifacts.load(repository, [digest, other])[digest].labels == {0}
    registry.manifests.delete(repository, digest, by="ann")
    registry.image(repository, "1")
    assert registry.artifacts.load(repository, [digest])[digest].labels == frozenset()


def test_a_repository_has_a_number_a_description_and_counts(registry: Registry, repository: Repository) -> None:
    assert registry.artifacts.repository(repository) is None
    assert not registry.artifacts.update_description(repository, "none", now=1)
    digest = registry.image(repository, "1", now=100)
    registry.image(repository, "2", now=150)
    registry.note_pull(repository, digest, None, now=170)
    record = registry.artifacts.repository(repository)
    number = repository_id(repository.project_id, "app")
    assert record.row == (str(repository), repository.project_id, number, 100)
    assert record[1:] == (None, 150, 2, 1, 170)
    assert 0 < number < 2**53
    assert registry.artifacts.update_description(repository, "size: all of it", now=200)
    assert registry.artifacts.repository(repository)[1:3] == ("size: all of it", 200)
    assert registry.artifacts.update_description(repository, None, now=210)
    assert registry.artifacts.repository(repository)[1:3] == (None, 210)


def test_repositories_of_a_project_are_paged_by_name(registry: Registry, repository: Repository) -> None:
    project = Project(repository.name.project, repository.project_id, is_public=False)
    names = [f"r{number}" for number in range(7)]
    for name in names:
        one = builders.repository(f"{project.name}/{name}", project.project_id)
        registry.image(one, name)
    elsewhere = builders.repository(f"{project.name}-more/app", project.project_id + 1)
    registry.image(elsewhere, "x")
    for offset in range(8):
        records, total = registry.artifacts.repositories(project, offset, 3)
        expected = [f"{project.name}/{name}" for name in names[offset : offset + 3]]
        assert ([record.row.name for record in records], total) == (expected, 7)
        assert all(record.artifact_count == 1 for record in records)
    assert [row.name for row in registry.artifacts.repository_rows(project)] == [f"{project.name}/{n}" for n in names]
    everywhere = registry.artifacts.repository_rows(None)
    assert str(elsewhere) in [row.name for row in everywhere]
    _, total = registry.artifacts.repositories(None, 0, 1)
    assert total == len(everywhere)


def test_a_repository_that_is_deleted_leaves_nothing(registry: Registry, repository: Repository) -> None:
    project = Project(repository.name.project, repository.project_id, is_public=False)
    _, total = registry.artifacts.repositories(None, 0, 1)
    contents = [an_image(str(number)) for number in range(25)]
    for number, content in enumerate(contents):
        registry.push(repository, content, f"v{number}", f"w{number}")
    registry.push(repository, builders.index(*contents), "latest")
    registry.push(repository, builders.image(subject=subject_of(contents[0])))
    registry.note_pull(repository, Digest.of(contents[0]), Tag("v0"), now=100)
    assert registry.store.delete_repository(repository, by="ann")
    assert not registry.store.delete_repository(repository, by="ann")
    assert registry.artifacts.repository(repository) is None
    assert registry.artifacts.repositories(project, 0, 10) == ([], 0)
    assert registry.artifacts.repositories(None, 0, 1)[1] == total
    assert registry.artifacts.rows(repository, is_with_hidden=True) == []
    assert not registry.store.is_repository(repository)
    assert list(registry.store.tags(repository, after=None, limit=9).items) == []
    assert registry.blobs.link(repository, Digest.of(b"layer")) is None
    digest = registry.image(repository, "again", "latest", now=900)
    assert registry.shown(repository) == [digest]
    record = registry.artifacts.repository(repository)
    assert (record.row.created_at, record.artifact_count, record.pull_count) == (900, 1, 0)
