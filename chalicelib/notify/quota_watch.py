"""Watches quotas: after a push it looks how full the project is, and says once when that reaches 85 %.

The thread that writes the audit log does this after it has written, so that no push waits. One Query a project and second at
most; a project without a limit is looked at every ten minutes, since somebody may give it one. The warning is an event of the
project and a line of the log, once until the use falls below 85 % again: the item that holds the limit remembers it.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib import telemetry
from chalicelib.cache import Cache
from chalicelib.events import Event
from chalicelib.notify.ports import QuotaBooks
from chalicelib.oci import quota
from chalicelib.oci.quota import UNLIMITED, Usage

_SIZE = 1024
_UNLIMITED_S = 600
_BY = {"create": frozenset({"artifact"}), "delete": frozenset({"artifact", "repository"})}
"""After these events a project holds more or less."""


class QuotaWatch:
    """The quotas of the projects that a process's events are about. One thread uses it."""

    def __init__(self, books: QuotaBooks) -> None:
        self._books = books
        self._seen: Cache[int, bool] = Cache(_SIZE, 1)
        self._unlimited: Cache[int, bool] = Cache(_SIZE, _UNLIMITED_S)

    def look(self, events: Iterable[Event], *, now: int) -> list[Event]:
        """Look at the projects that stored or deleted something and return the warnings, to be recorded. Raises what the
        store raises."""
        projects = {event.project_id: event.resource.partition("/")[0] for event in events if _matters(event)}
        found = []
        for project_id, name in projects.items():
            if self._seen.get(project_id, now) or self._unlimited.get(project_id, now):
                continue
            self._seen.put(project_id, True, now)
            usage = self._books.usage(project_id)
            if usage.limit_bytes == UNLIMITED:
                self._unlimited.put(project_id, True, now)
            change = changed(usage)
            if change is not None and self._books.note_warning(project_id, is_warned=change) and change:
                telemetry.logger().warning("a quota is nearly used up", extra={"project": name, **usage._asdict()})
                found.append(Event("warn", "quota", name, "", quota.warning(usage), project_id=project_id))
        return found


def changed(usage: Usage) -> bool | None:
    """Decide whether there is something new to say: True when it became nearly full, False when it no longer is. Pure."""
    is_warning = quota.is_warning(usage)
    return None if is_warning == usage.is_warned else is_warning


def _matters(event: Event) -> bool:
    return event.is_success and event.project_id > 0 and event.resource_type in _BY.get(event.operation, ())
