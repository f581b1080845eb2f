"""What the purge of the audit log needs from the outside. `chalicelib.aws` implements it; tests use fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


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
