"""Metadata of a project over HTTP. Source: Harbor `src/server/v2.0/handler/project_metadata.go`."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.model import Project
from chalicelib.rbac.project import bad
from chalicelib.rbac.project_records import ProjectRecords


class MetadataResource:
    """`/projects/{project_name_or_id}/metadatas/`."""

    def __init__(self, authority: Authority, projects: ProjectRecords) -> None:
        self._authority, self._projects = authority, projects

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listProjectMetadatas": self._list,
            "addProjectMetadatas": self._add,
            "getProjectMetadata": self._get,
            "updateProjectMetadata": self._update,
            "deleteProjectMetadata": self._delete,
        }

    def _list(self, call: Call) -> Response:
        return json_response(200, self._projects.get(self._require_list(call)).all_metadata)

    def _add(self, call: Call) -> Response:
        project = self._require(call, "create")
        if len(call.body) != 1:
            raise bad("only allow one key/value pair")
        ((key, value),) = call.body.items()
        self._projects.add_metadata(project, key, value, now=call.now)
        return done()

    def _get(self, call: Call) -> Response:
        name, metadata = call.path["meta_name"], self._projects.get(self._require(call, "read")).all_metadata
        return json_response(200, {name: metadata[name]} if name in metadata else {})

    def _update(self, call: Call) -> Response:
        project, name = self._require(call, "update"), call.path["meta_name"]
        if name not in call.body:
            raise bad(f"the body must have the key {name[:64]}")
        self._projects.change_metadata(project, {name: call.body[name]}, now=call.now)
        return done()

    def _delete(self, call: Call) -> Response:
        self._projects.remove_metadata(self._require(call, "delete"), call.path["meta_name"], now=call.now)
        return done()

    def _require_list(self, call: Call) -> Project:
        """Harbor's matrix lets nobody but robots and system administrators list what project administrators may read one by one:
        who may read may list here."""
        try:
            return self._require(call, "list")
        except RegistryError as refusal:
            if refusal.code != "FORBIDDEN":
                raise
            return self._require(call, "read")

    def _require(self, call: Call, action: str) -> Project:
        is_name, now = call.is_by_name, call.now
        return self._authority.require(call.caller, call.project, "metadata", action, is_name=is_name, now=now).project
