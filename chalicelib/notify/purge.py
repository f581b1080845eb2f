"""Purging the audit log by age and type, by hand or by schedule, and counting its hours when they are over.

A purge goes hour by hour, from the oldest, and remembers how far it came: it takes as many runs as it needs. An hour from which
rows are deleted is noted first and counted again after, so that totals are right whenever the process dies.
Source: Harbor `src/jobservice/job/impl/purge/purge.go`, `src/pkg/auditext/dao/dao.go`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.notify import cron
from chalicelib.notify.hours import first_key, hour_of, hour_starts_at, key_of, last_key
from chalicelib.notify.log_ports import AuditKeeper, AuditStore
from chalicelib.notify.ports import REGISTRY
from chalicelib.notify.purge_ports import Execution, PurgePolicy, PurgeStore, Schedule

RUNNING, SUCCESS, STOPPED, ERROR = "Running", "Success", "Stopped", "Error"
MANUAL, SCHEDULED = "MANUAL", "SCHEDULE"
NONE = "None"
SETTLED_S = 600
"""How long after its end an hour may still get rows: from processes whose writes were late, or whose clocks are."""
HOURS_MAX = 240_000
KEPT_EXECUTIONS = 50
AT_HAND_S = 8.0
"""How long a purge by hand works before it answers; what is left is done by the schedule. API Gateway waits 29 seconds."""
IN_TURN_S = 240.0
"""How long one turn of the schedule works."""
_CHUNK = 1000
_PARAMETERS_CHARACTERS = 4096
"""They are kept as they were sent, with each of the executions that are listed on one page."""
_ARTIFACTS = frozenset({"create_artifact", "delete_artifact", "pull_artifact"})
_OTHER = "other"


class Purge:
    """The purge of the registry's audit log."""

    def __init__(self, store: PurgeStore, log: AuditStore, keeper: AuditKeeper) -> None:
        self._store, self._log, self._keeper = store, log, keeper

    def start(self, parameters: Mapping[str, Any], *, trigger: str, budget_s: float, now: int) -> Execution:
        """Make an execution and work on it for a while. Raises what `policy_of` raises."""
        policy_of(parameters)
        made = Execution(self._store.new_id(), trigger, parameters, RUNNING, now, now)
        made = _said(made, now, "Purge audit job start", f"job parameters {dict(parameters)}")
        self._store.add(made, keep=KEPT_EXECUTIONS)
        return self._work(made, time.monotonic() + budget_s, now)

    def stop(self, execution_id: int, *, now: int) -> None:
        """Stop an execution; one that is over stays as it is. Raises NOT_FOUND."""
        found = self.execution(execution_id)
        stopped = _said(found, now, "received the stop signal, stop the purge job")._replace(status=STOPPED)
        self._store.save(stopped, status=RUNNING)

    def execution(self, execution_id: int) -> Execution:
        """Find an execution. Raises NOT_FOUND."""
        found = self._store.execution(execution_id)
        if found is None:
            raise RegistryError("NOT_FOUND", message=f"purge job with id {execution_id} not found")
        return found

    def executions(self) -> Sequence[Execution]:
        """Read the executions that are kept, newest first."""
        return self._store.executions()

    def schedule(self) -> Schedule | None:
        """Read the schedule."""
        return self._store.schedule()

    def reschedule(self, schedule_type: str, cron_text: str, parameters: Mapping[str, Any], *, now: int) -> int:
        """Replace the schedule, or remove it (`None`); return its number. Raises BAD_REQUEST, CONFLICT."""
        seen = self._store.schedule()
        made = None
        if schedule_type != NONE:
            policy_of(parameters)
            next_at = _next_at(cron_text, now)
            created_at = seen.created_at if seen else now
            number = self._store.new_id()
            made = Schedule(number, schedule_type, cron_text, parameters, created_at, now, next_at)
        if not self._store.save_schedule(made, seen=seen):
            raise RegistryError("CONFLICT", message="the schedule was changed meanwhile")
        return made.schedule_id if made else 0

    def take_turn(self, *, now: int) -> int:
        """Do what is due: count hours that are over, go on with purges, begin the scheduled one. Hourly, repeatable. Returns how
        many rows were purged."""
        until = time.monotonic() + IN_TURN_S
        self._keeper.finish_work()
        for hour in self._keeper.uncounted(before=hour_of(now - SETTLED_S)):
            if time.monotonic() > until:
                break
            self._keeper.count(hour)
        left = [execution for execution in self._store.executions() if execution.status == RUNNING]
        purged = sum(self._work(execution, until, now).rows - execution.rows for execution in left)
        schedule = self._store.schedule()
        if schedule is None or not 0 < schedule.next_at <= now:
            return purged
        following = schedule._replace(next_at=_next_at(schedule.cron, now))
        if self._store.save_schedule(following, seen=schedule):  # Of two turns at the same time one begins.
            budget_s = max(0.0, until - time.monotonic())
            purged += self.start(schedule.parameters, trigger=SCHEDULED, budget_s=budget_s, now=now).rows
        return purged

    def _work(self, execution: Execution, until: float, now: int) -> Execution:
        """Go on with an execution until it is done, stopped, or the time is over."""
        policy = policy_of(execution.parameters)
        try:
            for hour, rows in self._hours(policy, execution, now):
                execution = execution._replace(position=hour, rows=execution.rows + rows, updated_at=now)
                if not self._store.save(execution, status=RUNNING):
                    return self.execution(execution.execution_id)
                if time.monotonic() > until:
                    return execution
            mark = "[DRYRUN]" if policy.is_dry_run else ""
            done = _said(
                execution,
                now,
                f"Purge operation parameter, retention_hour:{policy.retention_hours}, "
                f"include_event_types:{sorted(policy.event_types)}, dry_run:{str(policy.is_dry_run).lower()}",
                f"{mark}Purged {execution.rows} rows of audit log exts",
            )._replace(status=SUCCESS)
        except RegistryError as error:
            telemetry.logger().exception("the purge of the audit log failed")
            done = _said(execution, now, f"failed to purge audit log ext, error: {error}")._replace(status=ERROR)
        return done if self._store.save(done, status=RUNNING) else self.execution(done.execution_id)

    def _hours(self, policy: PurgePolicy, execution: Execution, now: int) -> Iterator[tuple[str, int]]:
        """Purge hour after hour; each with the number of rows that went."""
        if policy.retention_hours <= 0 or not policy.event_types:
            return
        cutoff = execution.started_at - policy.retention_hours * 3600
        uncounted = () if policy.is_dry_run else self._keeper.uncounted(before=hour_of(now - SETTLED_S))
        for hour in self._log.hours([REGISTRY]):
            begins_at = hour_starts_at(hour.hour)
            if hour.hour > execution.position and begins_at < cutoff and begins_at + 3600 + SETTLED_S <= now:
                if hour.hour in uncounted:
                    self._keeper.count(hour.hour)
                yield hour.hour, self._purge_hour(hour.hour, cutoff, policy)

    def _purge_hour(self, hour: str, cutoff: int, policy: PurgePolicy) -> int:
        last = min(last_key(hour), key_of(cutoff * 1_000_000))
        rows = self._log.rows([REGISTRY], first_key(hour), last, is_newest_first=False)
        chosen = (entry for entry in rows if is_purged(entry.event.type, policy))
        if policy.is_dry_run:
            return sum(1 for _ in chosen)
        number, noted = 0, set[str]()
        while some := list(islice(chosen, _CHUNK)):
            logs = {REGISTRY, *(str(entry.event.project_id) for entry in some if entry.event.project_id)}
            self._keeper.mark_work(hour, sorted(logs - noted))
            noted |= logs
            self._keeper.delete(some)
            number += len(some)
        if noted:
            self._keeper.finish_work()
        return number


