"""The URL table of `/v2/` and its answers: parse values, require permission, one use case, one response.

Source: OCI distribution-spec 1.1, "Endpoints" (end-1 to end-13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from chalicelib import events, telemetry
from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Artifact, Recorder, Who
from chalicelib.http import Request, Response, json_response
from chalicelib.oci.blobs import Blobs
from chalicelib.oci.catalog import Catalog
from chalicelib.oci.client import stays_on_host
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import OCI_INDEX
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.ports import Page
from chalicelib.oci.reference import Name, Repository, Tag, parse_reference
from chalicelib.oci.referrers import PAGE_MAX, Referrers, render
from chalicelib.oci.refusals import Refusals
from chalicelib.oci.tags import Asked, Tags
from chalicelib.oci.uploads import Uploads
from chalicelib.rbac.access import Access
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.model import Caller

_READ = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request on a repository: who sends it, what path it named, and when."""

    request: Request
    caller: Caller
    name: Name
    rest: str
    now: int


class RegistryRoutes:
    """`/v2/` and everything below it, but for the data plane of uploads."""

    def __init__(
        self,
        access: Access,
        blobs: Blobs,
        manifests: Manifests,
        tags: Tags,
        referrers: Referrers,
        catalog: Catalog,
        uploads: Uploads,
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._recorder, self._logins, self._refusals = recorder, Logins(recorder), Refusals(recorder)
        self._access, self._blobs, self._manifests = access, blobs, manifests
        self._tags, self._referrers, self._catalog, self._uploads = tags, referrers, catalog, uploads

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer one request. Raises RegistryError."""
        upload = self._uploads.matches(request)
        if upload:
            return self._uploads.answer(request, now=now)
        try:
            caller = self._access.authenticate(request, now=now)
        except RegistryError as refusal:
            self._logins.refused(request, refusal, now=now)
            raise
        telemetry.identified(caller.name)
        path = request.path.removeprefix("/v2").strip("/") if request.path != "/v2/" else ""
        if not path:
            return self._ping(request)
        if path == "_catalog":
            return self._list_catalog(request, caller, now)
        endpoint, name, rest = split(request.path)
        call = Call(request, caller, Name.parse(name), rest, now)
        handlers = {
            "blobs": self._blob,
            "uploads": self._upload,
            "manifests": self._manifest,
            "tags": self._list_tags,
            "referrers": self._list_referrers,
        }
        try:
            return handlers[endpoint](call)
        except RegistryError as refusal:
            who = (caller.name, request.client_ip, caller.project_ids.get(call.name.project, 0))
            self._refusals.note(refusal, request.method, name, *who, now=now)
            raise

    def _ping(self, request: Request) -> Response:
        _allow(request, _READ)
        if not request.header("authorization"):
            raise self._access.challenge()
        return json_response(200, {})

    def _repository(self, call: Call, action: str) -> Repository:
        project_id = self._access.require(call.caller, call.name.project, call.name.repository, action, now=call.now)
        return Repository(project_id, call.name)

    def _manifest(self, call: Call) -> Response:
        _allow(call.request, _READ | {"PUT", "DELETE"})
        reference = parse_reference(call.rest)
        if call.request.method == "PUT":
            return self._put_manifest(call, reference)
        if call.request.method == "DELETE":
            repository = self._repository(call, "delete")
            tag = str(reference) if isinstance(reference, Tag) else ""
            self._access.require_tags(call.caller, str(call.name), [tag], "delete")
            self._manifests.delete(repository, reference, by=call.caller.name)
            kind, mark = ("tag", ":") if isinstance(reference, Tag) else ("artifact", "@")
            self._note_deleted(call, repository, kind, f"{call.name}{mark}{reference}")
            return Response(202)
        repository = self._repository(call, "pull")
        found = self._manifests.get(repository, reference, now=call.now)
        etag = f'"{found.digest}"'
        headers = {"Docker-Content-Digest": str(found.digest), "ETag": etag}
        if _is_match(call.request.header("if-none-match"), etag):
            return Response(304, headers)
        if call.request.method == "GET":  # As Harbor: clients ask with HEAD whether there is something new, which is no pull.
            artifact = Artifact(str(call.name), str(found.digest), str(reference) if isinstance(reference, Tag) else "")
            self._recorder.record(events.pulled(artifact, _who(call, repository)))
        return Response(200, {**headers, "Content-Type": found.media_type}, found.content)

    def _note_deleted(self, call: Call, repository: Repository, kind: str, resource: str) -> None:
        self._recorder.record(events.deleted(kind, resource, _who(call, repository)))

    def _put_manifest(self, call: Call, reference: Tag | Digest) -> Response:
        tags = [Tag.parse(text) for text in call.request.query.get("tag", [])]
        repository = self._repository(call, "push")
        written = [reference, *tags] if isinstance(reference, Tag) else tags
        self._access.require_tags(call.caller, str(call.name), map(str, written), "push")
        pushed = self._manifests.put(
            repository,
            reference,
            call.request.body,
            call.request.header("content-type"),
            tags=tags,
            by=call.caller.name,
            now=call.now,
        )
        artifact = Artifact(str(call.name), str(pushed.digest), str(pushed.tags[0]) if pushed.tags else "")
        self._recorder.record(events.pushed(artifact, _who(call, repository)))
        headers: dict[str, str | Sequence[str]] = {
            "Location": f"/v2/{call.name}/manifests/{pushed.digest}",
            "Docker-Content-Digest": str(pushed.digest),
        }
        if pushed.subject:
            headers["OCI-Subject"] = str(pushed.subject)
        if tags:
            headers["OCI-Tag"] = [str(tag) for tag in pushed.tags]
        return Response(201, headers)

    def _blob(self, call: Call) -> Response:
        _allow(call.request, _READ | {"DELETE"})
        digest = Digest.parse(call.rest)
        if call.request.method == "DELETE":
            repository = self._repository(call, "delete")
            self._access.require_tags(call.caller, str(call.name), [""], "delete")
            self._blobs.remove(repository, digest)
            self._note_deleted(call, repository, "blob", f"{call.name}@{digest}")
            return Response(202)
        repository = self._repository(call, "pull")
        located = self._blobs.locate(
            repository, digest, call.request.method, range_header=call.request.header("range"), now=call.now
        )
        if call.request.method == "GET":
            telemetry.count(telemetry.BYTES_REDIRECTED, located.size_bytes)
        return Response(307, {"Location": located.url, "Docker-Content-Digest": str(digest)})

    def _upload(self, call: Call) -> Response:
        _allow(call.request, frozenset({"POST"}))
        request, target = call.request, self._repository(call, "push")
        mount, digest = request.parameter("mount"), request.parameter("digest")
        if mount is not None:
            mounted = Digest.parse(mount)
            if self._mount(call, target, mounted):
                return _created(target, mounted)
        elif digest is not None:
            expected = Digest.parse(digest)
            self._uploads.monolithic(target, expected, request.body, now=call.now)
            return _created(target, expected)
        started = self._uploads.start(
            target,
            call.caller.name,
            algorithm=request.parameter("digest-algorithm"),
            stays_on_host=stays_on_host(request.header("user-agent")),
            now=call.now,
        )
        headers = {"Location": started.location, "Range": "0-0", "Docker-Upload-UUID": started.upload_id}
        return Response(202, headers)

    def _mount(self, call: Call, target: Repository, digest: Digest) -> bool:
        """Judge the source by the caller's rights, not by the token's scope: clients ask a token for the target alone."""
        origin = call.request.parameter("from")
        if not origin:
            return self._blobs.mount(target, None, digest, now=call.now)
        name = Name.parse(origin)
        project_id = self._access.may(call.caller, name.project, name.repository, "pull", now=call.now)
        if project_id is None:
            return False
        return self._blobs.mount(target, Repository(project_id, name), digest, now=call.now)

    def _list_tags(self, call: Call) -> Response:
        _allow(call.request, _READ)
        if call.rest != "list":
            raise RegistryError("NOT_FOUND")
        asked = Asked.parse(call.request.parameter("n"), call.request.parameter("last"))
        page = self._tags.page(self._repository(call, "pull"), asked)
        link = _link(f"/v2/{call.name}/tags/list", page.after, {"n": str(asked.limit)})
        return json_response(200, {"name": str(call.name), "tags": list(page.items)}, link)

    def _list_referrers(self, call: Call) -> Response:
        _allow(call.request, _READ)
        subject = Digest.parse(call.rest)
        artifact_type = call.request.parameter("artifactType") or None
        asked = Asked.parse(call.request.parameter("n"), call.request.parameter("last"))
        try:
            page = self._referrers.page(
                self._repository(call, "pull"),
                subject,
                artifact_type=artifact_type,
                after=asked.after,
                limit=min(asked.limit, PAGE_MAX),
            )
        except RegistryError as error:
            if error.code != "NAME_UNKNOWN":
                raise
            page = Page(())  # The specification: a subject nobody knows has an empty list, not a 404.
        parameters = {"artifactType": artifact_type} if artifact_type else {}
        headers = {"Content-Type": OCI_INDEX, **_link(f"/v2/{call.name}/referrers/{subject}", page.after, parameters)}
        if artifact_type:
            headers["OCI-Filters-Applied"] = "artifactType"
        return Response(200, headers, render(page))

    def _list_catalog(self, request: Request, caller: Caller, now: int) -> Response:
        _allow(request, _READ)
        self._access.require_catalog(caller)
        asked = Asked.parse(request.parameter("n"), request.parameter("last"))
        page = self._catalog.page(
            after=asked.after,
            limit=asked.limit,
            visible=lambda projects: self._access.visible(caller, projects, now=now),
        )
        link = _link("/v2/_catalog", page.after, {"n": str(asked.limit)})
        return json_response(200, {"repositories": list(page.items)}, link)


def split(path: str) -> tuple[str, str, str]:
    """Take a path below `/v2/` apart into endpoint, repository name and the rest. The last endpoint word counts, since a
    repository may have a component called `blobs`. Raises NOT_FOUND."""
    inner = path.removeprefix("/v2/")
    head, slash, last = inner.rstrip("/").rpartition("/")
    if inner.endswith("/blobs/uploads/") or (last == "uploads" and head.endswith("/blobs")):
        return "uploads", head.removesuffix("/blobs"), ""
    name, slash, endpoint = head.rpartition("/")
    if not slash or endpoint not in ("manifests", "blobs", "tags", "referrers") or not last:
        raise RegistryError("NOT_FOUND", {"path": path[:300]})
    return endpoint, name, last


def _who(call: Call, repository: Repository) -> Who:
    return Who(call.caller.name, call.request.client_ip, repository.project_id)


def _created(repository: Repository, digest: Digest) -> Response:
    location = f"/v2/{repository}/blobs/{digest}"
    return Response(201, {"Location": location, "Docker-Content-Digest": str(digest)})


def _allow(request: Request, methods: frozenset[str]) -> None:
    if request.method not in methods:
        raise RegistryError("UNSUPPORTED", headers={"Allow": ", ".join(sorted(methods))})


def _link(path: str, after: str | None, parameters: Mapping[str, str]) -> dict[str, str]:
    """Source: RFC 8288; the target is relative to the registry's root."""
    if after is None:
        return {}
    query = urlencode({**parameters, "last": after}, quote_via=quote)
    return {"Link": f'<{path}?{query}>; rel="next"'}


def _is_match(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    candidates = {text.strip().removeprefix("W/") for text in if_none_match.split(",")}
    return etag in candidates or "*" in candidates
