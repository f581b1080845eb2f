"""Five hundred at a time: no byte is lost, nobody gets a 5xx, and the quota refuses exactly what does not fit. Transactions get
in each other's way as in DynamoDB (`tests.fakes.conflicts`)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.quotas import Quotas
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.quota import UNLIMITED
from chalicelib.oci.reference import Repository, Tag
from tests import builders
from tests.fakes.conflicts import ConflictingTable
from tests.fakes.objects import FakeObjects

MANY = 500
BLOB_BYTES = 10_000


class Crowd:
    """A project, and clients that push into it."""

    def __init__(self, settings: Settings, limit_bytes: int, repositories: int) -> None:
        self.table = ConflictingTable(settings)
        self.project = 10**6 + uuid.uuid4().int % 10**9
        self.quotas, self.blobs = Quotas(self.table), DynamoBlobs(self.table)
        self.manifests = Manifests(DynamoManifests(self.table, FakeObjects()))
        self.repositories = [builders.repository(f"p{self.project}/r{n}", self.project) for n in range(repositories)]
        self.table.write(self.quotas.create_actions(self.project, limit_bytes, now=1))

    def repository(self, number: int) -> Repository:
        return self.repositories[number % len(self.repositories)]

    def layer(self, number: int) -> bytes:
        return f"{self.project} {number}".encode()

    def push_blob(self, number: int, size: int = BLOB_BYTES) -> None:
        digest = Digest.of(self.layer(number))
        self.blobs.commit(self.repository(number), digest, f"blobs/{number}", size, now=100)

    def image(self, number: int) -> bytes:
        """Images of one repository share a config."""
        return builders.image(self.config(number), (self.layer(number),))

    def config(self, number: int) -> bytes:
        return f"{{}}{self.repository(number)}".encode()

    def push_image(self, number: int) -> Digest:
        repository, content = self.repository(number), self.image(number)
        for blob in (self.config(number), self.layer(number)):
            self.blobs.commit(repository, Digest.of(blob), f"blobs/{number}", len(blob), now=100)
        return self.manifests.put(repository, Tag(f"t{number}"), content, None, tags=(), by="ann", now=100).digest

    def run(self, work: Callable[[int], object]) -> list[str]:
        """What each of five hundred got: ok, or an error's code."""

        def one(number: int) -> str:
            try:
                work(number)
            except RegistryError as error:
                return error.code
            return "ok"

        with ThreadPoolExecutor(MANY) as pool:
            return list(pool.map(one, range(MANY)))


def test_a_limit_takes_exactly_as_many_blobs_as_fit(settings: Settings) -> None:
    crowd = Crowd(settings, 300 * BLOB_BYTES + 77, repositories=20)
    results = crowd.run(crowd.push_blob)
    assert Counter(results) == {"ok": 300, "DENIED": 200}
    assert crowd.quotas.usage(crowd.project).used_bytes == 300 * BLOB_BYTES
    links = [crowd.blobs.link(crowd.repository(n), Digest.of(crowd.layer(n))) for n in range(MANY)]
    assert [link is not None for link in links] == [result == "ok" for result in results]
    assert crowd.table.conflicts > 0


@pytest.mark.slow
@pytest.mark.parametrize("repositories", [1, 25, MANY])
def test_images_pushed_at_once_are_all_there(settings: Settings, repositories: int) -> None:
    crowd = Crowd(settings, UNLIMITED, repositories)
    assert set(crowd.run(crowd.push_image)) == {"ok"}
    expected = sum(len(crowd.config(number)) for number in range(repositories))
    for number in range(MANY):
        content = crowd.image(number)
        found = crowd.manifests.get(crowd.repository(number), Tag(f"t{number}"), now=100)
        assert found.content == content
        expected += len(content) + len(crowd.layer(number))
    assert crowd.quotas.usage(crowd.project).used_bytes == expected
    artifacts = DynamoArtifacts(crowd.table)
    counts = [artifacts.page(repository, 0, 1)[1] for repository in crowd.repositories]
    assert counts == [MANY // repositories] * repositories


@pytest.mark.slow
def test_a_blob_linked_by_a_hundred_repositories_at_once_is_charged_once(settings: Settings) -> None:
    """All of them write the same two items, which take turns: some 15 ms each here."""
    crowd = Crowd(settings, 1_000, repositories=100)
    digest = Digest.of(crowd.layer(0))
    results = crowd.run(
        lambda n: n < 100 and crowd.blobs.commit(crowd.repository(n), digest, "blobs/x", 1_000, now=100)
    )
    assert set(results) == {"ok"}
    assert all(crowd.blobs.link(repository, digest) for repository in crowd.repositories)
    assert crowd.quotas.usage(crowd.project).used_bytes == 1_000


@pytest.mark.slow
def test_sizes_of_all_kinds_never_exceed_the_limit(settings: Settings) -> None:
    crowd = Crowd(settings, 1_000_000, repositories=20)
    sizes = [(n * 7919) % 9_000 + 1 for n in range(MANY)]
    results = crowd.run(lambda number: crowd.push_blob(number, sizes[number]))
    accepted = [size for size, result in zip(sizes, results, strict=True) if result == "ok"]
    refused = [size for size, result in zip(sizes, results, strict=True) if result == "DENIED"]
    assert len(accepted) + len(refused) == MANY
    used = crowd.quotas.usage(crowd.project).used_bytes
    assert used == sum(accepted) <= 1_000_000
    # Whoever was refused would not fit now: nothing was given back meanwhile.
    assert min(refused) > 1_000_000 - used


@pytest.mark.slow
def test_images_deleted_at_once_leave_nothing(settings: Settings) -> None:
    crowd = Crowd(settings, UNLIMITED, repositories=10)
    digests = {number: crowd.push_image(number) for number in range(100)}

    def delete(number: int) -> None:
        if number in digests:
            crowd.manifests.delete(crowd.repository(number), digests[number], by="ann")

    assert set(crowd.run(delete)) == {"ok"}
    assert crowd.quotas.usage(crowd.project).used_bytes == 0
