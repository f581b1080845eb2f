"""Make the table and the bucket where Terraform did not: for the embedded stack, tests and benchmarks. Idempotent."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.exceptions import ClientError

from chalicelib.config import Settings


def create_table(settings: Settings) -> None:
    """Create the DynamoDB table with its TTL attribute."""
    client = _client(settings, "dynamodb", settings.dynamodb_endpoint_url)
    try:
        client.create_table(
            TableName=settings.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        return
    client.get_waiter("table_exists").wait(TableName=settings.table, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.update_time_to_live(
        TableName=settings.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )


def create_bucket(settings: Settings) -> None:
    """Create the bucket."""
    client = _client(settings, "s3", settings.s3_endpoint_url)
    where: dict[str, Any] = {}
    if settings.region != "us-east-1":
        where["CreateBucketConfiguration"] = {"LocationConstraint": settings.region}
    try:
        client.create_bucket(Bucket=settings.bucket, **where)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


def _client(settings: Settings, service: str, endpoint: str) -> Any:
    session = botocore.session.get_session()
    return session.create_client(service, region_name=settings.region, endpoint_url=endpoint or None)
