"""Accessories of an artifact: what names it as its subject. Source: Harbor `src/server/v2.0/handler/artifact.go`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.harbor.artifact_views import accessory_view
from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.paging import page_response
from chalicelib.harbor.query import selected
from chalicelib.harbor.repositories import required
from chalicelib.http import Response
from chalicelib.oci.artifact import Accessory
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.artifacts import Artifacts
from chalicelib.rbac.authority import Authority

ACCESSORIES_MAX = 10_000
"""How many accessories of one artifact are listed; `/v2/` lists referrers without end."""


class AccessoryResource:
    """`/artifacts/{reference}/accessories`."""

    def __init__(self, authority: Authority, artifacts: Artifacts, store: ArtifactStore) -> None:
        self._authority, self._artifacts, self._store = authority, artifacts, store

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"listAccessories": self._list}

    def _list(self, call: Call) -> Response:
        repository, asked = required(self._authority, call, "accessory", "list"), call.asked
        artifact = self._artifacts.find(repository, call.path["reference"])
        every = self._store.accessories(repository, artifact.digest, limit=ACCESSORIES_MAX)
        found = selected(every, _fields, asked.criteria, asked.orders)
        page = found[asked.offset : asked.offset + asked.page_size]
        views = [accessory_view(repository, artifact.digest, accessory) for accessory in page]
        return page_response(call.request, asked, views, len(found))


def _fields(accessory: Accessory) -> Mapping[str, Any]:
    return {
        "digest": str(accessory.digest),
        "type": accessory.type,
        "size": accessory.size_bytes,
        "creation_time": datetime.fromtimestamp(accessory.pushed_at, UTC),
    }
