"""Checklist C: blobs are elsewhere; caches are told the truth; no credential travels along."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest

from tests.checklists import documents
from tests.wire import ACCEPT, DOCKER_MANIFEST, MANIFEST, Wire, digest_of


@pytest.fixture
def blob(wire: Wire, name: str) -> tuple[str, bytes]:
    """A blob's path and bytes."""
    content = os.urandom(700)
    return f"/v2/{name}/blobs/{wire.push_blob(name, content)}", content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_blob_is_a_redirect_to_another_host(wire: Wire, blob: tuple[str, bytes], method: str) -> None:
    """Go clients send Authorization on to the same host name and to its subdomains, and S3 refuses it then."""
    answer = wire.request(method, blob[0], follow=False)

    target = urlsplit(answer.location)
    assert answer.status == 307
    assert target.hostname != urlsplit(wire.url).hostname
    assert not (target.hostname or "").endswith(f".{urlsplit(wire.url).hostname}")
    assert answer.headers["docker-content-digest"] == digest_of(blob[1])


def test_a_redirect_carries_its_own_short_permission(wire: Wire, blob: tuple[str, bytes]) -> None:
    """The URL alone opens the blob, for minutes; no Authorization goes to S3."""
    target = wire.request("GET", blob[0], follow=False).location

    assert "X-Amz-Signature=" in target
    expires = int(target.split("X-Amz-Expires=")[1].split("&")[0])
    assert 60 <= expires <= 3600
    assert wire.raw("GET", target).body == blob[1]


def test_a_redirect_of_head_is_signed_for_head(wire: Wire, blob: tuple[str, bytes]) -> None:
    """S3 answers 403 to a HEAD whose URL was signed for GET; and docker learns the size of a layer from HEAD."""
    for_head, for_get = (wire.request(method, blob[0], follow=False).location for method in ("HEAD", "GET"))

    signatures = {target.split("X-Amz-Signature=")[1].split("&")[0] for target in (for_head, for_get)}
    assert len(signatures) == 2
    answer = wire.raw("HEAD", for_head)
    assert (answer.status, answer.headers["content-length"]) == (200, str(len(blob[1])))


def test_a_write_is_never_redirected(wire: Wire, name: str) -> None:
    """podman takes a 307 on PATCH for success and stores nothing."""
    content = os.urandom(100)
    location = wire.start_upload(name)
    patched = wire.patch(location, {}, content)
    closed = wire.put(f"{patched.location}&digest={digest_of(content)}", {}, b"")

    assert (patched.status, closed.status) == (202, 201)


def test_the_location_of_an_upload_names_the_repository_and_the_upload(wire: Wire, name: str) -> None:
    answer = wire.post(f"/v2/{name}/blobs/uploads/")

    upload_id = answer.headers["docker-upload-uuid"]
    assert urlsplit(answer.location).path == f"/v2/{name}/blobs/uploads/{upload_id}"
    assert answer.headers["range"].startswith("0-")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_manifest_that_a_client_has_is_not_sent_again(wire: Wire, name: str, method: str) -> None:
    held = documents.image()
    held.push(wire, name)
    path = f"/v2/{name}/manifests/latest"
    etag = wire.get(path, ACCEPT).headers["etag"]

    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = wire.request(method, path, {**ACCEPT, "If-None-Match": known})
        assert (answer.status, answer.body) == (304, b"")
    fresh = wire.request(method, path, {**ACCEPT, "If-None-Match": '"other"'})
    assert fresh.status == 200


def test_the_etag_follows_the_tag(wire: Wire, name: str) -> None:
    first, second = documents.image(), documents.image()
    first.push(wire, name)
    before = wire.get(f"/v2/{name}/manifests/latest", ACCEPT).headers["etag"]

    second.push(wire, name)

    answer = wire.get(f"/v2/{name}/manifests/latest", {**ACCEPT, "If-None-Match": before})
    assert (answer.status, answer.body) == (200, second.top.body)


@pytest.mark.parametrize("accept", [{}, {"Accept": "*/*"}, {"Accept": DOCKER_MANIFEST}, {"Accept": MANIFEST}])
def test_a_manifest_is_never_rewritten_for_an_accept(wire: Wire, name: str, accept: dict[str, str]) -> None:
    held = documents.image()
    held.push(wire, name)

    answer = wire.get(f"/v2/{name}/manifests/latest", accept)

    assert (answer.status, answer.body) == (200, held.top.body)
    assert answer.headers["content-type"] == MANIFEST


def test_a_missing_manifest_has_no_body_on_head(wire: Wire, name: str) -> None:
    answer = wire.head(f"/v2/{name}/manifests/none", ACCEPT)

    assert (answer.status, answer.body) == (404, b"")


def test_deleting_a_tag_keeps_the_manifest_and_its_other_tags(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push(wire, name)
    wire.push_manifest(name, "kept", held.top.body)

    assert wire.delete(f"/v2/{name}/manifests/latest").status == 202

    assert wire.manifest(name, "kept").body == held.top.body
    assert wire.manifest(name, held.top.digest).body == held.top.body
    assert wire.get(f"/v2/{name}/tags/list").json["tags"] == ["kept"]
