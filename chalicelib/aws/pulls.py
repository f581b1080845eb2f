"""Statistics of pulls in DynamoDB, written over `wire`: a process that serves pulls and nothing else never loads botocore.

When an artifact was last pulled is a small item that is put over and over, so many are one BatchWriteItem. How often a repository
was pulled is a number that many add to: a call that is repeated may count twice, which a statistic bears.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.links import partition
from chalicelib.aws.wire import DYNAMODB, Wire
from chalicelib.config import Settings
from chalicelib.notify.ports import Pulled
from chalicelib.oci.reference import Repository

_PUTS = 25
_TIMEOUT_S = 2.0
_ATTEMPTS = 2


class DynamoPulls:
    """`notify.ports.PullStatistics`."""

    def __init__(self, settings: Settings) -> None:
        self._wire = Wire(DYNAMODB, settings, settings.dynamodb_endpoint_url, timeout_s=_TIMEOUT_S, attempts=_ATTEMPTS)
        self._table = settings.table

    def note(self, pulls: Mapping[Pulled, int], *, now: int, is_counted: bool, is_timed: bool) -> None:
        """See the port. What DynamoDB leaves out of a batch is not tried again: the next pull says it better."""
        counts = Counter[Repository]()
        for pulled, count in pulls.items():
            counts[pulled.repository] += count
        for repository, count in counts.items():
            self._count(repository, count if is_counted else 0, now if is_timed else None)
        times = _times(pulls, now) if is_timed else {}
        puts = [{"PutRequest": {"Item": item}} for item in times.values()]
        for start in range(0, len(puts), _PUTS):
            self._wire.call("BatchWriteItem", {"RequestItems": {self._table: puts[start : start + _PUTS]}})

    def _count(self, repository: Repository, count: int, now: int | None) -> None:
        at = ":n" if now is not None else "if_not_exists(pulled_at, :n)"
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": partition(repository)}, "sk": {"S": keys.STATISTICS}},
            "UpdateExpression": f"SET #k = :k, pulled_at = {at} ADD pull_count :c",
            "ExpressionAttributeNames": {"#k": "kind"},
            "ExpressionAttributeValues": {
                ":k": {"S": "statistics"},
                ":c": {"N": str(count)},
                ":n": {"N": str(now or 0)},
            },
        }
        self._wire.call("UpdateItem", request)


def _times(pulls: Mapping[Pulled, int], now: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The items that say when, by key: a batch may write an item only once."""
    items = {}
    for repository, digest, tag in pulls:
        for name in (None, str(tag)) if tag else (None,):
            pk, sk = partition(repository), keys.pulled(str(digest), name)
            items[pk, sk] = {"pk": {"S": pk}, "sk": {"S": sk}, "kind": {"S": "pulled"}, "pulled_at": {"N": str(now)}}
    return items
