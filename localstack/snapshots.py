"""Snapshots: MiniStack's state on disk every few seconds, so that a killed emulator loses little.

MiniStack saves its state only when it is asked to stop. Object bodies are not part of a snapshot: they are files already.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_READING = ("Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List", "Receive")


class Snapshots:
    """Decides when state has changed enough to be worth writing, and writes it on the event loop.

    On the event loop, because a snapshot taken in a thread meets dictionaries that requests are changing.
    """

    def __init__(self, save: Callable[[], None], interval_s: float) -> None:
        self._save = save
        self._interval_s = interval_s
        self._changes = 0
        self._saved = 0

    def note(self, method: str, target: str) -> None:
        """Count a request that may have changed something. `target` is the X-Amz-Target header or empty."""
        if method in ("GET", "HEAD", "OPTIONS") or _only_reads(target):
            return
        self._changes += 1

    async def keep(self) -> None:
        """Save after changes, forever. A slow snapshot makes the next one rarer: at most a twentieth of the time is spent."""
        pause_s = self._interval_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = max(self._interval_s, 20 * self.save_if_changed())

    def save_if_changed(self) -> float:
        """Save when something changed since the last time; the answer is the seconds that it took."""
        if self._changes == self._saved:
            return 0.0
        seen, started = self._changes, time.monotonic()
        self._save()
        self._saved = seen
        return time.monotonic() - started


def damaged(state: Path) -> Iterable[Path]:
    """Name the snapshot files that cannot be read: MiniStack would silently start empty and then overwrite them."""
    for path in sorted(state.glob("*.json")):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            yield path


def _only_reads(target: str) -> bool:
    return target.rpartition(".")[2].startswith(_READING)
