"""Search for projects and repositories by name. Source: Harbor `src/server/v2.0/handler/search.go`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.harbor import project_views
from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.visible import Visible
from chalicelib.http import Response, json_response
from chalicelib.oci.artifact import RepositoryRecord, RepositoryRow
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.project import ProjectRow
from chalicelib.rbac.project_records import ProjectRecords

FOUND_MAX = 100
"""How many projects and how many repositories are told: a search has no pages. The lists of both do, and filter by name too."""


class Search:
    """`/search?q=`."""

    def __init__(
        self, authority: Authority, visible: Visible, projects: ProjectRecords, store: ArtifactStore
    ) -> None:
        self._authority, self._visible, self._projects, self._store = authority, visible, projects, store

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"search": self._search}

    def _search(self, call: Call) -> Response:
        """Names that contain the words, in the order of names. All rows are read: one query per 5,000 projects and one per 7,000
        repositories; then at most 23 batch reads for what is found."""
        words = call.query["q"].lower()
        projects = {row.project_id: row for row in self._visible.rows(call, self._visible.view(call))}
        rows = [row for row in self._store.repository_rows(None) if row.project_id in projects]
        repositories = [row for row in rows if words in row.name][:FOUND_MAX]
        named = sorted((row for row in projects.values() if words in row.name), key=lambda row: row.name)[:FOUND_MAX]
        counts = Counter(row.project_id for row in rows)
        return json_response(
            200,
            {
                "project": self._project_views(call, named, counts),
                "repository": self._repository_views(repositories, projects),
            },
        )

    def _project_views(self, call: Call, rows: Sequence[ProjectRow], counts: Mapping[int, int]) -> list[dict[str, Any]]:
        names = [row.name for row in rows]
        records = self._projects.load(names) if names else {}
        facts = self._authority.facts(call.caller, names)
        return [
            project_views.project(
                records[row.name], repositories=counts.get(row.project_id, 0), grants=facts.granted(row.name)
            )
            for row in rows
            if row.name in records
        ]

    def _repository_views(
        self, rows: Sequence[RepositoryRow], projects: Mapping[int, ProjectRow]
    ) -> list[dict[str, Any]]:
        return [_view(record, projects[record.row.project_id]) for record in self._store.records(rows)]


def _view(record: RepositoryRecord, project: ProjectRow) -> dict[str, Any]:
    return {
        "project_id": project.project_id,
        "project_name": project.name,
        "project_public": project.is_public,
        "repository_name": record.row.name,
        "pull_count": record.pull_count,
        "artifact_count": record.artifact_count,
    }
