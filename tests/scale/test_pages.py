"""A page costs the same in a small repository and in a huge one. On DynamoDB Local, whose queries do not scan as emulators do."""

from __future__ import annotations

import uuid

import pytest

from chalicelib.aws import keys
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.registry_tables import CatalogItem, RepositoryItem, TagItem
from chalicelib.oci.catalog import Catalog
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository
from chalicelib.oci.tags import Asked, Tags
from tests import builders
from tests.fakes.objects import FakeObjects
from tests.scale.tables import CountingTable, fill

pytestmark = pytest.mark.slow

DIGEST = str(Digest.of(b"any"))
MANY = 100_000


def repository_of(table: CountingTable, tags: int) -> Repository:
    unique = uuid.uuid4().int % 10**9
    repository = builders.repository(f"p{unique}/app", unique)
    pk = keys.repository(unique, "app")
    fill(table, RepositoryItem(pk, created_at=1), [keys.REPOSITORY])
    fill(table, TagItem(pk, digest=DIGEST, tagged_at=1), [keys.tag(f"v{number:06}") for number in range(tags)])
    return repository


def test_a_page_of_tags_costs_one_call_of_ten_and_of_a_hundred_thousand(dynamodb_local: CountingTable) -> None:
    tags = Tags(DynamoManifests(dynamodb_local, FakeObjects()))
    for count, after in ((10, "v000002"), (MANY, "v050000")):
        repository = repository_of(dynamodb_local, count)
        for asked in (Asked(5, None), Asked(5, after), Asked(1000, None)):
            dynamodb_local.calls = 0
            page = tags.page(repository, asked)
            assert len(page.items) == min(asked.limit, count)
            assert dynamodb_local.calls == 1


def test_a_page_of_the_catalog_costs_one_query_of_ten_and_of_twenty_thousand(dynamodb_local: CountingTable) -> None:
    catalog = Catalog(DynamoManifests(dynamodb_local, FakeObjects()))
    for count in (10, 20_000):
        names = [f"team{number % 7}/r{number:06}" for number in range(count)]
        fill(dynamodb_local, CatalogItem(keys.CATALOG, project_id=1), names)
        for limit, after in ((5, None), (5, "team3/r000003")):
            dynamodb_local.calls = 0
            page = catalog.page(after=after, limit=limit, visible=frozenset)
            assert len(page.items) == 5 or count == 10
            assert dynamodb_local.calls == 1
