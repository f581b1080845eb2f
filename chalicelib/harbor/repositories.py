"""Repositories. Source: Harbor `src/server/v2.0/handler/repository.go`.

Lists are in the order of names, which any page of any length is read in; Harbor's default is by creation, newest first, and can
be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.harbor.paging import Asked, Listed, listed, page_response
from chalicelib.harbor.query import Order, selected
from chalicelib.harbor.views import moment, present
from chalicelib.harbor.visible import Visible
from chalicelib.http import Response, json_response
from chalicelib.oci.artifact import RepositoryRecord, RepositoryRow
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.contents import ContentStore
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import ManifestStore
from chalicelib.oci.reference import Name, Repository
from chalicelib.rbac.authority import Authority, Standing
from chalicelib.rbac.model import Project

DESCRIPTION_MAX_CHARACTERS = 16 * 1024
"""Every push to a repository reads its description too."""
_RECORD_FIELDS = frozenset({"update_time", "pull_count", "artifact_count", "description"})
_RECORDS_MAX = 500
"""How many repositories are read whole to filter or sort them: five a call."""
_BLOB = "blob_digest"


class RepositoryResource:
    """The repositories of a project, and of all."""

    def __init__(
        self,
        authority: Authority,
        store: ArtifactStore,
        manifests: ManifestStore,
        contents: ContentStore,
        visible: Visible,
    ) -> None:
        self._authority, self._store, self._manifests = authority, store, manifests
        self._contents, self._visible = contents, visible

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "listAllRepositories": self._list_all,
            "listRepositories": self._list,
            "getRepository": self._get,
            "updateRepository": self._update,
            "deleteRepository": self._delete,
        }

    def _list_all(self, call: Call) -> Response:
        """Administrators page through the catalog; for others all rows are read, and those of their projects stay."""
        asked = call.asked
        visible = self._visible.ids(call)
        if any(criterion.field == _BLOB for criterion in asked.criteria):
            return self._answer(call, asked, self._with_blob(asked, visible))
        if visible is None:
            return self._answer(call, asked, self._page(asked, None))
        rows = [row for row in self._store.repository_rows(None) if row.project_id in visible] if visible else []
        return self._answer(call, asked, self._chosen(asked, rows))

    def _list(self, call: Call) -> Response:
        standing = self._authority.require(call.caller, call.project, "repository", "list", is_name=True, now=call.now)
        asked, project = call.asked, standing.project
        if any(criterion.field == _BLOB for criterion in asked.criteria):
            return self._answer(call, asked, self._with_blob(asked, frozenset({project.project_id})))
        return self._answer(call, asked, self._page(asked, project))

    def _page(self, asked: Asked, project: Project | None) -> Listed[Any]:
        def page(offset: int, limit: int, is_descending: bool) -> tuple[Sequence[Any], int]:
            if not is_descending:
                return self._store.repositories(project, offset, limit)
            rows = self._store.repository_rows(project)[::-1]
            return rows[offset : offset + limit], len(rows)

        if _needs_records(asked):
            return self._chosen(asked, self._store.repository_rows(project))
        every = lambda: self._store.repository_rows(project)  # noqa: E731
        return listed(asked, natural=Order("name"), page=page, every=every, fields_of=_fields)

    def _chosen(self, asked: Asked, rows: Sequence[RepositoryRow]) -> Listed[Any]:
        """Choose a page from rows. Raises BAD_REQUEST for filters on what only whole repositories tell, when they are many."""
        items: Sequence[Any] = rows
        if _needs_records(asked):
            if len(rows) <= _RECORDS_MAX:
                items = self._store.records(rows)
            elif any(criterion.field in _RECORD_FIELDS for criterion in asked.criteria):
                message = f"more than {_RECORDS_MAX} repositories cannot be filtered by {sorted(_RECORD_FIELDS)}"
                raise RegistryError("BAD_REQUEST", message=message)
        found = selected(items, _fields, asked.criteria, asked.orders)
        return Listed(found[asked.offset : asked.offset + asked.page_size], len(found))

    def _with_blob(self, asked: Asked, visible: frozenset[int] | None) -> Listed[Any]:
        """Name a repository that has a blob: what Harbor asks before it replicates, to mount instead of uploading. One is told
        at most, which is enough to mount from; it is none when the blob was only mounted where the caller sees it."""
        digest = next(str(criterion.values[0]) for criterion in asked.criteria if criterion.field == _BLOB)
        try:
            home = self._contents.home(Digest.parse(digest))
        except RegistryError:
            raise RegistryError("BAD_REQUEST", message=f"invalid digest: {digest[:140]}") from None
        if home is None or (visible is not None and home.project_id not in visible):
            return Listed([], 0)
        record = self._store.repository(home)
        others = [criterion for criterion in asked.criteria if criterion.field != _BLOB]
        found = selected([record] if record else [], _fields, others, ())
        return Listed(found[asked.offset : asked.offset + asked.page_size], len(found))

    def _answer(self, call: Call, asked: Asked, found: Listed[Any]) -> Response:
        rows = [item for item in found.items if isinstance(item, RepositoryRow)]
        records = self._store.records(rows) if rows else found.items
        return page_response(call.request, asked, [repository_view(record) for record in records], found.total)

    def _get(self, call: Call) -> Response:
        repository = required(self._authority, call, "repository", "read")
        record = self._store.repository(repository)
        if record is None:
            raise _unknown(repository)
        return json_response(200, repository_view(record))

    def _update(self, call: Call) -> Response:
        repository = required(self._authority, call, "repository", "update")
        description = call.body.get("description", "")
        if len(description) > DESCRIPTION_MAX_CHARACTERS:
            message = f"a description may have {DESCRIPTION_MAX_CHARACTERS} characters"
            raise RegistryError("BAD_REQUEST", message=message)
        if not self._store.update_description(repository, description or None, now=call.now):
            raise _unknown(repository)
        return done()

    def _delete(self, call: Call) -> Response:
        repository = required(self._authority, call, "repository", "delete")
        if not self._manifests.delete_repository(repository, by=call.caller.name):
            raise _unknown(repository)
        return done()


def required(authority: Authority, call: Call, resource: str, action: str) -> Repository:
    """Demand a permission in the path's project and name the path's repository, whether there is one or not. Raises
    UNAUTHORIZED, FORBIDDEN, NOT_FOUND."""
    standing = authority.require(call.caller, call.project, resource, action, is_name=True, now=call.now)
    return in_project(standing, call.path["repository_name"])


def in_project(standing: Standing, name: str) -> Repository:
    """Name a repository of a project. Raises NOT_FOUND when there can be none of that name."""
    try:
        return Repository(standing.project.project_id, Name.parse(f"{standing.project.name}/{name}"))
    except RegistryError:
        message = f"repository {standing.project.name}/{name[:255]} not found"
        raise RegistryError("NOT_FOUND", message=message) from None


def repository_view(record: RepositoryRecord) -> dict[str, Any]:
    """Render a repository."""
    return present({
        "id": record.row.repository_id,
        "project_id": record.row.project_id,
        "name": record.row.name,
        "description": record.description,
        "artifact_count": record.artifact_count,
        "pull_count": record.pull_count,
        "creation_time": moment(record.row.created_at),
        "update_time": moment(record.updated_at),
    })  # fmt: skip


def _fields(item: RepositoryRow | RepositoryRecord) -> Mapping[str, Any]:
    row = item.row if isinstance(item, RepositoryRecord) else item
    found: dict[str, Any] = {
        "id": row.repository_id,
        "repository_id": row.repository_id,
        "project_id": row.project_id,
        "name": row.name,
        "creation_time": datetime.fromtimestamp(row.created_at, UTC),
    }
    if isinstance(item, RepositoryRecord):
        found |= {
            "update_time": datetime.fromtimestamp(item.updated_at, UTC),
            "pull_count": item.pull_count,
            "artifact_count": item.artifact_count,
            "description": item.description or "",
        }
    return found


def _needs_records(asked: Asked) -> bool:
    fields = {criterion.field for criterion in asked.criteria} | {order.field for order in asked.orders}
    return bool(_RECORD_FIELDS & fields)


def _unknown(repository: Repository) -> RegistryError:
    return RegistryError("NOT_FOUND", message=f"repository {repository} not found")
