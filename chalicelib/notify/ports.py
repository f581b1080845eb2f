"""What writing the audit log needs from the outside. `chalicelib.aws` implements it; tests use fakes.

The registry's function loads this and not what reading needs (`log_ports`): every cold start pays for a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.events import Event
from chalicelib.oci.digest import Digest
from chalicelib.oci.quota import Usage
from chalicelib.oci.reference import Repository, Tag

REGISTRY = "*"
"""The log with everything; a project's log is named by its id."""


class Taken(NamedTuple):
    """An event and when it happened, in Unix microseconds."""

    event: Event
    at_us: int


class RowWriter(Protocol):
    """Writes rows of the audit log; one thread uses it."""

    def write(self, taken: Sequence[Taken], *, keep_days: int) -> Sequence[Taken]:
        """Write rows that last `keep_days` and return those that could not be written. Idempotent.
        One call per 25 items: a row, its copy in its project's log, and one number per log written to."""


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


class QuotaBooks(Protocol):
    """What projects may store and what they use."""

    def usage(self, project_id: int) -> Usage:
        """Read a project's limit and use. One Query."""

    def note_warning(self, project_id: int, *, is_warned: bool) -> bool:
        """Remember that somebody was told, or that it is over. True for the one caller whose word changed it. One write."""
