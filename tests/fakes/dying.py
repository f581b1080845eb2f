"""A table whose process dies at a chosen call, and one that lets somebody else act before each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.aws.table import Table
from chalicelib.config import Settings


class Died(Exception):
    """The process is gone: nothing after this happens."""


class DyingTable(Table):
    """Does `calls` calls. `is_answer_lost`: the last of them is done, but nobody hears of it."""

    def __init__(self, settings: Settings, calls: int, *, is_answer_lost: bool = False) -> None:
        super().__init__(settings)
        self._left, self._is_answer_lost = calls, is_answer_lost

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if self._left <= 0:
            raise Died
        self._left -= 1
        answer = super()._call(operation, request)
        if not self._left and self._is_answer_lost:
            raise Died
        return answer


class WatchedTable(Table):
    """Calls `meanwhile` once, before its call number `at`."""

    def __init__(self, settings: Settings, at: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(settings)
        self._at, self._meanwhile, self.calls = at, meanwhile, 0

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        if self.calls == self._at:
            self._meanwhile()
        return super()._call(operation, request)
