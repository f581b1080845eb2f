"""What a request asks for, by a name out of a short list: the names metrics are kept under. Pure.

Never a name that a client can make up: each would be a metric of its own, which costs $0.30 a month.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OTHER = "other"
REGISTRY_PREFIX = "/v2/"

_REPOSITORY_CHARACTERS = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_PATH = re.compile(
    r"/v2/(.+)/(?:(blobs/uploads)(?:/([^/]*))?|(manifests|blobs|referrers)/[^/]+|(tags/list))/?", re.DOTALL
)
_PROJECT = re.compile(rf"/api/v2\.0/projects/({_COMPONENT})(?:/repositories/([^/]+))?(?:/|$)", re.ASCII)
_READ = {"GET": "get", "HEAD": "head"}
_WRITE = {"PUT": "put", "DELETE": "delete"}
_BY_KIND = {
    "manifests": {method: f"{verb}_manifest" for method, verb in {**_READ, **_WRITE}.items()},
    "blobs": {"GET": "get_blob", "HEAD": "head_blob", "DELETE": "delete_blob"},
    "referrers": dict.fromkeys(_READ, "list_referrers"),
    "tags/list": dict.fromkeys(_READ, "list_tags"),
}
_OF_UPLOAD = {
    "PATCH": "patch_upload",
    "PUT": "put_upload",
    "GET": "get_upload",
    "HEAD": "get_upload",
    "DELETE": "delete_upload",
}
_WITHOUT_REPOSITORY = {
    "/v2": "ping",
    "/v2/": "ping",
    "/v2/_catalog": "list_catalog",
    "/service/token": "token",
    "/service/token/jwks": "jwks",
}
REQUESTS = frozenset({
    OTHER, "read_api", "write_api", "login_pages", "ui", "start_upload", *_OF_UPLOAD.values(), *_WITHOUT_REPOSITORY.values(),
    *(name for names in _BY_KIND.values() for name in names.values()),
})  # fmt: skip
"""Every operation a request can be."""


class Asked(NamedTuple):
    """An operation, and the project and full repository name that its path names, "" where it names none."""

    operation: str
    project: str = ""
    repository: str = ""


def asked(method: str, path: str) -> Asked:
    """Find what a request asks for. A name that breaks the grammar of repositories is not told."""
    if path.startswith("/v2/"):
        match = _PATH.fullmatch(path)
        if match is not None:
            return _on_repository(method, *match.groups())
    if path.startswith("/api/"):
        return _on_console(method, path)
    if path.startswith("/c/"):
        return Asked("login_pages")
    if path == "/ui" or path.startswith("/ui/"):
        return Asked("ui")
    return Asked(_WITHOUT_REPOSITORY.get(path, OTHER))


def _on_repository(
    method: str, name: str, uploads: str | None, upload: str | None, kind: str | None, tags: str | None
) -> Asked:
    if uploads and not upload:
        operation = "start_upload" if method == "POST" else OTHER
    elif uploads:
        operation = _OF_UPLOAD.get(method, OTHER)
    else:
        operation = _BY_KIND[kind or tags or ""].get(method, OTHER)
    if len(name) > _REPOSITORY_CHARACTERS or not _NAME.fullmatch(name):
        return Asked(operation)
    return Asked(operation, name.partition("/")[0], name)


def _on_console(method: str, path: str) -> Asked:
    operation = "read_api" if method in _READ else "write_api"
    match = _PROJECT.match(path)
    if match is None:
        return Asked(operation)
    project, inner = match[1], (match[2] or "").replace("%252F", "/").replace("%2F", "/")
    repository = f"{project}/{inner}" if len(inner) <= _REPOSITORY_CHARACTERS and _NAME.fullmatch(inner) else ""
    return Asked(operation, project, repository)
