"""A table whose transactions get in each other's way as DynamoDB's do, which emulators do not play: one that touches an item of
another one that is under way is refused with TransactionConflict. Source: DynamoDB developer guide, "Transaction conflicts".
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from pynamodb.exceptions import CancellationReason, VerboseClientError

from chalicelib.aws.table import Table
from chalicelib.config import Settings

HOLD_S = 0.01
"""How long a transaction holds its items besides the emulator's own time: what one takes inside DynamoDB."""


class ConflictingTable(Table):
    """Safe under threads. `conflicts` counts refusals."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._held: set[tuple[str, str]] = set()
        self._guard = threading.Lock()
        self.conflicts = 0
        self.refused: Counter[str] = Counter()

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation != "TransactWriteItems":
            return super()._call(operation, request)
        touched = [_key(*action.items()) for action in request["TransactItems"]]
        with self._guard:
            taken = [key in self._held for key in touched]
            if any(taken):
                self.conflicts += 1
                self.refused.update(
                    key[0].split("#")[0] for key, is_taken in zip(touched, taken, strict=True) if is_taken
                )
                raise _conflict(taken)
            self._held.update(touched)
        try:
            time.sleep(HOLD_S)
            return super()._call(operation, request)
        finally:
            with self._guard:
                self._held.difference_update(touched)


def _key(action: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    _, request = action
    key = request.get("Key") or request["Item"]
    return key["pk"]["S"], key["sk"]["S"]


def _conflict(taken: list[bool]) -> VerboseClientError:
    reasons = [CancellationReason("TransactionConflict") if is_taken else None for is_taken in taken]
    error = {"Error": {"Code": "TransactionCanceledException", "Message": "conflict"}}
    return VerboseClientError(error, "TransactWriteItems", cancellation_reasons=reasons)
