"""How much there is: projects, repositories, bytes. Source: Harbor `src/server/v2.0/handler/statistic.go`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from chalicelib.cache import Cache
from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.visible import Visible
from chalicelib.http import Response, json_response
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.rbac.authority import unauthorized

KEEP_S = 60
"""How old the bytes may be that administrators are told: they are added up from the quotas of all projects."""


class Counts(NamedTuple):
    """Projects and their repositories."""

    projects: int
    repositories: int


class Statistics:
    """`/statistics`. `stored` adds up the bytes that projects are charged."""

    def __init__(self, visible: Visible, store: ArtifactStore, stored: Callable[[Iterable[int]], int]) -> None:
        self._visible, self._store, self._stored = visible, store, stored
        self._bytes: Cache[str, int] = Cache(1, KEEP_S)

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"getStatistic": self._get}

    def _get(self, call: Call) -> Response:
        """Administrators get totals; others what is public and what is theirs. One query per 5,000 projects and one per 7,000
        repositories."""
        if not call.caller.name:
            raise unauthorized()
        view = self._visible.view(call)
        rows = self._visible.rows(call, view)
        repositories = Counter(row.project_id for row in self._store.repository_rows(None))
        public = _counts((row.project_id for row in rows if row.is_public), repositories)
        private = _counts((row.project_id for row in rows if not row.is_public), repositories)
        document = {
            "private_project_count": private.projects,
            "private_repo_count": private.repositories,
            "public_project_count": public.projects,
            "public_repo_count": public.repositories,
            "total_project_count": 0,
            "total_repo_count": 0,
            "total_storage_consumption": 0,
        }
        if view.is_everything:
            document["total_project_count"] = public.projects + private.projects
            document["total_repo_count"] = public.repositories + private.repositories
            document["total_storage_consumption"] = self._total([row.project_id for row in rows], call.now)
        return json_response(200, document)

    def _total(self, project_ids: list[int], now: int) -> int:
        known = self._bytes.get("", now)
        if known is None:
            known = self._stored(project_ids)
            self._bytes.put("", known, now)
        return known


def _counts(project_ids: Iterable[int], repositories: Counter[int]) -> Counts:
    ids = list(project_ids)
    return Counts(len(ids), sum(repositories[project_id] for project_id in ids))
