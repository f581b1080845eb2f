"""Artifacts: list, get, delete, labels. Source: Harbor `src/server/v2.0/handler/artifact.go`."""

from __future__ import annotations

import functools

from chalicelib.harbor import artifact_filters as filters
from chalicelib.harbor.artifact_views import artifact_view
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.harbor.paging import Asked, Listed, listed, page_response
from chalicelib.harbor.query import Order
from chalicelib.harbor.repositories import required
from chalicelib.http import Response, json_response
from chalicelib.oci.artifact import ArtifactRow
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.artifacts import Artifacts, Wanted
from chalicelib.oci.reference import Repository
from chalicelib.oci.removal import Removal
from chalicelib.rbac.authority import Authority


class ArtifactResource:
    """The artifacts of a repository."""

    def __init__(self, authority: Authority, artifacts: Artifacts, store: ArtifactStore, removal: Removal) -> None:
        self._authority, self._artifacts, self._store, self._removal = authority, artifacts, store, removal

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "listArtifacts": self._list,
            "getArtifact": self._get,
            "deleteArtifact": self._delete,
            "addLabel": self._add_label,
            "removeLabel": self._remove_label,
        }

    def _list(self, call: Call) -> Response:
        """Newest first, in which order any page costs the same. A repository that is not there has none, as in Harbor."""
        repository = required(self._authority, call, "artifact", "list")
        asked = call.asked
        found = self._found(repository, filters.narrowed(asked))
        details = self._artifacts.details(repository, [row.digest for row in found.items], _wanted(call), now=call.now)
        documents = [artifact_view(detail, repository) for detail in details]
        return page_response(call.request, asked, documents, found.total)

    def _found(self, repository: Repository, asked: Asked) -> Listed[ArtifactRow]:
        natural, rows = Order("push_time", is_descending=True), functools.cache(lambda: self._store.rows(repository))
        marks = functools.cache(lambda: filters.marks(self._store, repository, asked, rows()))
        return listed(
            asked,
            natural=natural,
            page=lambda offset, limit, is_newest: self._store.page(
                repository, offset, limit, is_newest_first=is_newest
            ),
            every=rows,
            fields_of=lambda row: filters.fields(row, repository, marks()),
        )

    def _get(self, call: Call) -> Response:
        repository = required(self._authority, call, "artifact", "read")
        detail = self._artifacts.get(repository, call.path["reference"], _wanted(call), now=call.now)
        return json_response(200, artifact_view(detail, repository))

    def _delete(self, call: Call) -> Response:
        repository = required(self._authority, call, "artifact", "delete")
        artifact = self._artifacts.find(repository, call.path["reference"])
        self._removal.remove(repository, artifact, by=call.caller.name, now=call.now)
        return done()

    def _add_label(self, call: Call) -> Response:
        repository = required(self._authority, call, "artifact-label", "create")
        self._artifacts.add_label(repository, call.path["reference"], call.body.get("id", 0))
        return done()

    def _remove_label(self, call: Call) -> Response:
        repository = required(self._authority, call, "artifact-label", "delete")
        self._artifacts.remove_label(repository, call.path["reference"], call.path["label_id"])
        return done()


def _wanted(call: Call) -> Wanted:
    query = call.query
    return Wanted(
        tags=query.get("with_tag", True),
        labels=query.get("with_label", False),
        accessories=query.get("with_accessory", False),
        inherited=query.get("with_inherited_accessory", False),
    )
