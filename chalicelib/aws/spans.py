"""Spans of a partition: rows from one sort key to another, as they come from DynamoDB, and many writes without conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.aws.table import Table, pause
from chalicelib.errors import RegistryError

Raw = dict[str, Any]
_PUTS = 25
_RETRIES = 8


def between(
    table: Table,
    pk: str,
    first: str,
    last: str,
    *,
    limit: int | None = None,
    forward: bool = True,
    fields: Sequence[str] = (),
) -> Iterator[list[Raw]]:
    """Read the rows between two sort keys, both included, one call a page. The first page has at most `limit` rows, any has at
    most 1 MB. With `fields` only these attributes are sent."""
    request: Raw = {
        "TableName": table.name,
        "ConsistentRead": True,
        "ScanIndexForward": forward,
        "KeyConditionExpression": "pk = :p AND sk BETWEEN :f AND :l",
        "ExpressionAttributeValues": {":p": {"S": pk}, ":f": {"S": first}, ":l": {"S": last}},
    }
    if limit is not None:
        request["Limit"] = limit
    if fields:
        request["ProjectionExpression"] = ", ".join(fields)
    while True:
        answer = table.send("Query", request)
        yield answer["Items"]
        request = {name: value for name, value in request.items() if name != "Limit"}
        request["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
        if not request["ExclusiveStartKey"]:
            return


def put(item: Raw) -> Raw:
    """Make the request of a batch that writes an item."""
    return {"PutRequest": {"Item": item}}


def delete(pk: str, sk: str) -> Raw:
    """Make the request of a batch that deletes an item."""
    return {"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}}


def write(table: Table, requests: Sequence[Raw]) -> None:
    """Do them all, 25 a call; what DynamoDB leaves out is tried again. No item may be among them twice.
    Raises UNAVAILABLE; then some were done."""
    for start in range(0, len(requests), _PUTS):
        pending: Any = requests[start : start + _PUTS]
        for attempt in range(_RETRIES):
            answer = table.send("BatchWriteItem", {"RequestItems": {table.name: pending}})
            pending = answer.get("UnprocessedItems", {}).get(table.name)
            if not pending:
                break
            pause(attempt)
        else:
            raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})
