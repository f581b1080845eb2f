"""Tags of an artifact. Source: Harbor `src/server/v2.0/handler/artifact.go`, `src/controller/tag/controller.go`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.artifact_views import tag_view
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import page_response
from chalicelib.harbor.query import Order, selected
from chalicelib.harbor.repositories import required
from chalicelib.harbor.views import place
from chalicelib.http import Response
from chalicelib.oci.artifact import TagEntry, tag_id
from chalicelib.oci.artifact_ports import ArtifactStore
from chalicelib.oci.artifacts import Artifacts
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.reference import Repository, Tag
from chalicelib.rbac.authority import Authority

TAGS_MAX = 10_000
"""How many tags of one artifact are listed."""


class TagResource:
    """`/artifacts/{reference}/tags`."""

    def __init__(self, authority: Authority, artifacts: Artifacts, store: ArtifactStore, manifests: Manifests) -> None:
        self._authority, self._artifacts, self._store, self._manifests = authority, artifacts, store, manifests

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {"listTags": self._list, "createTag": self._create, "deleteTag": self._delete}

    def _list(self, call: Call) -> Response:
        """An artifact has few tags: all are read, newest first."""
        repository, asked = required(self._authority, call, "tag", "list"), call.asked
        artifact = self._artifacts.find(repository, call.path["reference"])
        tags = self._store.tags_of(repository, artifact.digest, limit=TAGS_MAX)
        orders = asked.orders or (Order("push_time", is_descending=True), Order("id", is_descending=True))
        found = selected(tags, lambda tag: _fields(tag, repository), asked.criteria, orders)
        page = found[asked.offset : asked.offset + asked.page_size]
        return page_response(call.request, asked, [tag_view(repository, tag) for tag in page], len(found))

    def _create(self, call: Call) -> Response:
        repository = required(self._authority, call, "tag", "create")
        artifact = self._artifacts.find(repository, call.path["reference"])
        tag = _parsed(call.body["name"])
        stored = self._manifests.get(repository, artifact.digest, now=call.now)
        self._manifests.put(
            repository,
            tag,
            stored.content,
            stored.media_type,
            tags=(),
            by=call.caller.name,
            now=call.now,
            are_tags_new=True,
        )
        home = place(repository.name.project, repository.name.repository)
        return created(f"{home}/artifacts/{artifact.digest}/tags/{tag}")

    def _delete(self, call: Call) -> Response:
        """The artifact stays, also without any tag."""
        repository, name = required(self._authority, call, "tag", "delete"), call.path["tag_name"]
        artifact = self._artifacts.find(repository, call.path["reference"])
        if not self._artifacts.has_tag(repository, artifact, name):
            message = f"tag {name[:128]} attached to artifact {artifact.digest} not found"
            raise RegistryError("NOT_FOUND", message=message)
        self._manifests.delete(repository, Tag(name), by=call.caller.name)
        return done()


def _parsed(text: str) -> Tag:
    try:
        return Tag.parse(text)
    except RegistryError:
        raise RegistryError("BAD_REQUEST", message=f"invalid tag name: {text[:128]}") from None


def _fields(tag: TagEntry, repository: Repository) -> Mapping[str, Any]:
    return {
        "id": tag_id(repository.project_id, repository.name.repository, tag.name),
        "name": tag.name,
        "push_time": datetime.fromtimestamp(tag.tagged_at, UTC),
        "pull_time": None if tag.pulled_at is None else datetime.fromtimestamp(tag.pulled_at, UTC),
    }
