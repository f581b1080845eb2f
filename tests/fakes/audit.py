"""The audit log's ports without a database."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from chalicelib.events import Event
from chalicelib.notify.ports import Pulled, Taken


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
        self.noted: list[tuple[dict[Pulled, int], bool, bool]] = []

    def note(self, pulls: Mapping[Pulled, int], *, now: int, is_counted: bool, is_timed: bool) -> None:
        self.noted.append((dict(pulls), is_counted, is_timed))
