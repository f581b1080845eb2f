"""Projects over HTTP. Source: Harbor `src/server/v2.0/handler/project.go`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor import project_views
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Criterion, Fields, Kind, Order
from chalicelib.http import Response, json_response
from chalicelib.oci.ports import QuotaStore
from chalicelib.oci.quota import is_limit
from chalicelib.rbac.authority import Authority, Standing, forbidden
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.member import Member
from chalicelib.rbac.members import Members
from chalicelib.rbac.model import Facts
from chalicelib.rbac.project import PROXY_ONLY, PUBLIC, Allowlist, ProjectRecord, ProjectRow, allowlist, bad, merged
from chalicelib.rbac.project import check_metadata as checked
from chalicelib.rbac.project_records import NOT_EMPTY, ProjectRecords

_RETENTION = "retention_id"
_COUNTED = {
    "projectAdmin": "project_admin_count",
    "maintainer": "maintainer_count",
    "developer": "developer_count",
    "guest": "guest_count",
    "limitedGuest": "limited_guest_count",
}


class ProjectResource:
    """`/projects`."""

    def __init__(
        self,
        authority: Authority,
        projects: ProjectRecords,
        members: Members,
        quotas: QuotaStore,
        configurations: Configurations,
    ) -> None:
        self._authority, self._projects, self._members = authority, projects, members
        self._quotas, self._configurations = quotas, configurations

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listProjects": self._list,
            "headProject": self._head,
            "createProject": self._create,
            "getProject": self._get,
            "updateProject": self._update,
            "deleteProject": self._delete,
            "getProjectDeletable": self._deletable,
            "getProjectSummary": self._summary,
        }

    def _list(self, call: Call) -> Response:
        asked = call.asked
        more = []
        if call.query.get("name"):
            more.append(Criterion("name", Kind.CONTAINS, (call.query["name"],)))
        if call.query.get("owner"):
            more.append(Criterion("owner", Kind.EXACT, (call.query["owner"],)))
        if "public" in call.query:
            more.append(Criterion(PUBLIC, Kind.EXACT, (str(call.query["public"]).lower(),)))
        facts = self._authority.require_login(call.caller, now=call.now) if call.caller.name else Facts()
        seen = self._projects.seen_by(facts, now=call.now)
        found = listed(
            asked.with_criteria(*more),
            natural=Order("name"),
            page=seen.page,
            every=seen.every,
            fields_of=_fields,
        )
        items = self._views(call, [row.name for row in found.items])
        return page_response(call.request, asked, items, found.total)

    def _views(self, call: Call, names: Sequence[str]) -> list[dict[str, Any]]:
        """Three reads for a page of ten: projects, counters, roles of the caller."""
        if not names:
            return []
        records = list(self._projects.load(names).values())
        counts = self._projects.repository_counts(records)
        facts = self._authority.facts(call.caller, names)
        views = {record.project.name: _view(record, counts, facts) for record in records}
        return [views[name] for name in names if name in views]

    def _head(self, call: Call) -> Response:
        facts = self._authority.require_login(call.caller, now=call.now)
        name = call.query["project_name"]
        if facts.principal is None or name not in self._projects.load([name]):
            raise RegistryError("NOT_FOUND", message=f"project {name[:255]} not found")
        return done()

    def _create(self, call: Call) -> Response:
        facts = self._authority.require_login(call.caller, now=call.now)
        is_privileged = self._authority.may_on_system(facts, "project", "create", now=call.now)
        configuration = self._configurations.current(now=call.now)
        if facts.robot is not None and not is_privileged:
            raise forbidden("Only system level robot can create project")
        if configuration.project_creation_restriction == "adminonly" and not is_privileged:
            raise forbidden("Only system admin can create project")
        body = call.body
        if body.get("registry_id"):
            raise bad("Moorage does not have proxy cache projects yet")
        limit = configuration.project_limit_bytes
        if body.get("storage_limit") and is_privileged and configuration.quota_per_project_enable:
            limit = _limit(body["storage_limit"])
        project = self._projects.make(
            body.get("project_name", ""),
            _metadata(body),
            _allowlist(body, 0, call.now) or Allowlist(),
            by=call.caller.name,
            limit_bytes=limit,
            now=call.now,
        )
        is_name_wanted = call.values.headers.get("X-Resource-Name-In-Location") is True
        return created(f"/projects/{project.name if is_name_wanted else project.project_id}")

    def _get(self, call: Call) -> Response:
        standing = self._require(call, "read")
        record = self._projects.get(standing.project)
        return json_response(200, _view(record, self._projects.repository_counts([record]), standing.facts))

    def _update(self, call: Call) -> Response:
        standing = self._require(call, "update")
        project, body = standing.project, call.body
        metadata = _metadata(body, is_new=False)
        retention_id = metadata.pop(_RETENTION, None)
        change, exempt = checked(metadata), _allowlist(body, project.project_id, call.now)

        def update(record: ProjectRecord) -> ProjectRecord:
            if retention_id is not None and record.metadata.get(_RETENTION) != retention_id:
                raise bad("the retention_id should be omitted, or be the one that the project has already")
            after = merged(record, change, now=call.now)
            return after if exempt is None else after._replace(allowlist=exempt)

        self._projects.change(project, update)
        return done()

    def _delete(self, call: Call) -> Response:
        self._projects.remove(self._require(call, "delete").project, now=call.now)
        return done()

    def _deletable(self, call: Call) -> Response:
        record = self._projects.get(self._require(call, "delete").project)
        if self._projects.repository_counts([record])[record.project.project_id]:
            return json_response(200, {"deletable": False, "message": NOT_EMPTY})
        return json_response(200, {"deletable": True})

    def _summary(self, call: Call) -> Response:
        standing = self._require(call, "read")
        record = self._projects.get(standing.project)
        summary: dict[str, Any] = {"repo_count": self._projects.repository_counts([record])[record.project.project_id]}
        if standing.may("member", "list"):
            summary |= _member_counts(self._members.every(standing.project))
        if standing.may("quota", "read") and self._configurations.current(now=call.now).quota_per_project_enable:
            summary["quota"] = project_views.quota(self._quotas.usage(standing.project.project_id))
        return json_response(200, summary)

    def _require(self, call: Call, action: str) -> Standing:
        return self._authority.require(
            call.caller,
            call.project,
            "project",
            action,
            is_name=call.is_by_name,
            now=call.now,
        )


def _view(record: ProjectRecord, counts: Mapping[int, int], facts: Facts) -> dict[str, Any]:
    repositories, grants = counts[record.project.project_id], facts.granted(record.project.name)
    return project_views.project(record, repositories=repositories, grants=grants)


def _member_counts(members: Sequence[Member]) -> dict[str, int]:
    roles = Counter(member.role for member in members)
    return {field: roles[role] for role, field in _COUNTED.items()}


def _metadata(body: Mapping[str, Any], *, is_new: bool = True) -> dict[str, str]:
    """Take the metadata of a request; what only proxy caches have is passed over, as in Harbor."""
    found = {key: value for key, value in (body.get("metadata") or {}).items() if key not in PROXY_ONLY}
    if is_new and "public" in body and not found.get(PUBLIC):
        found[PUBLIC] = str(body["public"]).lower()
    if is_new and found.pop(_RETENTION, ""):
        raise bad("the retention_id in the request's payload when creating a project should be omitted")
    if not found.get(PUBLIC):
        found.pop(PUBLIC, None)
    return found


def _allowlist(body: Mapping[str, Any], project_id: int, now: int) -> Allowlist | None:
    sent = body.get("cve_allowlist")
    if sent is None:
        return None
    if sent.get("project_id") not in (None, 0, project_id):
        raise bad(f"project_id in cve_allowlist must be {project_id} but it's {sent['project_id']}")
    return allowlist((item.get("cve_id", "") for item in sent.get("items", ())), sent.get("expires_at"), now=now)


def _limit(limit_bytes: int) -> int:
    if is_limit(limit_bytes):
        return limit_bytes
    raise bad("the storage limit must be -1 for none, or 1 byte to 1024 TiB")


def _fields(row: ProjectRow) -> Fields:
    return {
        "name": row.name,
        "project_id": row.project_id,
        PUBLIC: row.is_public,
        "owner": row.owner,
        "owner_id": row.owner_id,
        "owner_name": row.owner,
        "creation_time": datetime.fromtimestamp(row.created_at, UTC),
        "update_time": datetime.fromtimestamp(row.updated_at, UTC),
    }
