"""What the audit log needs from the outside. `chalicelib.aws` implements it; tests use fakes. Times are Unix microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.events import Event
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository, Tag


class Taken(NamedTuple):
    """An event and when it happened."""

    event: Event
    at_us: int


class RowWriter(Protocol):
    """Writes rows of the audit log; one thread uses it."""

    def write(self, taken: Sequence[Taken], *, keep_days: int) -> Sequence[Taken]:
        """Write rows that last `keep_days` and return those that could not be written. Idempotent.
        One call per 25 items: a row, its copy in its project's log, and one number per log written to."""


class Entry(NamedTuple):
    """A row of the audit log as it is read. `key` orders all rows by time; `number` is the id, an integer that JSON can say."""

    key: str
    number: int
    at_us: int
    event: Event


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


class Pulled(NamedTuple):
    """What pulls are counted by."""

    repository: Repository
    digest: Digest
    tag: Tag | None


class PullStatistics(Protocol):
    """Counts pulls of artifacts: plain writes, in no transaction."""

    def note(self, pulls: Mapping[Pulled, int], *, now: int, is_counted: bool, is_timed: bool) -> None:
        """Add pulls to their repositories' numbers and say when the last was (Unix seconds), or only one of both.
        One call a repository, and one per 25 artifacts and tags."""
