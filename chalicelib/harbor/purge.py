"""The purge of the audit log. Source: Harbor `src/server/v2.0/handler/purge.go`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Fields, Order
from chalicelib.harbor.views import moment, present
from chalicelib.http import Response, json_response
from chalicelib.notify.purge import AT_HAND_S, MANUAL, NONE, Purge, policy_of
from chalicelib.notify.purge_ports import Execution, Schedule
from chalicelib.rbac.authority import Authority

_JOB = "PURGE_AUDIT_LOG"
_RESOURCE = "purge-audit"
_HAND = "Manual"


class PurgeResource:
    """The operations on the purge."""

    def __init__(self, authority: Authority, purge: Purge) -> None:
        self._authority, self._purge = authority, purge

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "getPurgeHistory": self._list,
            "getPurgeJob": self._get,
            "stopPurge": self._stop,
            "getPurgeJobLog": self._log,
            "getPurgeSchedule": self._schedule,
            "createPurgeSchedule": self._create,
            "updatePurgeSchedule": self._update,
        }

    def _list(self, call: Call) -> Response:
        self._demand(call, "list")
        executions = self._purge.executions()
        found = listed(
            call.asked,
            natural=Order("id", is_descending=True),
            page=lambda offset, limit, is_descending: (
                (executions if is_descending else executions[::-1])[offset : offset + limit],
                len(executions),
            ),
            every=lambda: executions,
            fields_of=_fields,
        )
        return page_response(call.request, call.asked, [execution_view(e) for e in found.items], found.total)

    def _get(self, call: Call) -> Response:
        self._demand(call, "read")
        return json_response(200, execution_view(self._purge.execution(call.path["purge_id"])))

    def _stop(self, call: Call) -> Response:
        self._demand(call, "stop")
        self._purge.stop(call.path["purge_id"], now=call.now)
        return done()

    def _log(self, call: Call) -> Response:
        self._demand(call, "read")
        log = self._purge.execution(call.path["purge_id"]).log
        return Response(200, {"Content-Type": "text/plain"}, log.encode())

    def _schedule(self, call: Call) -> Response:
        """Without a schedule Harbor answers nothing; an empty object is what clients read as that."""
        self._demand(call, "read")
        schedule = self._purge.schedule()
        return json_response(200, schedule_view(schedule) if schedule else {})

    def _create(self, call: Call) -> Response:
        self._demand(call, "create")
        return created(f"/system/purgeaudit/{self._kick(call)}")

    def _update(self, call: Call) -> Response:
        self._demand(call, "update")
        self._kick(call)
        return done()

    def _kick(self, call: Call) -> int:
        """Do what a schedule says: run now, replace the schedule, or remove it. Returns the number of what was made."""
        schedule: Mapping[str, Any] = call.body.get("schedule") or {}
        parameters: Mapping[str, Any] = call.body.get("parameters") or {}
        kind = schedule.get("type")
        if not kind:
            raise RegistryError("BAD_REQUEST", message="schedule cann't be empty")
        if kind != NONE:
            policy_of(parameters)
        if kind == _HAND:
            return self._purge.start(parameters, trigger=MANUAL, budget_s=AT_HAND_S, now=call.now).execution_id
        return self._purge.reschedule(kind, schedule.get("cron") or "", parameters, now=call.now)

    def _demand(self, call: Call, action: str) -> None:
        self._authority.require_system(call.caller, _RESOURCE, action, now=call.now)


def execution_view(execution: Execution) -> dict[str, Any]:
    """Render an execution."""
    return {
        "id": execution.execution_id,
        "job_name": _JOB,
        "job_kind": execution.trigger,
        "job_parameters": json.dumps(execution.parameters, separators=(",", ":")),
        "schedule": {"type": execution.trigger.capitalize()},
        "job_status": execution.status,
        "deleted": False,
        "creation_time": moment(execution.started_at),
        "update_time": moment(execution.updated_at),
    }


def schedule_view(schedule: Schedule) -> dict[str, Any]:
    """Render the schedule, in the shape of an execution, as Harbor does."""
    next_at = moment(schedule.next_at) if schedule.next_at else None
    timing = {"type": schedule.schedule_type, "cron": schedule.cron, "next_scheduled_time": next_at}
    return {
        "id": schedule.schedule_id,
        "job_name": "",
        "job_kind": schedule.cron,
        "job_parameters": json.dumps(schedule.parameters, separators=(",", ":")),
        "schedule": present(timing),
        "job_status": "",
        "deleted": False,
        "creation_time": moment(schedule.created_at),
        "update_time": moment(schedule.updated_at),
    }


def _fields(execution: Execution) -> Fields:
    return {
        "id": execution.execution_id,
        "job_kind": execution.trigger,
        "trigger": execution.trigger,
        "job_status": execution.status,
        "status": execution.status,
        "creation_time": datetime.fromtimestamp(execution.started_at, UTC),
        "start_time": datetime.fromtimestamp(execution.started_at, UTC),
        "update_time": datetime.fromtimestamp(execution.updated_at, UTC),
    }
