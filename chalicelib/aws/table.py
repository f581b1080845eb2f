"""The shapes of access the stores are written with: get, batch, query, put, transaction. All reads are strongly consistent.

Reads go over `wire`, writes through one PynamoDB connection made once per process. Source: DynamoDB API reference (GetItem,
BatchGetItem, Query, TransactWriteItems) and its limits: 100 keys a batch, 100 actions a transaction.
"""

from __future__ import annotations

import functools
import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from pynamodb.exceptions import VerboseClientError

from chalicelib import telemetry
from chalicelib.aws.dispatch import dispatched
from chalicelib.aws.tables import Item
from chalicelib.aws.wire import DYNAMODB, Wire, decoded
from chalicelib.errors import RegistryError

if TYPE_CHECKING:
    from pynamodb.connection import Connection

    from chalicelib.config import Settings

BATCH_KEYS = 100
TRANSACTION_ACTIONS = 100
PK_BYTES, SK_BYTES = 2048, 1024
_RETRIES = 8
_CONFLICTS = 40
"""How often a write waits for others, 11 s on average; 500 transactions on one item are done in 7 s."""
_REPEATABLE = frozenset({"GetItem", "BatchGetItem", "Query", "BatchWriteItem"})
_IS_NEW = "attribute_not_exists(pk)"
_EXISTS = "attribute_exists(pk)"
_ALWAYS = ("pk", "sk", "kind")
_NAMES = re.compile(r"#(\w+)")

Key = tuple[str, str]
Action = dict[str, Any]


class ConditionFailed(Exception):
    """A conditional write found the table otherwise. `failed` are the indexes of the actions whose condition did not hold."""

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__(f"conditions of actions {list(failed)} did not hold")
        self.failed = tuple(failed)


class Conflict(Exception):
    """Another transaction on the same items was under way; nothing was written."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A page of sort keys and whether more follow."""

    sort_keys: Sequence[str]
    is_last: bool


