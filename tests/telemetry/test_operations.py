"""The name of what a request asks for: from a short list, whatever a client sends."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.oci.reference import Name
from chalicelib.oci.routes import split
from chalicelib.telemetry.operations import OTHER, REQUESTS, Asked, asked

DIGEST = "sha256:" + "a" * 64
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize(("method", "path", "wanted"), [
    ("GET", "/v2/", Asked("ping")),
    ("GET", "/v2", Asked("ping")),
    ("GET", "/v2/_catalog", Asked("list_catalog")),
    ("GET", "/v2/team/app/manifests/latest", Asked("get_manifest", "team", "team/app")),
    ("HEAD", "/v2/team/a/b/manifests/latest", Asked("head_manifest", "team", "team/a/b")),
    ("PUT", f"/v2/team/app/manifests/{DIGEST}", Asked("put_manifest", "team", "team/app")),
    ("DELETE", "/v2/team/app/manifests/old", Asked("delete_manifest", "team", "team/app")),
    ("POST", "/v2/team/app/manifests/old", Asked(OTHER, "team", "team/app")),
    ("GET", f"/v2/team/app/blobs/{DIGEST}", Asked("get_blob", "team", "team/app")),
    ("HEAD", f"/v2/team/app/blobs/{DIGEST}", Asked("head_blob", "team", "team/app")),
    ("DELETE", f"/v2/team/app/blobs/{DIGEST}", Asked("delete_blob", "team", "team/app")),
    ("PUT", f"/v2/team/app/blobs/{DIGEST}", Asked(OTHER, "team", "team/app")),
    ("POST", "/v2/team/app/blobs/uploads/", Asked("start_upload", "team", "team/app")),
    ("POST", "/v2/team/app/blobs/uploads", Asked("start_upload", "team", "team/app")),
    ("GET", "/v2/team/app/blobs/uploads/", Asked(OTHER, "team", "team/app")),
    ("PATCH", "/v2/team/app/blobs/uploads/u-1", Asked("patch_upload", "team", "team/app")),
    ("PUT", "/v2/team/app/blobs/uploads/u-1", Asked("put_upload", "team", "team/app")),
    ("GET", "/v2/team/app/blobs/uploads/u-1", Asked("get_upload", "team", "team/app")),
    ("DELETE", "/v2/team/app/blobs/uploads/u-1", Asked("delete_upload", "team", "team/app")),
    ("GET", "/v2/team/app/tags/list", Asked("list_tags", "team", "team/app")),
    ("GET", f"/v2/team/app/referrers/{DIGEST}", Asked("list_referrers", "team", "team/app")),
    ("GET", f"/v2/team/blobs/uploads/manifests/{DIGEST}", Asked("get_manifest", "team", "team/blobs/uploads")),
    ("GET", "/v2/Not/A/NAME/manifests/latest", Asked("get_manifest")),
    ("GET", "/v2/" + "a/" * 128 + "a/manifests/latest", Asked("get_manifest")),
    ("GET", "/service/token", Asked("token")),
    ("GET", "/service/token/jwks", Asked("jwks")),
    ("GET", "/api/v2.0/projects", Asked("read_api")),
    ("DELETE", "/api/v2.0/projects/team", Asked("write_api", "team")),
    ("GET", "/api/v2.0/projects/team/repositories/a%252Fb/artifacts", Asked("read_api", "team", "team/a/b")),
    ("GET", "/api/v2.0/projects/team/repositories/app", Asked("read_api", "team", "team/app")),
    ("POST", "/c/login", Asked("login_pages")),
    ("GET", "/ui/index.html", Asked("ui")),
    ("GET", "/v2/team/app", Asked(OTHER)),
    ("GET", "/.env", Asked(OTHER)),
])  # fmt: skip
def test_what_a_request_asks_for(method: str, path: str, wanted: Asked) -> None:
    assert asked(method, path) == wanted


WORDS = "v2 api v2.0 projects blobs uploads manifests tags list referrers team app".split()
pieces = st.sampled_from([*WORDS, "", "x\n", "A", "..", DIGEST])


@given(st.sampled_from(METHODS), st.lists(pieces | st.text(max_size=8), max_size=9).map(lambda parts: "/" + "/".join(parts)))
def test_whatever_the_path_the_operation_is_one_of_the_list_and_a_repository_is_a_name(method: str, path: str) -> None:
    found = asked(method, path)
    assert found.operation in REQUESTS
    if found.repository:
        assert re.fullmatch(r"[a-z0-9._/-]{1,511}", found.repository)
        assert found.repository.startswith(f"{found.project}/") or found.repository == found.project


@given(st.lists(pieces, min_size=1, max_size=7).map(lambda parts: "/v2/" + "/".join(parts)))
def test_the_repository_is_the_one_that_the_registry_takes_the_path_for(path: str) -> None:
    try:
        _, name, _ = split(path)
        wanted = str(Name.parse(name))
    except RegistryError:
        return
    if re.fullmatch(r".*/(blobs/uploads/?|tags/list|(manifests|blobs|referrers)/[^/]+)", path, re.DOTALL):
        assert asked("GET", path).repository == wanted


@pytest.mark.parametrize("part", ["a/", "/manifests/", "blobs/uploads/", "a-", "a_", "tags/list"])
def test_a_long_path_is_named_as_fast_as_a_short_one(part: str) -> None:
    path = "/v2/" + part * (8000 // len(part)) + "!"
    begun = time.process_time()
    for method in METHODS:
        asked(method, path)
        asked(method, path.replace("/v2/", "/api/v2.0/projects/"))
    assert time.process_time() - begun < 0.1
