"""What reading audit logs and keeping them in order needs from the outside. `chalicelib.aws` implements it; tests use fakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from chalicelib.events import Event


class Entry(NamedTuple):
    """A row of the audit log as it is read. `key` orders all rows by time; `number` is the id, an integer that JSON can say."""

    key: str
    number: int
    at_us: int
    event: Event
    shard: int = 0
    """The part of the log it is in."""


class Hour(NamedTuple):
    """How many rows an hour (`2026112413`) of a log has, and when they may begin to go (Unix seconds)."""

    hour: str
    rows: int
    ends_at: int


class Marks(NamedTuple):
    """The keys of every `step`th row of an hour, oldest first, from the first on."""

    step: int
    keys: Sequence[str]


class AuditStore(Protocol):
    """Reads audit logs: `*`, or a project's by its id. Strongly consistent."""

    def hours(self, logs: Sequence[str]) -> Sequence[Hour]:
        """Read how many rows each hour of some logs has, together, oldest first. One Query a log."""

    def marks(self, log: str, hour: str) -> Marks | None:
        """Read the marks of an hour that was counted and has many rows. One GetItem."""

    def rows(
        self, logs: Sequence[str], first: str, last: str, *, is_newest_first: bool, wanted: int | None = None
    ) -> Iterator[Entry]:
        """Read the rows from one key to another, both included, in order, as they are asked for. One Query for each of the four
        shards of a log, if no more than `wanted` rows are taken; else one more per MB."""


class AuditKeeper(Protocol):
    """Keeps audit logs in order: counts hours that are over, deletes rows."""

    def uncounted(self, *, before: str) -> Sequence[str]:
        """Find the hours before an hour that have rows and were not counted, oldest first. One Query."""

    def count(self, hour: str) -> None:
        """Count the rows of an hour that is over, in the registry's log and in all projects' logs that have any, and mark them.
        Repeatable. One Query for each shard per MB, and the same for each project."""

    def mark_work(self, hour: str, logs: Iterable[str]) -> None:
        """Note that an hour of some logs must be counted again. One call per 25."""

    def finish_work(self) -> None:
        """Count again what was noted, also by a process that died. One Query, and what `count` costs for each."""

    def delete(self, entries: Sequence[Entry]) -> None:
        """Delete rows from the registry's log and from their projects'. Repeatable. One call per 25 items."""
