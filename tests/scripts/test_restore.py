"""Bringing the bucket back to a restored table: on a versioned bucket, and a table that the registry itself filled."""

from __future__ import annotations

import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.aws import provision
from chalicelib.config import Settings
from chalicelib.oci.digest import Digest
from scripts.restore import KINDS, main, named
from tests.builders import EMPTY, image
from tests.client import Client, basic
from tests.localstack.conftest import aws

LAYER = b"layer"


class Deployment:
    """A registry with one image, on a table and a versioned bucket of its own."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"restore-{uuid.uuid4().hex[:12]}"
        settings = Settings.from_environ({
            "AWS_ENDPOINT_URL": endpoint, "MOORAGE_TABLE": self.name, "MOORAGE_BUCKET": self.name,
            "MOORAGE_TOKEN_KEYS_SECRET": f"{self.name}/t", "MOORAGE_REGISTRY_KEYS_SECRET": f"{self.name}/r",
        })  # fmt: skip
        provision.create_table(settings)
        provision.create_bucket(settings)
        self.s3: Any = aws(endpoint, "s3")
        self.dynamodb: Any = aws(endpoint, "dynamodb")
        self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
        bootstrap.provision(settings, "admin-secret", now=int(time.time()))
        self.admin = Client(bootstrap.registry(settings), basic("admin", "admin-secret"))
        for content in (EMPTY, LAYER):
            assert self.admin.push_blob("library/app", content, Digest.of(content)).status == 201
        answer = self.admin.send("PUT", "/v2/library/app/manifests/1", image(EMPTY, (LAYER,)))
        assert answer.status == 201

    def keys(self) -> set[str]:
        return {found["Key"] for found in self.s3.list_objects_v2(Bucket=self.name).get("Contents", ())}


@pytest.fixture(scope="module")
def deployment(aws_endpoint: str) -> Deployment:
    return Deployment(aws_endpoint)


@pytest.fixture
def run(
    deployment: Deployment, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def run_(command: str, *arguments: str) -> tuple[int, str]:
        status = main([command, "--bucket", deployment.name, *arguments])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run_


def ago(**age: float) -> str:
    return (datetime.now(UTC) - timedelta(**age)).isoformat()


def test_a_table_and_its_bucket_agree(deployment: Deployment, run: Any) -> None:
    assert run("verify", "--table", deployment.name) == (
        0, f"{deployment.name} names 3 objects; 0 are missing in {deployment.name}; 0 more are there\n")  # fmt: skip


def test_what_was_deleted_comes_back(deployment: Deployment, run: Any) -> None:
    before = deployment.keys()
    for key in before:
        deployment.s3.delete_object(Bucket=deployment.name, Key=key)
    status, said = run("verify", "--table", deployment.name)
    assert status == 1
    assert "3 are missing" in said
    assert said.count("  missing: ") == 3
    assert "3 objects were deleted" in run("undelete", "--since", ago(minutes=5))[1]
    assert deployment.keys() == set()
    assert "they are back" in run("undelete", "--since", ago(minutes=5), "--apply")[1]
    assert deployment.keys() == before
    assert run("verify", "--table", deployment.name)[0] == 0


def test_what_was_deleted_before_that_time_stays_deleted(deployment: Deployment, run: Any) -> None:
    deployment.s3.put_object(Bucket=deployment.name, Key="blobs/old/1", Body=b"x")
    deployment.s3.delete_object(Bucket=deployment.name, Key="blobs/old/1")
    assert run("undelete", "--since", ago(hours=-1), "--apply")[1].startswith("0 objects")
    assert "blobs/old/1" not in deployment.keys()


def test_every_kind_of_item_that_names_an_object_is_looked_at(deployment: Deployment) -> None:
    items = deployment.dynamodb.scan(TableName=deployment.name)["Items"]
    naming = {
        item["kind"]["S"] for item in items if item.get("key", {}).get("S", "").startswith(("blobs/", "manifests/"))
    }
    assert naming == set(KINDS)
    assert len(set(named(deployment.dynamodb, deployment.name))) == 3


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24T09:30:00"])
def test_a_time_has_a_zone(run: Any, text: str) -> None:
    with pytest.raises(SystemExit):
        run("undelete", "--since", text)


def test_a_bucket_that_is_not_there_is_one_sentence(
    aws_endpoint: str, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--bucket", "no-such-bucket-here", "--table", "none"]) == 2
    assert capsys.readouterr().err.startswith("restore: ")


def test_the_registry_pulls_from_a_table_that_was_restored_and_put_in_place(
    aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps of docs/how-to/deploy-aws.md, "Back up and restore", in their order."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = Deployment(aws_endpoint)
    name, copy, dynamodb = made.name, f"{made.name}-restored", made.dynamodb
    enabled = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=enabled)
    since = ago(minutes=5)
    for key in made.keys():
        made.s3.delete_object(Bucket=name, Key=key)
    dynamodb.restore_table_to_point_in_time(SourceTableName=name, TargetTableName=copy, UseLatestRestorableTime=True)
    assert main(["verify", "--bucket", name, "--table", copy]) == 1
    assert main(["undelete", "--bucket", name, "--since", since, "--apply"]) == 0
    assert main(["verify", "--bucket", name, "--table", copy]) == 0
    backup = dynamodb.create_backup(TableName=copy, BackupName=copy)["BackupDetails"]["BackupArn"]
    dynamodb.delete_table(TableName=name)
    dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backup)
    assert made.admin.get("/v2/library/app/manifests/1").body == image(EMPTY, (LAYER,))
    located = made.admin.get(f"/v2/library/app/blobs/{Digest.of(LAYER)}")
    assert located.status == 307
    with urllib.request.urlopen(located.headers["location"]) as answer:
        assert answer.read() == LAYER
