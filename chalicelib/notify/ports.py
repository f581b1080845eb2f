"""What the audit log needs from the outside. `chalicelib.aws` implements it; tests use fakes. Times are Unix microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

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


class PurgePolicy(NamedTuple):
    """What a purge deletes: rows older than some hours whose event's type is named."""

    retention_hours: int
    event_types: frozenset[str]
    is_dry_run: bool = False


class Schedule(NamedTuple):
    """When the purge runs by itself. Times are Unix seconds; `next_at` 0: never."""

    schedule_id: int
    schedule_type: str
    """Hourly, Daily, Weekly or Custom."""
    cron: str
    parameters: Mapping[str, Any]
    """As the client sent them."""
    created_at: int
    updated_at: int
    next_at: int


class Execution(NamedTuple):
    """One run of the purge. Times are Unix seconds."""

    execution_id: int
    trigger: str
    """MANUAL or SCHEDULE."""
    parameters: Mapping[str, Any]
    status: str
    """Running, Success, Stopped or Error."""
    started_at: int
    updated_at: int
    position: str = ""
    """The hour up to which it has come."""
    rows: int = 0
    """How many it deleted, or would have."""
    log: str = ""


class PurgeStore(Protocol):
    """Keeps the schedule of the purge and its executions."""

    def schedule(self) -> Schedule | None:
        """Read the schedule. One GetItem."""

    def save_schedule(self, schedule: Schedule | None, *, seen: Schedule | None) -> bool:
        """Replace the schedule that was seen, or remove it; False when another did meanwhile. One conditional write."""

    def executions(self) -> Sequence[Execution]:
        """Read the executions that are kept, newest first. One Query."""

    def execution(self, execution_id: int) -> Execution | None:
        """Read one. One GetItem."""

    def new_id(self) -> int:
        """Take a number for a schedule or an execution. One UpdateItem."""

    def add(self, execution: Execution, *, keep: int) -> None:
        """Write a new one, and remove the oldest above `keep`. One write, one Query, one call more when some go."""

    def save(self, execution: Execution, *, status: str) -> bool:
        """Replace one whose status is still `status`; False otherwise. One conditional write."""


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
