"""Quotas on the emulator: exact after pushes, mounts and deletes, and refusing exactly what does not fit."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.table import Table
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.quota import UNLIMITED, Usage
from chalicelib.oci.reference import Repository, Tag
from tests import builders
from tests.fakes.objects import FakeObjects

LIMIT = 1_000_000


@pytest.fixture
def quotas(table: Table) -> Quotas:
    return Quotas(table)


@pytest.fixture
def blobs(table: Table) -> DynamoBlobs:
    return DynamoBlobs(table)


@pytest.fixture
def manifests(table: Table) -> Manifests:
    return Manifests(DynamoManifests(table, FakeObjects()))


@pytest.fixture
def repository(table: Table) -> Repository:
    """In a new project with a limit of a megabyte."""
    name = f"p{uuid.uuid4().hex[:12]}"
    project = DynamoProjects(table).create_project(name, is_public=False, by="ann", now=50, limit_bytes=LIMIT)
    assert project is not None
    return builders.repository(f"{name}/app", project.project_id)


def sibling(repository: Repository) -> Repository:
    return replace(repository, name=replace(repository.name, repository="sibling"))


def commit(blobs: DynamoBlobs, repository: Repository, size: int) -> Digest:
    digest = Digest.of(uuid.uuid4().bytes)
    blobs.commit(repository, digest, f"blobs/{uuid.uuid4()}", size, now=100)
    return digest


def test_a_new_project_has_its_limit_and_uses_nothing(quotas: Quotas, repository: Repository) -> None:
    assert quotas.usage(repository.project_id) == Usage(LIMIT, 0, 50, 50)


def test_a_project_without_a_limit_takes_anything_and_counts_it(
    table: Table, quotas: Quotas, blobs: DynamoBlobs
) -> None:
    project = DynamoProjects(table).create_project(f"p{uuid.uuid4().hex}", is_public=True, by="ann", now=1)
    commit(blobs, builders.repository(f"{project.name}/app", project.project_id), 2**50)
    assert quotas.usage(project.project_id)[:2] == (UNLIMITED, 2**50)


def test_a_project_from_before_quotas_gets_one_with_its_first_push(quotas: Quotas, blobs: DynamoBlobs) -> None:
    project_id = 10**6 + uuid.uuid4().int % 10**9
    assert quotas.usage(project_id) == Usage(UNLIMITED, 0)
    commit(blobs, builders.repository("old/app", project_id), 700)
    assert quotas.usage(project_id)[:2] == (UNLIMITED, 700)


def test_a_blob_may_be_as_large_as_the_whole_limit(quotas: Quotas, blobs: DynamoBlobs, repository: Repository) -> None:
    commit(blobs, repository, LIMIT)
    assert quotas.usage(repository.project_id)[:2] == (LIMIT, LIMIT)
    with pytest.raises(RegistryError, match="adding 1 B of storage resource") as refusal:
        commit(blobs, repository, 1)
    assert (refusal.value.status, refusal.value.code) == (403, "DENIED")


def test_shards_lend_to_the_last_byte(quotas: Quotas, blobs: DynamoBlobs, repository: Repository) -> None:
    sizes = [90_001, 250_000, 33_333, 400_000, 12_345, 100_000]
    for size in sizes:
        commit(blobs, repository, size)
    rest = LIMIT - sum(sizes)
    with pytest.raises(RegistryError):
        commit(blobs, repository, rest + 1)
    commit(blobs, repository, rest)
    assert quotas.usage(repository.project_id).used_bytes == LIMIT


def test_a_refused_blob_leaves_no_link(blobs: DynamoBlobs, repository: Repository) -> None:
    digest = Digest.of(uuid.uuid4().bytes)
    with pytest.raises(RegistryError):
        blobs.commit(repository, digest, "blobs/large", LIMIT + 1, now=100)
    assert blobs.link(repository, digest) is None
    assert blobs.project_blob(repository.project_id, digest) is None


def test_a_blob_is_charged_once_in_a_project_and_given_back_with_its_last_link(
    quotas: Quotas, blobs: DynamoBlobs, repository: Repository
) -> None:
    digest = commit(blobs, repository, 600_000)
    link = blobs.link(repository, digest)
    for is_shared in (True, False, True):
        assert blobs.mount(sibling(repository), link, now=100, is_shared=is_shared) is not None
    blobs.commit(sibling(repository), digest, "blobs/again", 600_000, now=100)
    assert quotas.usage(repository.project_id).used_bytes == 600_000
    assert blobs.unlink(repository, digest)
    assert not blobs.unlink(repository, digest)
    assert quotas.usage(repository.project_id).used_bytes == 600_000
    assert blobs.unlink(sibling(repository), digest)
    assert quotas.usage(repository.project_id).used_bytes == 0
    commit(blobs, repository, LIMIT)


def test_a_mount_from_another_project_is_charged_and_may_be_refused(
    table: Table, quotas: Quotas, blobs: DynamoBlobs, repository: Repository
) -> None:
    other = DynamoProjects(table).create_project(
        f"o{uuid.uuid4().hex}", is_public=True, by="ann", now=1, limit_bytes=500
    )
    target = builders.repository(f"{other.name}/app", other.project_id)
    small, large = (blobs.link(repository, commit(blobs, repository, size)) for size in (500, 501))
    with pytest.raises(RegistryError, match="upper limit of 500 B"):
        blobs.mount(target, large, now=100)
    assert blobs.mount(target, small, now=100, is_shared=True) is not None
    assert quotas.usage(other.project_id)[:2] == (500, 500)
    assert blobs.link(target, large.digest) is None


def test_a_manifest_is_charged_in_each_repository_and_given_back(
    quotas: Quotas, manifests: Manifests, blobs: DynamoBlobs, repository: Repository
) -> None:
    content = builders.image(annotations={"n": uuid.uuid4().hex})
    for one in (repository, sibling(repository)):
        for blob in (b"{}", b"layer"):
            blobs.commit(one, Digest.of(blob), f"blobs/{uuid.uuid4()}", len(blob), now=100)
        for tag in ("a", "b"):
            manifests.put(one, Tag(tag), content, None, tags=(), by="ann", now=100)
    assert quotas.usage(repository.project_id).used_bytes == 2 * len(content) + 7
    manifests.delete(repository, Digest.of(content), by="ann")
    assert quotas.usage(repository.project_id).used_bytes == len(content) + 7
    manifests.delete(sibling(repository), Digest.of(content), by="ann")
    assert quotas.usage(repository.project_id).used_bytes == 0


def test_a_manifest_that_does_not_fit_stores_nothing(
    quotas: Quotas, manifests: Manifests, blobs: DynamoBlobs, repository: Repository
) -> None:
    content = builders.image()
    for blob in (b"{}", b"layer"):
        blobs.commit(repository, Digest.of(blob), f"blobs/{uuid.uuid4()}", len(blob), now=100)
    commit(blobs, repository, LIMIT - 7 - len(content) + 1)
    used = quotas.usage(repository.project_id).used_bytes
    with pytest.raises(RegistryError, match="will exceed the configured upper limit"):
        manifests.put(repository, Tag("a"), content, None, tags=(), by="ann", now=100)
    assert quotas.usage(repository.project_id).used_bytes == used
    with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN"):
        manifests.get(repository, Tag("a"), now=100)


def test_a_limit_is_raised_and_lowered_exactly(quotas: Quotas, blobs: DynamoBlobs, repository: Repository) -> None:
    project = repository.project_id
    first = commit(blobs, repository, 800_000)
    for limit, fits in ((2_000_000, 1_200_000), (900_000, 100_000), (UNLIMITED, 2**40), (800_001, 1)):
        assert quotas.set_limit(project, limit, now=70) == Usage(limit, 800_000, 50, 70)
        assert quotas.usage(project) == Usage(limit, 800_000, 50, 70)
        if limit != UNLIMITED:
            with pytest.raises(RegistryError, match="will exceed"):
                commit(blobs, repository, fits + 1)
        assert blobs.unlink(repository, commit(blobs, repository, fits))
    assert blobs.unlink(repository, first)
    assert quotas.usage(project).used_bytes == 0


def test_a_limit_below_what_is_used_refuses_all_until_enough_is_deleted(
    quotas: Quotas, blobs: DynamoBlobs, repository: Repository
) -> None:
    digests = [commit(blobs, repository, 200_000) for _ in range(4)]
    quotas.set_limit(repository.project_id, 300_000, now=70)
    with pytest.raises(
        RegistryError, match=r"current usage of 781\.2 KiB will exceed the configured upper limit of 293\.0 KiB"
    ):
        commit(blobs, repository, 1)
    blobs.unlink(repository, digests[0])
    for _ in range(40):  # whatever shard they would be charged to, also that of the deleted blob
        with pytest.raises(RegistryError):
            commit(blobs, repository, 1)
    for digest in digests[1:3]:
        blobs.unlink(repository, digest)
    with pytest.raises(RegistryError):
        commit(blobs, repository, 100_001)
    for size in (1, 99_000, 998):
        commit(blobs, repository, size)
    with pytest.raises(RegistryError):
        commit(blobs, repository, 2)
    commit(blobs, repository, 1)
    assert quotas.usage(repository.project_id)[:2] == (300_000, 300_000)


def test_a_limit_may_change_while_more_than_it_is_used(
    quotas: Quotas, blobs: DynamoBlobs, repository: Repository
) -> None:
    commit(blobs, repository, 800_000)
    for limit in (300_000, 100, 400_000, 700_000):
        assert quotas.set_limit(repository.project_id, limit, now=70)[:2] == (limit, 800_000)
        with pytest.raises(RegistryError):
            commit(blobs, repository, 1)
    quotas.set_limit(repository.project_id, 800_010, now=70)
    with pytest.raises(RegistryError):
        commit(blobs, repository, 11)
    commit(blobs, repository, 10)
    quotas.set_limit(repository.project_id, UNLIMITED, now=70)
    commit(blobs, repository, 2**50)


def test_a_warning_is_noted_once(quotas: Quotas, repository: Repository) -> None:
    project = repository.project_id
    assert [quotas.note_warning(project, is_warned=True) for _ in range(3)] == [True, False, False]
    assert [quotas.note_warning(project, is_warned=False) for _ in range(2)] == [True, False]


def test_a_removed_project_takes_no_more_and_still_gives_back(
    table: Table, quotas: Quotas, blobs: DynamoBlobs, repository: Repository
) -> None:
    digest = commit(blobs, repository, 10)
    table.write(quotas.close_actions(repository.project_id, now=60, ends_at=2**33))
    with pytest.raises(RegistryError, match="NAME_UNKNOWN"):
        commit(blobs, repository, 1)
    assert quotas.usage(repository.project_id).used_bytes == 10
    assert blobs.unlink(repository, digest)
    assert quotas.usage(repository.project_id).used_bytes == 0


def test_what_a_charge_and_a_reading_cost(
    quotas: Quotas, blobs: DynamoBlobs, repository: Repository, calls: Callable[[], dict[str, int]]
) -> None:
    calls()
    commit(blobs, repository, 10)
    assert calls() == {"DynamoDB.TransactWriteItems": 1}
    quotas.usage(repository.project_id)
    assert calls() == {"DynamoDB.Query": 1}
    commit(blobs, repository, LIMIT // 2)
    assert calls() == {"DynamoDB.TransactWriteItems": 2, "DynamoDB.Query": 1}
