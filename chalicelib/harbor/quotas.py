"""Storage quotas of projects over HTTP. A quota has its project's id. Source: Harbor `src/server/v2.0/handler/quota.go`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor import project_views
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.harbor.paging import page_response
from chalicelib.harbor.query import selected
from chalicelib.harbor.views import moment
from chalicelib.http import Response, json_response
from chalicelib.oci.ports import QuotaStore
from chalicelib.oci.quota import Usage, is_limit
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.project import ProjectRow, bad
from chalicelib.rbac.project_records import ProjectRecords

_STORAGE = "storage"
SORTED_MAX = 1000
"""How many projects are sorted by what they use: their shards are read for it, five projects a call. With more of them lists
stay in the order of names."""


class QuotaResource:
    """`/quotas`."""

    def __init__(self, authority: Authority, projects: ProjectRecords, quotas: QuotaStore) -> None:
        self._authority, self._projects, self._quotas = authority, projects, quotas

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {"listQuotas": self._list, "getQuota": self._get, "updateQuota": self._update}

    def _list(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "quota", "list", now=call.now)
        asked = call.asked
        if call.query.get("reference", "project") != "project":
            return page_response(call.request, asked, [], 0)
        if call.query.get("reference_id"):
            row = self._find(call.query["reference_id"])
            own = [row] if row else []
            return page_response(call.request, asked, self._views(own[asked.offset :]), len(own))
        seen = self._projects.seen_all()
        rows, total = seen.page(asked.offset, asked.page_size, False)
        if asked.orders and 0 < total <= SORTED_MAX:
            every = seen.every()
            usages = self._quotas.usages([row.project_id for row in every])
            ordered = selected(every, lambda row: _fields(row, usages[row.project_id]), (), asked.orders)
            rows = ordered[asked.offset : asked.offset + asked.page_size]
        return page_response(call.request, asked, self._views(rows), total)

    def _views(self, rows: Sequence[ProjectRow]) -> list[dict[str, Any]]:
        usages = self._quotas.usages([row.project_id for row in rows])
        records = self._projects.load([row.name for row in rows])
        owners = {name: record.owner_id for name, record in records.items()}
        return [_view(row, usages[row.project_id], owners.get(row.name, 0)) for row in rows]

    def _get(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "quota", "read", now=call.now)
        return json_response(200, self._views([self._required(call)])[0])

    def _update(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "quota", "update", now=call.now)
        hard = call.body.get("hard") or {}
        if not hard:
            raise bad("hard required in body")
        if set(hard) != {_STORAGE}:
            raise bad("storage is the only resource that has a quota")
        if not is_limit(hard[_STORAGE]):
            raise bad("the storage limit must be -1 for none, or 1 byte to 1024 TiB")
        self._quotas.set_limit(self._required(call).project_id, hard[_STORAGE], now=call.now)
        return done()

    def _required(self, call: Call) -> ProjectRow:
        row = self._find(str(call.path["id"]))
        if row is None:
            raise RegistryError("NOT_FOUND", message=f"quota {call.path['id']} not found")
        return row

    def _find(self, project_id: str) -> ProjectRow | None:
        """Find a project by id. Two reads."""
        if not project_id.isascii() or not project_id.isdigit():
            return None
        name = self._authority.name_of(project_id, is_name=False)
        standing = self._projects.load([name]).get(name) if name else None
        if standing is None or standing.project.project_id != int(project_id[:19]):
            return None
        project = standing.project
        return ProjectRow(*project, standing.owner, standing.created_at, standing.updated_at)


def _view(row: ProjectRow, usage: Usage, owner_id: int) -> dict[str, Any]:
    return {
        "id": row.project_id,
        "ref": {"id": row.project_id, "name": row.name, "owner_name": row.owner, "owner_id": owner_id},
        **project_views.quota(usage),
        "creation_time": moment(usage.created_at or row.created_at),
        "update_time": moment(usage.updated_at or row.created_at),
    }


def _fields(row: ProjectRow, usage: Usage) -> Mapping[str, Any]:
    return {
        "hard.storage": usage.limit_bytes,
        "used.storage": usage.used_bytes,
        "id": row.project_id,
        "creation_time": usage.created_at or row.created_at,
        "update_time": usage.updated_at or row.created_at,
    }
