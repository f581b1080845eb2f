"""Bring the bucket back to what a restored table names, and say whether it is all there.

    python scripts/restore.py undelete --bucket moorage-123456789012-us-east-1 --since 2026-11-24T09:30:00Z
    python scripts/restore.py undelete --bucket moorage-123456789012-us-east-1 --since 2026-11-24T09:30:00Z --apply
    python scripts/restore.py verify --bucket moorage-123456789012-us-east-1 --table moorage-restored

`undelete` takes away the marks of whatever was deleted since that time; without --apply it only says how much that is. Objects
are never overwritten, so nothing that is there now changes. `verify` reads the whole table and the list of all objects, and names
what the table has and the bucket has not. AWS credentials and the region are found as every AWS SDK finds them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

KINDS = ("blob", "link", "manifest", "project_blob")
"""Items that name an object of the bucket in `key`."""
_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it was done and nothing is missing, 1 when something is, 2 with a sentence when it could not be done."""
    options = _parser().parse_args(arguments)
    session = botocore.session.get_session()
    try:
        s3 = session.create_client("s3")
        if options.command == "undelete":
            return _undelete(s3, options.bucket, options.since, is_applied=options.apply)
        return _verify(s3, session.create_client("dynamodb"), options.bucket, options.table)
    except (BotoCoreError, ClientError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 2


def marks(s3: Any, bucket: str, since: datetime) -> Iterator[tuple[str, str]]:
    """Key and version of each mark of a deletion since then that is still in force."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for mark in page.get("DeleteMarkers", ()):
            if mark["IsLatest"] and mark["LastModified"] >= since:
                yield mark["Key"], mark["VersionId"]


def named(dynamodb: Any, table: str) -> Iterator[str]:
    """Every object that the table names; some more than once."""
    query = {
        "TableName": table,
        "ProjectionExpression": "#key",
        "FilterExpression": f"kind IN ({', '.join(f':{kind}' for kind in KINDS)}) AND attribute_exists(#key)",
        "ExpressionAttributeNames": {"#key": "key"},
        "ExpressionAttributeValues": {f":{kind}": {"S": kind} for kind in KINDS},
    }
    for page in dynamodb.get_paginator("scan").paginate(**query):
        for item in page["Items"]:
            yield item["key"]["S"]


def present(s3: Any, bucket: str) -> set[str]:
    """The keys of all objects."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {found["Key"] for page in pages for found in page.get("Contents", ())}


def _undelete(s3: Any, bucket: str, since: datetime, *, is_applied: bool) -> int:
    count = 0
    for key, version in marks(s3, bucket, since):
        if is_applied:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
        count += 1
    print(
        f"{count} objects were deleted since {since.isoformat()}"
        + ("; they are back" if is_applied else "; --apply brings them back")
    )
    return 0


def _verify(s3: Any, dynamodb: Any, bucket: str, table: str) -> int:
    there, wanted = present(s3, bucket), set(named(dynamodb, table))
    missing = sorted(wanted - there)
    print(
        f"{table} names {len(wanted)} objects; {len(missing)} are missing in {bucket}; {len(there - wanted)} more are there"
    )
    for key in missing[:_SHOWN]:
        print(f"  missing: {key}")
    return 1 if missing else 0


def _time(text: str) -> datetime:
    """A time with its zone. Raises `ValueError`, which argparse shows."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("the time needs a zone, such as Z")
    return time


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restore.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    undelete = commands.add_parser("undelete", help="bring back what was deleted since a time")
    undelete.add_argument("--since", type=_time, required=True, help="with its zone: 2026-11-24T09:30:00Z")
    undelete.add_argument("--apply", action="store_true", help="do it; without this it is only counted")
    verify = commands.add_parser("verify", help="compare a table with the bucket")
    verify.add_argument("--table", required=True)
    for command in (undelete, verify):
        command.add_argument("--bucket", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
