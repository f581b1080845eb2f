"""A page of Harbor's lists costs the same of ten and of ten thousand: repositories, artifacts with all they tell, labels."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from chalicelib.aws import counters, keys, rows
from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.contents import S3Contents
from chalicelib.aws.labels import DynamoLabels
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.registry_tables import (
    CatalogItem,
    LabelsItem,
    LinkItem,
    ManifestItem,
    ReferrerItem,
    RepositoryItem,
    TagOfItem,
)
from chalicelib.aws.tables import RowItem
from chalicelib.oci.artifact import row_of
from chalicelib.oci.artifacts import Artifacts, Wanted
from chalicelib.oci.contents import Contents
from chalicelib.oci.digest import Digest
from chalicelib.oci.label import LabelText
from chalicelib.oci.manifest import OCI_MANIFEST, parse_manifest
from chalicelib.oci.reference import Repository
from chalicelib.rbac.model import Project
from tests import builders
from tests.fakes.objects import FakeObjects
from tests.scale.tables import CountingTable, fill

pytestmark = pytest.mark.slow

MANY = 10_000
CONFIG = b'{"architecture": "amd64", "os": "linux"}'
MANIFEST = parse_manifest(builders.image(config=CONFIG), OCI_MANIFEST, Digest.of(builders.image(config=CONFIG)))
FIRST_US = 1_700_000_000_000_000


def cost(table: CountingTable, ask: Callable[[], object]) -> int:
    before = table.calls
    ask()
    return table.calls - before


def repository_of(table: CountingTable, objects: FakeObjects, artifacts: int, label: int) -> Repository:
    """A repository of images that all have the same bytes under different names, each with a tag, a signature and a label."""
    unique = uuid.uuid4().int % 10**9
    repository = builders.repository(f"p{unique}/app", unique)
    pk, digests = keys.repository(unique, "app"), [str(Digest.of(f"{n}".encode())) for n in range(artifacts)]
    row = row_of(MANIFEST, (), FIRST_US)
    manifest = ManifestItem(
        pk,
        media_type=MANIFEST.media_type,
        size_bytes=len(MANIFEST.content),
        content=MANIFEST.content,
        key="k",
        pushed_at=1,
        pushed_by="admin",
        pushed_us=FIRST_US,
        row=rows.SHOWN,
        is_tagged=True,
        type=row.type,
        config_type=row.media_type,
        config_digest=str(MANIFEST.blobs[0].digest),
        total_bytes=row.size_bytes,
    )
    fill(table, RepositoryItem(pk, created_at=1), [keys.REPOSITORY])
    fill(table, manifest, [keys.manifest(digest) for digest in digests])
    fill(table, rows.row_item(pk, row, rows.SHOWN), [keys.shown(FIRST_US + n, d) for n, d in enumerate(digests)])
    fill(table, TagOfItem(pk, tagged_at=1), [keys.tag_of(digest, f"v{n}") for n, digest in enumerate(digests)])
    fill(table, LabelsItem(pk, labels={label}), [keys.labels(digest) for digest in digests])
    signature = ReferrerItem(pk, media_type=OCI_MANIFEST, size_bytes=1, total_bytes=1, pushed_at=1)
    fill(table, signature, [keys.referrer(digest, str(Digest.of(b"signature"))) for digest in digests])
    link = LinkItem(pk, key="config", size_bytes=len(CONFIG), touched_at=1)
    fill(table, link, [keys.link(str(MANIFEST.blobs[0].digest))])
    table.write([counters.action(table, keys.artifacts(unique, "app"), "any", artifacts)])
    return repository


def test_a_page_of_artifacts_with_tags_labels_and_accessories(dynamodb_local: CountingTable) -> None:
    table, objects = dynamodb_local, FakeObjects()
    objects.put("config", CONFIG)
    store, labels = DynamoArtifacts(table), DynamoLabels(table)
    label = labels.create(0, LabelText(uuid.uuid4().hex), now=1)
    assert label is not None
    wanted = Wanted(tags=True, labels=True, accessories=True)
    for count in (10, MANY):
        repository = repository_of(table, objects, count, label.label_id)
        for offset in (0, count // 2 - 5, count - 10):
            artifacts = Artifacts(
                store, DynamoManifests(table, objects), Contents(S3Contents(table, objects)), labels
            )

            def page(
                offset: int = offset, artifacts: Artifacts = artifacts, at: Repository = repository, count: int = count
            ) -> None:
                found, total = store.page(at, offset, 10)
                details = artifacts.details(at, [row.digest for row in found], wanted, now=1)
                assert (len(details), total) == (10, count)
                assert all(d.tags and d.labels and d.accessories and d.attributes for d in details)

            assert cost(table, page) == 26


def test_a_page_of_repositories_of_a_project_and_of_all(dynamodb_local: CountingTable) -> None:
    table = dynamodb_local
    store = DynamoArtifacts(table)
    for count in (10, MANY):
        unique = uuid.uuid4().int % 10**9
        project = Project(f"p{unique}", unique, is_public=False)
        names = [f"r{number:06}" for number in range(count)]
        fill(table, CatalogItem(keys.CATALOG, project_id=unique), [f"{project.name}/{name}" for name in names])
        for name in names[:10] + names[count // 2 - 5 : count // 2 + 5]:
            fill(table, RepositoryItem(keys.repository(unique, name), created_at=1), [keys.REPOSITORY])
        table.write([counters.action(table, keys.repositories(unique), "any", count)])
        for offset in (0, count // 2 - 5):

            def page(offset: int = offset, project: Project = project, count: int = count) -> None:
                found, total = store.repositories(project, offset, 10)
                assert (len(found), total) == (10, count)

            assert cost(table, page) == 4


def test_a_page_of_labels(dynamodb_local: CountingTable) -> None:
    table = dynamodb_local
    labels = DynamoLabels(table)
    for count in (10, MANY):
        unique = uuid.uuid4().int % 10**9
        pk, list_name = keys.rows(f"labels#{unique}"), f"labels#{unique}"
        fill(table, RowItem(pk, fields={"n": "label", "c": 1, "u": 1}), [f"{number:016d}" for number in range(count)])
        table.write([counters.action(table, list_name, "any", count)])
        for offset in (0, count // 2, count - 10):

            def page(offset: int = offset, unique: int = unique, count: int = count) -> None:
                found, total = labels.page(unique, offset, 10, is_descending=False)
                labels.load(row.label_id for row in found)
                assert total == count

            assert cost(table, page) == 3
