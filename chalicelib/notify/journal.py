"""The recorder of a process: events wait in a bounded queue for one thread that writes them, so that no pull waits for its log.

Lambda freezes a process between requests; so the end of a request waits until its rows are written, for a pull at most
`PULL_WAIT_S`, and not at all while the store answers nobody. An event of a pull may be lost then, counted in the log. One of a
change never is: it is waited for longer, and when the store does not take it, the event becomes a line of the process's log.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread

from chalicelib import telemetry
from chalicelib.events import PULL, Artifact, Event
from chalicelib.notify.ports import Pulled, PullStatistics, RowWriter, Taken
from chalicelib.notify.quota_watch import QuotaWatch
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name, Repository, Tag
from chalicelib.rbac.configuration import Configuration

PULL_WAIT_S = 0.1
CHANGE_WAIT_S = 2.0
CAPACITY = 1000
"""So many events wait at most (a megabyte): then the oldest pulls go."""
_AT_ONCE = 50
_STATISTICS_S = 1.0
"""Pulls of one artifact within a second are one update."""


class Journal:
    """`events.Recorder`. Any thread records; the thread that writes is made by the first event."""

    def __init__(
        self,
        writer: RowWriter,
        configuration: Callable[[int], Configuration],
        clock_us: Callable[[], int],
        *,
        statistics: PullStatistics | None = None,
        quotas: QuotaWatch | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        """`configuration` is called with Unix seconds, by the writing thread only."""
        self._writer, self._configuration, self._statistics = writer, configuration, statistics
        self._quotas = quotas
        self._clock_us, self._capacity = clock_us, capacity
        self._changed = Condition()
        self._waiting: deque[Taken] = deque()
        self._taken = self._done = self._changes = self._dropped = 0
        self._busy_since: float | None = None
        self._last_us = 0
        self._thread: Thread | None = None
        self._pulls: Counter[tuple[int, Artifact]] = Counter()
        self._counted_at = 0.0
        self.is_idle = True
        """Nothing waits and nothing is being written, statistics neither."""

    def record(self, event: Event) -> None:
        """Take an event."""
        with self._changed:
            self._last_us = max(self._last_us + 1, self._clock_us())
            self._waiting.append(Taken(event, self._last_us))
            self.is_idle = False
            self._taken += 1
            self._changes += event.operation != PULL
            if len(self._waiting) > self._capacity:
                self._drop_a_pull()
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait for what was taken until now: `CHANGE_WAIT_S` when a change is among it, else `PULL_WAIT_S`, counted from when the
        store began to be silent."""
        with self._changed:
            if self._done >= self._taken:
                return
            wanted, patience_s = self._taken, CHANGE_WAIT_S
            if not self._changes:
                silent_s = 0.0 if self._busy_since is None else time.monotonic() - self._busy_since
                patience_s = max(0.0, PULL_WAIT_S - silent_s)
            self._changed.wait_for(lambda: self._done >= wanted, patience_s)

    def _drop_a_pull(self) -> None:
        """Changes are never dropped: who makes them waits for them, so they cannot be many."""
        for index, taken in enumerate(self._waiting):
            if taken.event.operation == PULL:
                del self._waiting[index]
                self._done += 1
                self._dropped += 1
                return

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                self._busy_since = time.monotonic()
                dropped, self._dropped = self._dropped, 0
            now = some[-1].at_us // 1_000_000
            configuration = self._configured(now)
            self._write(some, configuration, dropped)
            with self._changed:
                self._done += len(some)
                self._changes -= sum(taken.event.operation != PULL for taken in some)
                self._busy_since = None
                self._changed.notify_all()
            self._count(some, configuration, now)
            self._watch(some, now)
            with self._changed:
                self.is_idle = not self._waiting

    def _configured(self, now: int) -> Configuration:
        try:
            return self._configuration(now)
        except Exception as error:  # noqa: BLE001 - without its configuration the log keeps what it keeps by default
            telemetry.logger().warning("the audit log goes by its defaults", extra={"reason": str(error)})
            return Configuration()

    def _write(self, some: Sequence[Taken], configuration: Configuration, dropped: int) -> None:
        wanted = [taken for taken in some if is_wanted(taken.event, configuration)]
        try:
            failed = self._writer.write(wanted, keep_days=configuration.audit_log_retention_days) if wanted else ()
        except Exception:  # noqa: BLE001 - whatever the store does, the next events are written
            telemetry.logger().exception("the audit log failed")
            failed = wanted
        dropped += _lost(failed)
        if dropped:
            telemetry.logger().warning("pulls are missing in the audit log", extra={"dropped": dropped})

    def _count(self, some: Sequence[Taken], configuration: Configuration, now: int) -> None:
        """Count pulls for the statistics, at most once a second; what is not written now is written with the next event. The
        end of a request does not wait for it."""
        for event, _ in some:
            if event.artifact is not None:
                self._pulls[event.project_id, event.artifact] += 1
        if not self._pulls or time.monotonic() - self._counted_at < _STATISTICS_S:
            return
        self._counted_at = time.monotonic()
        pulls, self._pulls = self._pulls, Counter()
        is_counted = not configuration.pull_count_update_disable
        is_timed = not configuration.pull_time_update_disable
        if self._statistics is None or not (is_counted or is_timed):
            return
        try:
            parsed = {_pulled(project_id, artifact): count for (project_id, artifact), count in pulls.items()}
            self._statistics.note(parsed, now=now, is_counted=is_counted, is_timed=is_timed)
        except Exception as error:  # noqa: BLE001 - a statistic is worth a line, not more
            telemetry.logger().warning("pulls were not counted", extra={"reason": str(error)})


    def _watch(self, some: Sequence[Taken], now: int) -> None:
        """Record what the watch over the quotas has to say. The end of a request does not wait for it."""
        if self._quotas is None:
            return
        try:
            for warning in self._quotas.look([taken.event for taken in some], now=now):
                self.record(warning)
        except Exception as error:  # noqa: BLE001 - the next push looks again
            telemetry.logger().warning("a quota could not be watched", extra={"reason": str(error)})


def _pulled(project_id: int, artifact: Artifact) -> Pulled:
    tag = Tag(artifact.tag) if artifact.tag else None
    return Pulled(Repository(project_id, Name.parse(artifact.repository)), Digest.parse(artifact.digest), tag)


def is_wanted(event: Event, configuration: Configuration) -> bool:
    """Say whether an administrator wants an event in the log. Pure."""
    if event.operation == PULL and configuration.pull_audit_log_disable:
        return False
    disabled = configuration.disabled_audit_log_event_types
    return not disabled or event.type not in {name.strip() for name in disabled.split(",")}


def _lost(failed: Sequence[Taken]) -> int:
    """Log every change that is not in the audit log, and count the pulls that are not."""
    pulls = 0
    for event, at_us in failed:
        if event.operation == PULL:
            pulls += 1
            continue
        telemetry.logger().error(
            "this change is missing in the audit log", extra={"audit": {**event._asdict(), "at_us": at_us}}
        )
    return pulls
