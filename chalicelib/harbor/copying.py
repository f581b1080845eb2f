"""Copies of artifacts between repositories. Source: Harbor `src/server/v2.0/handler/artifact.go`, CopyArtifact."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created
from chalicelib.harbor.repositories import in_project, required
from chalicelib.harbor.views import place
from chalicelib.http import Response
from chalicelib.oci.artifacts import Artifacts
from chalicelib.oci.copying import Copying
from chalicelib.oci.reference import Repository
from chalicelib.rbac.authority import Authority, forbidden, unauthorized


class CopyResource:
    """`POST /projects/{project_name}/repositories/{repository_name}/artifacts?from=`."""

    def __init__(self, authority: Authority, artifacts: Artifacts, copying: Copying) -> None:
        self._authority, self._artifacts, self._copying = authority, artifacts, copying

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"CopyArtifact": self._copy}

    def _copy(self, call: Call) -> Response:
        target = required(self._authority, call, "artifact", "create")
        name, reference = parse_source(call.query["from"])
        source = self._source(call, name)
        artifact = self._artifacts.find(source, reference)
        self._copying.copy(source, artifact, target, by=call.caller.name, now=call.now)
        return created(f"{place(target.name.project, target.name.repository)}/artifacts/{reference}")

    def _source(self, call: Call, name: str) -> Repository:
        """Who copies reads the content, so that the right to pull is needed beside Harbor's `artifact:read`."""
        project, _, repository = name.partition("/")
        standing = self._authority.require(call.caller, project, "artifact", "read", is_name=True, now=call.now)
        if not standing.may("repository", "pull"):
            raise forbidden() if call.caller.name else unauthorized()
        return in_project(standing, repository)


def parse_source(text: str) -> tuple[str, str]:
    """Split `repository:tag`, `repository@digest` or `repository:tag@digest` into repository and reference. Raises
    BAD_REQUEST."""
    name, _, digest = text.partition("@")
    name, _, tag = name.partition(":")
    reference = digest or tag
    if not reference or "/" not in name or ("@" in text and not digest):
        raise RegistryError("BAD_REQUEST", message=f"invalid input: {text[:300]}")
    return name, reference