def policy_of(parameters: Mapping[str, Any]) -> PurgePolicy:
    """Read the parameters of a purge. Raises BAD_REQUEST, with Harbor's words."""
    if not parameters:
        raise _bad("schedule parameter cann't be empty")
    if len(json.dumps(parameters)) > _PARAMETERS_CHARACTERS:
        raise _bad(f"the parameters may have {_PARAMETERS_CHARACTERS} characters")
    if "audit_retention_hour" not in parameters:
        raise _bad("audit_retention_hour should provide")
    hours, types = parameters["audit_retention_hour"], parameters.get("include_event_types")
    if isinstance(hours, bool) or not isinstance(hours, int):
        raise _bad("audit_retention_hour should be integer format")
    if hours > HOURS_MAX:
        raise _bad(f"audit_retention_hour should be less than {HOURS_MAX}")
    if types is None:
        raise _bad("include_event_types should provide")
    if not isinstance(types, str) or not isinstance(parameters.get("dry_run", False), bool):
        raise _bad("include_event_types should be a string and dry_run a boolean")
    named = frozenset(name.strip().lower() for name in types.split(",")) - {""}
    return PurgePolicy(hours, named, parameters.get("dry_run", False))


def is_purged(event_type: str, policy: PurgePolicy) -> bool:
    """Say whether a purge takes events of a type; `other` is every type but pushes, pulls and deletes of artifacts. Pure."""
    return event_type.lower() in policy.event_types or (_OTHER in policy.event_types and event_type not in _ARTIFACTS)


def _next_at(text: str, now: int) -> int:
    try:
        return cron.parse(text).next_after(now) or 0
    except cron.CronError as error:
        message = f"invalid cron string for scheduled log rotation purge: {text[:200]}, error: {error}"
        raise _bad(message) from None


def _said(execution: Execution, now: int, *lines: str) -> Execution:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = "".join(f"{stamp} [INFO] {line}\n" for line in lines)
    return execution._replace(log=execution.log + text, updated_at=now)


def _bad(message: str) -> RegistryError:
    return RegistryError("BAD_REQUEST", message=message)