class Table:
    """The table of one registry."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.table
        self._wire = Wire(DYNAMODB, settings, settings.dynamodb_endpoint_url)
        self._settings = settings
        self._lock = Lock()

    @functools.cached_property
    def connection(self) -> Connection:
        """The connection of writes, made by the first: who only reads never loads it. Made by one thread: PynamoDB would let
        each that comes meanwhile load botocore's model of DynamoDB, 12 MB, for itself."""
        with self._lock:
            return self.__dict__.get("connection") or self._connect()

    def _connect(self) -> Connection:
        from pynamodb.connection import Connection  # noqa: PLC0415 - botocore's client costs a quarter of a second

        connection = self.__dict__["connection"] = Connection(
            region=self._settings.region,
            host=self._settings.dynamodb_endpoint_url or None,
            connect_timeout_seconds=2,
            read_timeout_seconds=10,
            max_retry_attempts=4,
            max_pool_connections=64,
        )
        connection.client  # noqa: B018 - makes the client
        return connection

    def get(self, pk: str, sk: str) -> Item | None:
        """Read one item; nothing is under a key that DynamoDB could not hold."""
        if not _is_key(pk, sk):
            return None
        data = self._call("GetItem", {"TableName": self.name, "Key": _key(pk, sk), "ConsistentRead": True})
        raw = data.get("Item")
        return Item.from_raw_data(raw) if raw else None

    def batch(self, keys: Iterable[Key], *, fields: Sequence[str] = ()) -> dict[Key, Item]:
        """Read many items, one call per hundred; absent ones are absent. Repeated keys are read once. With `fields` only these
        attributes (and the keys and the kind) are sent, which makes the answer small, not the read cheap."""
        wanted = [key for key in dict.fromkeys(keys) if _is_key(*key)]
        options: dict[str, Any] = {"ConsistentRead": True}
        if fields:
            options["ProjectionExpression"] = ", ".join(f"#{name}" for name in (*_ALWAYS, *fields))
            options["ExpressionAttributeNames"] = {f"#{name}": name for name in (*_ALWAYS, *fields)}
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), BATCH_KEYS):
            pending = [_key(*key) for key in wanted[start : start + BATCH_KEYS]]
            for attempt in range(_RETRIES):
                data = self._call("BatchGetItem", {"RequestItems": {self.name: {"Keys": pending, **options}}})
                for raw in data["Responses"].get(self.name, []):
                    found[raw["pk"]["S"], raw["sk"]["S"]] = Item.from_raw_data(raw)
                pending = data.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not pending:
                    break
                pause(attempt)
            else:
                raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})
        return found

    def query(
        self, pk: str, prefix: str, *, after: str | None = None, limit: int | None = None, forward: bool = True
    ) -> list[Item]:
        """Read a partition's items whose sort key starts with `prefix`, in order (or backwards), after the sort key `after`."""
        raws = self._pages(pk, prefix, after, limit, keys_only=False, forward=forward)[0]
        return [Item.from_raw_data(raw) for raw in raws]

    def keys(self, pk: str, prefix: str, *, after: str | None, limit: int) -> Keys:
        """Like `query`, sort keys only."""
        raws, is_last = self._pages(pk, prefix, after, limit, keys_only=True)
        return Keys([raw["sk"]["S"] for raw in raws], is_last)

    def _pages(
        self, pk: str, prefix: str, after: str | None, limit: int | None, *, keys_only: bool, forward: bool = True
    ) -> tuple[list[Any], bool]:
        """One call when the page fits into DynamoDB's 1 MB, which a thousand keys do."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)" if prefix else "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": pk}, **({":s": {"S": prefix}} if prefix else {})},
        }
        if keys_only:
            request["ProjectionExpression"] = "sk"
        if not forward:
            request["ScanIndexForward"] = False
        if after is not None:
            request["ExclusiveStartKey"] = _key(pk, after.encode()[:SK_BYTES].decode(errors="ignore"))
        raws: list[Any] = []
        while True:
            if limit is not None:
                request["Limit"] = limit - len(raws)
            data = self._call("Query", request)
            raws += data["Items"]
            last = data.get("LastEvaluatedKey")
            if not last or (limit is not None and len(raws) >= limit):
                return raws, not last
            request["ExclusiveStartKey"] = last

    def write(self, actions: Sequence[Action], *, is_patient: bool = True) -> None:
        """Do all actions or none. One action is a plain conditional write, more are a transaction.
        Raises ConditionFailed; conflicts with other transactions are tried again, or raise Conflict when not `is_patient`."""
        if len(actions) == 1:
            ((kind, request),) = actions[0].items()
            calls = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem"}[kind], request
        else:
            calls = "TransactWriteItems", {"TransactItems": list(actions)}
        for attempt in range(_CONFLICTS):
            try:
                self._call(*calls)
            except VerboseClientError as error:
                failed = _failed_conditions(error)
                if failed:
                    raise ConditionFailed(failed) from None
                if not _is_conflict(error):
                    raise
                if not is_patient:
                    raise Conflict from None
            else:
                return
            telemetry.count(telemetry.AWS_RETRIES, 1)
            pause(attempt)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def attempt(self, actions: Sequence[Action]) -> bool:
        """Like `write`; False when a condition did not hold, and nothing was written."""
        try:
            self.write(actions)
        except ConditionFailed:
            return False
        return True

    def add(self, pk: str, sk: str, field: str, amount: int, *, kind: str, ttl: int | None = None) -> int:
        """Add to a number atomically and return the new value; a missing item starts at 0."""
        names = {"#f": field, "#k": "kind"}
        values: dict[str, Any] = {":a": {"N": str(amount)}, ":k": {"S": kind}}
        update = "SET #k = :k"
        if ttl is not None:
            update, names["#t"], values[":t"] = update + ", #t = if_not_exists(#t, :t)", "ttl", {"N": str(ttl)}
        data = self._call(
            "UpdateItem",
            {
                "TableName": self.name,
                "Key": _key(pk, sk),
                "UpdateExpression": update + " ADD #f :a",
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
                "ReturnValues": "UPDATED_NEW",
            },
        )
        return int(data["Attributes"][field]["N"])

    def put(self, item: Item, *, is_new: bool = False, condition: str = "", values: Mapping[str, Any] = {}) -> Action:
        """Action: write an item, when `is_new` only if there is none, or under a condition expression."""
        request: dict[str, Any] = {"TableName": self.name, "Item": item.serialize()}
        return {"Put": _conditional(request, _IS_NEW if is_new else condition, values)}

    def delete(self, pk: str, sk: str, *, condition: str = "", values: Mapping[str, Any] = {}) -> Action:
        """Action: delete an item, under a condition expression if given."""
        request = {"TableName": self.name, "Key": _key(pk, sk)}
        return {"Delete": _conditional(request, condition, values)}

    def check(self, pk: str, sk: str, condition: str = _EXISTS, values: Mapping[str, Any] = {}) -> Action:
        """Action: demand a condition of an item that is not written."""
        request = {"TableName": self.name, "Key": _key(pk, sk)}
        return {"ConditionCheck": _conditional(request, condition, values)}

    def update(
        self, pk: str, sk: str, expression: str, values: Mapping[str, Any], *, condition: str = _EXISTS
    ) -> Action:
        """Action: change an existing item by an update expression. Write reserved words with a `#`: `#kind`, `#key`."""
        request: dict[str, Any] = {"TableName": self.name, "Key": _key(pk, sk), "UpdateExpression": expression}
        return {"Update": _conditional(request, condition, values)}

    def send(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request of another shape (`spans`)."""
        return self._call(operation, request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation in _REPEATABLE:
            return decoded(self._wire.call(operation, request))
        request.setdefault("ReturnConsumedCapacity", "NONE")
        return dispatched(self.connection, self.name, operation, request)


def _is_key(pk: str, sk: str) -> bool:
    """A name that somebody made up may be longer than a key can be. Source: DynamoDB developer guide, "Quotas"."""
    return len(pk.encode()) <= PK_BYTES and len(sk.encode()) <= SK_BYTES


def _key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _conditional(request: dict[str, Any], condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if condition:
        request["ConditionExpression"] = condition
    names = set(_NAMES.findall(condition + " " + request.get("UpdateExpression", "")))
    if names:
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        request["ExpressionAttributeValues"] = {name: _value(value) for name, value in values.items()}
    return request


def _value(value: Any) -> dict[str, Any]:
    """A text, a number, a truth or a set of numbers in DynamoDB's form."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"NS": [str(number) for number in value]} if isinstance(value, frozenset) else {"S": value}


def _failed_conditions(error: VerboseClientError) -> list[int]:
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return [0]
    return [i for i, reason in enumerate(error.cancellation_reasons) if reason and reason.code == "ConditionalCheckFailed"]


def _is_conflict(error: VerboseClientError) -> bool:
    if error.response["Error"]["Code"] == "TransactionConflictException":
        return True
    return any(reason and reason.code in ("TransactionConflict", "ThrottlingError") for reason in error.cancellation_reasons)


def pause(attempt: int) -> None:
    """Wait with full jitter, at most 10 ms doubling to 640 ms. Source: AWS builders' library, "Timeouts, retries and backoff"."""
    time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311
