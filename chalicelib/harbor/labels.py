"""Labels. Source: Harbor `src/server/v2.0/handler/label.go`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Criterion, Kind, Order
from chalicelib.harbor.views import moment
from chalicelib.http import Response, json_response
from chalicelib.oci.label import GLOBAL, PROJECT, Label, LabelRow, LabelStore, LabelText
from chalicelib.oci.labels import Labels
from chalicelib.rbac.authority import Authority


class LabelResource:
    """The labels of the registry (scope `g`) and of projects (scope `p`)."""

    def __init__(self, authority: Authority, labels: Labels, store: LabelStore) -> None:
        self._authority, self._labels, self._store = authority, labels, store

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "ListLabels": self._list,
            "CreateLabel": self._create,
            "GetLabelByID": self._get,
            "UpdateLabel": self._update,
            "DeleteLabel": self._delete,
        }

    def _list(self, call: Call) -> Response:
        """The registry's labels are open to everybody, as in Harbor; a project's to those who may list them."""
        scope, project_id = call.query.get("scope", ""), 0
        if scope not in (GLOBAL, PROJECT):
            raise RegistryError("BAD_REQUEST", message=f"invalid scope: {scope[:64]}")
        if scope == PROJECT:
            project_id = call.query.get("project_id", 0)
            if project_id <= 0:
                raise RegistryError("BAD_REQUEST", message="must with project ID when to query project labels")
            self._demand(call, project_id, "list")
        asked = call.asked
        if call.query.get("name"):
            asked = asked.with_criteria(Criterion("name", Kind.CONTAINS, (call.query["name"],)))
        found = listed(
            asked,
            natural=Order("id"),
            page=lambda offset, limit, is_descending: self._store.page(project_id, offset, limit, is_descending),
            every=lambda: self._store.rows(project_id),
            fields_of=_fields,
        )
        details = self._store.load(row.label_id for row in found.items)
        documents = [label_view(details[row.label_id]) for row in found.items if row.label_id in details]
        return page_response(call.request, asked, documents, found.total)

    def _create(self, call: Call) -> Response:
        scope, project_id = call.body.get("scope", ""), call.body.get("project_id", 0)
        if scope not in (GLOBAL, PROJECT):
            raise RegistryError("BAD_REQUEST", message="unsupported label scope")
        if scope == PROJECT and project_id <= 0:
            raise RegistryError("BAD_REQUEST", message="a label of a project needs its project_id")
        project_id = project_id if scope == PROJECT else 0
        self._demand(call, project_id, "create")
        label = self._labels.create(project_id, _text(call.body), now=call.now)
        return created(f"/labels/{label.label_id}")

    def _get(self, call: Call) -> Response:
        return json_response(200, label_view(self._found(call, "read")))

    def _update(self, call: Call) -> Response:
        """Scope and project of a label never change."""
        self._labels.change(self._found(call, "update"), _text(call.body), now=call.now)
        return done()

    def _delete(self, call: Call) -> Response:
        self._labels.delete(self._found(call, "delete"))
        return done()

    def _found(self, call: Call, action: str) -> Label:
        label = self._labels.find(call.path["label_id"])
        self._demand(call, label.project_id, action)
        return label

    def _demand(self, call: Call, project_id: int, action: str) -> None:
        """A project that is not there is a wrong parameter here, since no path names it: 400, where Harbor says 404 against its
        own description. A label of a project that is gone is gone."""
        if not project_id:
            self._authority.require_system(call.caller, "label", action, now=call.now)
            return
        try:
            self._authority.require(call.caller, str(project_id), "label", action, now=call.now)
        except RegistryError as error:
            if error.code == "NOT_FOUND" and "label_id" not in call.path:
                raise RegistryError("BAD_REQUEST", message=error.message) from None
            raise


def label_view(label: Label) -> dict[str, Any]:
    """Render a label."""
    return {
        "id": label.label_id,
        "name": label.text.name,
        "description": label.text.description,
        "color": label.text.color,
        "scope": label.scope,
        "project_id": label.project_id,
        "creation_time": moment(label.created_at),
        "update_time": moment(label.updated_at),
    }


def _text(body: Mapping[str, Any]) -> LabelText:
    return LabelText(body.get("name", ""), body.get("description", ""), body.get("color", ""))


def _fields(row: LabelRow) -> Mapping[str, Any]:
    return {
        "id": row.label_id,
        "name": row.name,
        "creation_time": datetime.fromtimestamp(row.created_at, UTC),
        "update_time": datetime.fromtimestamp(row.updated_at, UTC),
    }
