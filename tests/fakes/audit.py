"""The audit log's ports without a database."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from chalicelib.events import Event
from chalicelib.notify.ports import Taken
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository, Tag


class FakeRecorder:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    def settle(self) -> None:
        pass


class FakeRowWriter:
    """Keeps rows; can refuse them, and can hang until it is let go."""

    def __init__(self) -> None:
        self.rows: list[Taken] = []
        self.refuses, self.crashes = False, False
        self.keep_days = 0
        self.free = threading.Event()
        self.free.set()

    def write(self, taken: Sequence[Taken], *, keep_days: int) -> Sequence[Taken]:
        self.free.wait(30)
        if self.crashes:
            raise OSError("no route to host")
        if self.refuses:
            return taken
        self.keep_days = keep_days
        self.rows += taken
        return ()


class FakePullStatistics:
    """Keeps the updates."""

    def __init__(self) -> None:
        self.noted: list[tuple[Repository, Digest, Tag | None, int, int]] = []

    def note_pull(self, repository: Repository, digest: Digest, tag: Tag | None, *, now: int, count: int = 1) -> None:
        self.noted.append((repository, digest, tag, now, count))
