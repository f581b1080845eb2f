"""Statistics of pulls in DynamoDB: what pulls add, and at what cost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.pulls import DynamoPulls
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.notify.ports import Pulled
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository, Tag
from tests import builders
from tests.conftest import free_port

NOW = 1_800_000_000
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")


@pytest.fixture
def repository() -> Repository:
    return builders.repository("team/app", uuid.uuid4().int % 10**12)


def test_pulls_are_counted_and_timed(
    settings: Settings, table: Table, repository: Repository, calls: Callable[[], dict[str, int]]
) -> None:
    pulls, artifacts = DynamoPulls(settings), DynamoArtifacts(table)
    asked = {Pulled(repository, ONE, Tag("v1")): 3, Pulled(repository, ONE, None): 1, Pulled(repository, TWO, None): 2}
    calls()
    pulls.note(asked, now=NOW, is_counted=True, is_timed=True)
    assert calls() == {"DynamoDB.UpdateItem": 1, "DynamoDB.BatchWriteItem": 1}
    pulls.note({Pulled(repository, ONE, None): 4}, now=NOW + 9, is_counted=True, is_timed=True)
    assert artifacts.statistics(repository).pull_count == 10
    assert artifacts.statistics(repository).pulled_at == NOW + 9
    assert artifacts.pulled(repository, [ONE, TWO]) == {ONE: NOW + 9, TWO: NOW}


@pytest.mark.parametrize(("is_counted", "is_timed", "count"), [(True, False, 5), (False, True, 0)])
def test_only_what_is_wanted_is_written(
    settings: Settings, table: Table, repository: Repository, is_counted: bool, is_timed: bool, count: int
) -> None:
    artifacts = DynamoArtifacts(table)
    DynamoPulls(settings).note({Pulled(repository, ONE, None): 5}, now=NOW, is_counted=is_counted, is_timed=is_timed)
    assert artifacts.pulled(repository, [ONE]) == ({ONE: NOW} if is_timed else {})
    assert artifacts.statistics(repository).pull_count == count


def test_a_dead_store_is_an_error_of_two_tries(settings: Settings, repository: Repository) -> None:
    dead = replace(settings, dynamodb_endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryError):
        DynamoPulls(dead).note({Pulled(repository, ONE, None): 5}, now=NOW, is_counted=True, is_timed=True)
