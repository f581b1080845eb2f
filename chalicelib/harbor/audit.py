"""The audit log: `/auditlog-exts`, `/projects/{project_name}/auditlog-exts`, and both in their older shape.

Source: Harbor `src/server/v2.0/handler/auditlog.go`, `src/pkg/auditext/model/model.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.paging import Asked, page_response
from chalicelib.harbor.query import Fields, Kind, Order, selected
from chalicelib.http import Response, json_response
from chalicelib.notify.hours import key_of
from chalicelib.notify.log_ports import Entry
from chalicelib.notify.ports import REGISTRY
from chalicelib.notify.trail import LAST, Trail
from chalicelib.rbac import grants
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.permissions import Permission

EVENT_TYPES = (
    "create_artifact",
    "delete_artifact",
    "pull_artifact",
    "create_project",
    "delete_project",
    "delete_repository",
    "login_user",
    "logout_user",
    "create_user",
    "delete_user",
    "update_user",
    "create_robot",
    "delete_robot",
    "update_configuration",
    "create_member",
    "delete_member",
    "update_member",
    "update_project",
)
"""What Harbor's settings can name. The log has more: every change is in it."""
LOGS_MAX = 25
"""So many projects' logs are read side by side; of more, the registry's log is searched for theirs."""
_LIST = Permission("log", "list")
_NATURAL = ("op_time", "id")
View = Callable[[Entry], dict[str, Any]]


class Memberships(Protocol):
    """Where users have roles."""

    def granted(self, user: str, user_id: int, groups: Sequence[int]) -> Mapping[str, set[int]]:
        """Find the projects by name in which a user, or one of their groups, has a role. One Query, and one a group."""


class AuditResource:
    """The operations on the audit log."""

    def __init__(
        self, authority: Authority, trail: Trail, configurations: Configurations, memberships: Memberships
    ) -> None:
        self._authority, self._trail = authority, trail
        self._configurations, self._memberships = configurations, memberships

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listAuditLogExts": lambda call: self._visible(call, view),
            "listAuditLogs": lambda call: self._visible(call, legacy_view),
            "getLogExts": lambda call: self._of_project(call, view),
            "getLogs": lambda call: self._of_project(call, legacy_view),
            "listAuditLogEventTypes": self._types,
        }

    def _types(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "audit-log", "list", now=call.now)
        return json_response(200, [{"event_type": name} for name in EVENT_TYPES])

    def _of_project(self, call: Call, made: View) -> Response:
        standing = self._authority.require(
            call.caller, call.project, "log", "list", is_name=call.is_by_name, now=call.now
        )
        return self._page(call, [str(standing.project.project_id)], None, made)

    def _visible(self, call: Call, made: View) -> Response:
        """Everything for who may read the registry's log, else what is in the logs of the projects where one may."""
        facts = self._authority.require_login(call.caller, now=call.now)
        if self._authority.may_on_system(facts, "audit-log", "list", now=call.now):
            return self._page(call, [REGISTRY], None, made)
        projects = self._projects(call)
        if len(projects) > LOGS_MAX:
            return self._page(call, [REGISTRY], frozenset(projects), made)
        return self._page(call, [str(number) for number in projects], None, made)

    def _projects(self, call: Call) -> Sequence[int]:
        user = self._authority.facts(call.caller).user
        if user is None:
            return ()
        names = list(self._memberships.granted(user.name, user.user_id, user.groups))
        facts = self._authority.facts(call.caller, names)
        return [p.project_id for name, p in facts.projects.items() if _LIST in grants.in_project(facts, name, now=call.now)]

    def _page(self, call: Call, logs: Sequence[str], projects: frozenset[int] | None, made: View) -> Response:
        """Read a page: by counting where it has the log's order and no criteria, else by searching."""
        asked, keep_days = call.asked, self._configurations.current(now=call.now).audit_log_retention_days
        orders = asked.orders or (Order("op_time", is_descending=True),)
        is_natural, is_newest_first = orders[0].field in _NATURAL, orders[0].is_descending
        if is_natural and len(orders) == 1 and not asked.criteria and projects is None:
            entries, total = self._trail.page(
                logs, asked.offset, asked.page_size, is_newest_first=is_newest_first, keep_days=keep_days, now=call.now
            )
            return page_response(call.request, asked, [made(entry) for entry in entries], total)
        first, last = span(asked)
        found = self._trail.search(
            logs, first, last, is_newest_first=is_newest_first or not is_natural, keep_days=keep_days, now=call.now
        )
        seen = [entry for entry in found.entries if projects is None or entry.event.project_id in projects]
        chosen = selected(seen, fields, asked.criteria, () if is_natural and len(orders) == 1 else orders)
        page = chosen[asked.offset : asked.offset + asked.page_size]
        response = page_response(call.request, asked, [made(entry) for entry in page], len(chosen))
        if found.is_whole:
            return response
        return Response(response.status, {**response.headers, "X-Moorage-Total-Is-Minimum": "true"}, response.body)


def span(asked: Asked) -> tuple[str, str]:
    """Turn ranges of `op_time` into the keys between which rows are read. Pure."""
    first, last = key_of(0), LAST
    for criterion in asked.criteria:
        if criterion.field == "op_time" and criterion.kind is Kind.RANGE:
            low, high = criterion.values
            if isinstance(low, datetime):
                first = max(first, key_of(_us(low)))
            if isinstance(high, datetime):
                last = min(last, key_of(_us(high) + 1))
    return first, last


def fields(entry: Entry) -> Fields:
    """What rows can be filtered and sorted by: Harbor's names, in the API and in its model."""
    event = entry.event
    operator = event.operator or "anonymous"
    return {
        "id": entry.number,
        "username": operator,
        "operator": operator,
        "resource": event.resource,
        "resource_type": event.resource_type,
        "operation": event.operation,
        "operation_description": event.description,
        "operation_result": event.is_success,
        "is_successful": event.is_success,
        "op_time": datetime.fromtimestamp(entry.at_us // 1_000_000, UTC).replace(microsecond=entry.at_us % 1_000_000),
        "project_id": event.project_id,
        "client_address": event.client_ip,
    }


def view(entry: Entry) -> dict[str, Any]:
    """Render a row."""
    event = entry.event
    return {
        **legacy_view(entry),
        "operation_description": event.description,
        "operation_result": event.is_success,
        "client_address": event.client_ip,
    }


def legacy_view(entry: Entry) -> dict[str, Any]:
    """Render a row as Harbor did before 2.13."""
    event = entry.event
    seconds, rest = divmod(entry.at_us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "id": entry.number,
        "username": event.operator or "anonymous",
        "resource": event.resource,
        "resource_type": event.resource_type,
        "operation": event.operation,
        "op_time": f"{moment}.{rest // 1000:03d}Z",
    }


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
