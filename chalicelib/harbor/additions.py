"""Additions of an artifact: build history, a chart's files, an SBOM. Source: Harbor `src/server/v2.0/handler/artifact.go`."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.repositories import required
from chalicelib.http import Response, json_response
from chalicelib.oci import additions
from chalicelib.oci.artifact import Artifact
from chalicelib.oci.artifacts import Artifacts
from chalicelib.oci.contents import Contents
from chalicelib.oci.manifest import INDEX_TYPES
from chalicelib.oci.reference import Repository
from chalicelib.rbac.authority import Authority


class AdditionResource:
    """`/artifacts/{reference}/additions/{addition}`."""

    def __init__(self, authority: Authority, artifacts: Artifacts, contents: Contents) -> None:
        self._authority, self._artifacts, self._contents = authority, artifacts, contents

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"getAddition": self._get, "getVulnerabilitiesAddition": self._vulnerabilities}

    def _get(self, call: Call) -> Response:
        repository, addition = required(self._authority, call, "artifact-addition", "read"), call.path["addition"]
        artifact = self._artifacts.find(repository, call.path["reference"])
        is_index = artifact.row.manifest_media_type in INDEX_TYPES
        if addition not in additions.of_type(artifact.row.type, is_index=is_index):
            message = f"addition {addition.upper()} isn't supported for {artifact.row.type}"
            raise RegistryError("BAD_REQUEST", message=message)
        content = self._content(repository, artifact, addition)
        return Response(200, {"Content-Type": additions.CONTENT_TYPES[addition]}, content)

    def _content(self, repository: Repository, artifact: Artifact, addition: str) -> bytes:
        if addition in (additions.BUILD_HISTORY, additions.DEPENDENCIES):
            read = additions.build_history if addition == additions.BUILD_HISTORY else additions.dependencies
            if artifact.config_digest is None:
                return read(b"")
            return read(self._contents.get(repository, artifact.config_digest, at_most_bytes=additions.CONFIG_BYTES))
        layers = self._artifacts.manifest(repository, artifact).blobs[1:]
        if addition == additions.SBOM_DOCUMENT:
            if len(layers) != 1:
                raise RegistryError("NOT_FOUND", message="The sbom is not found")
            return self._contents.get(repository, layers[0].digest, at_most_bytes=additions.FILE_BYTES)
        if not layers:
            return b""
        archive = next((layer for layer in layers if layer.media_type in additions.CHART_TYPES), layers[0])
        content = self._contents.get(repository, archive.digest, at_most_bytes=additions.CHART_BYTES)
        return additions.chart_file(content, addition)

    def _vulnerabilities(self, call: Call) -> Response:
        """What was never scanned has no report yet: an empty document, as Harbor answers."""
        repository = required(self._authority, call, "artifact-addition", "read")
        self._artifacts.find(repository, call.path["reference"])
        return json_response(200, {})
