"""Checklist A4-A6: manifests and indexes of every shape, by tag and by digest."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.checklists import documents
from tests.checklists.conftest import new_name
from tests.checklists.documents import SETS, Set
from tests.wire import ACCEPT, MANIFEST, Answer, Wire, digest_of

sets = pytest.mark.parametrize("kind", SETS)


@pytest.fixture(scope="module")
def pushed(wire: Wire) -> dict[str, tuple[str, Set]]:
    """Every data set in a repository of its own: kind -> (repository, set)."""
    made = {kind: (new_name(), make()) for kind, make in SETS.items()}
    for name, held in made.values():
        held.push(wire, name)
    return made


def by_digest(descriptors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In an order that does not depend on who wrote the list."""
    return sorted(descriptors, key=lambda one: str(one["digest"]))


def assert_is(answer: Answer, document: documents.Document, method: str) -> None:
    """200 with exactly this document, or its headers only."""
    assert answer.status == 200, answer
    assert answer.body == (b"" if method == "HEAD" else document.body)
    assert answer.headers["content-length"] == str(len(document.body))
    assert answer.headers["content-type"] == document.media_type


@sets
def test_a_manifest_is_taken_by_digest_and_its_location_serves_it(wire: Wire, name: str, kind: str) -> None:
    held = SETS[kind]()
    held.push_blobs(wire, name)

    for document in held.documents:
        answer = wire.push_manifest(name, document.digest, document.body, document.media_type)
        assert answer.headers["docker-content-digest"] == document.digest
        assert answer.headers.get("oci-subject") == document.subject
        assert_is(wire.get(answer.location, ACCEPT), document, "GET")


@sets
def test_a_manifest_is_taken_by_tag_and_its_location_serves_it(wire: Wire, name: str, kind: str) -> None:
    held = SETS[kind]()
    held.push(wire, name)

    answer = wire.push_manifest(name, "again", held.top.body, held.top.media_type)

    assert answer.headers["docker-content-digest"] == digest_of(held.top.body)
    assert answer.headers.get("oci-subject") == held.top.subject
    assert_is(wire.get(answer.location, ACCEPT), held.top, "GET")


@sets
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_manifest_is_served_by_tag_and_by_digest(
    wire: Wire, pushed: dict[str, tuple[str, Set]], kind: str, method: str
) -> None:
    name, held = pushed[kind]

    by_tag = wire.request(method, f"/v2/{name}/manifests/latest", ACCEPT)

    assert_is(by_tag, held.top, method)
    assert by_tag.headers["docker-content-digest"] == digest_of(held.top.body)
    for document in held.documents:
        answer = wire.request(method, f"/v2/{name}/manifests/{document.digest}", ACCEPT)
        assert_is(answer, document, method)
        assert answer.headers["docker-content-digest"] == document.digest


@sets
def test_the_referrers_of_every_subject_are_listed(wire: Wire, pushed: dict[str, tuple[str, Set]], kind: str) -> None:
    name, held = pushed[kind]
    for digest in {document.digest for document in held.documents} | {one.subject or "" for one in held.documents} - {
        ""
    }:
        wanted = [one.as_referrer() for one in held.documents if one.subject == digest]

        answer = wire.get(f"/v2/{name}/referrers/{digest}")

        assert answer.status == 200
        assert by_digest(answer.json["manifests"]) == by_digest(wanted)


@pytest.mark.parametrize("kind", ["artifacts-with-subject", "index-with-subject", "missing-subject"])
def test_referrers_are_filtered_by_artifact_type(wire: Wire, pushed: dict[str, tuple[str, Set]], kind: str) -> None:
    name, held = pushed[kind]
    referring = [one for one in held.documents if one.subject]
    kinds = {one.as_referrer().get("artifactType", "application/vnd.example.nothing") for one in referring}
    for artifact_type in kinds | {"application/vnd.example.nothing"}:
        wanted = [one.digest for one in referring if one.as_referrer().get("artifactType") == artifact_type]

        answer = wire.get(f"/v2/{name}/referrers/{referring[0].subject}?{urlencode({'artifactType': artifact_type})}")

        assert answer.headers["oci-filters-applied"] == "artifactType"
        assert sorted(one["digest"] for one in answer.json["manifests"]) == sorted(wanted)


@sets
def test_deleted_tags_and_manifests_are_gone_at_once(wire: Wire, name: str, kind: str) -> None:
    held = SETS[kind]()
    held.push(wire, name)

    assert wire.delete(f"/v2/{name}/manifests/latest").status == 202
    assert wire.head(f"/v2/{name}/manifests/latest", ACCEPT).status == 404
    for document in reversed(held.documents):
        assert wire.delete(f"/v2/{name}/manifests/{document.digest}").status == 202
        assert wire.head(f"/v2/{name}/manifests/{document.digest}", ACCEPT).status == 404
    for content in set(held.blobs):
        digest = digest_of(content, held.algorithm)
        # 404: it went with the last manifest that needed it. Both are fine with the conformance suite.
        assert wire.delete(f"/v2/{name}/blobs/{digest}").status in (202, 404)
        assert wire.head(f"/v2/{name}/blobs/{digest}").status == 404


def test_a_deleted_referrer_is_no_longer_listed(wire: Wire, name: str) -> None:
    held = documents.missing_subject()
    held.push(wire, name)

    assert wire.delete(f"/v2/{name}/manifests/{held.top.digest}").status == 202

    assert wire.get(f"/v2/{name}/referrers/{held.top.subject}").json["manifests"] == []


def test_all_tags_are_listed_and_last_is_exclusive(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push(wire, name)
    tags = sorted(["latest", "a", "B", "b.1", "z", "0"])
    for tag in tags:
        wire.push_manifest(name, tag, held.top.body)

    listed = wire.get(f"/v2/{name}/tags/list").json
    assert (listed["name"], sorted(listed["tags"])) == (name, tags)
    middle = listed["tags"][2]
    assert wire.get(f"/v2/{name}/tags/list?last={middle}").json["tags"] == listed["tags"][3:]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_that_is_not_what_its_digest_says_is_refused(wire: Wire, name: str, algorithm: str) -> None:
    held = documents.image()
    held.push_blobs(wire, name)
    promised = digest_of(b"something else", algorithm)

    answer = wire.put(f"/v2/{name}/manifests/{promised}", {"Content-Type": MANIFEST}, held.top.body)

    assert (answer.status, answer.error_code) == (400, "DIGEST_INVALID")
    assert wire.get(f"/v2/{name}/manifests/{promised}", ACCEPT).status == 404


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_one_put_sets_many_tags(wire: Wire, name: str, algorithm: str) -> None:
    held, tags = documents.image(algorithm=algorithm), [f"tag-{place}" for place in range(4)]
    held.push_blobs(wire, name)
    query = urlencode([("tag", tag) for tag in tags])

    answer = wire.push_manifest(name, f"{quote(held.top.digest)}?{query}", held.top.body)

    named = [tag.strip() for value in answer.headers.get_list("oci-tag") for tag in value.split(",")]
    assert sorted(named) == tags
    for tag in tags:
        assert wire.manifest(name, tag).body == held.top.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reference", ["no-such-tag", digest_of(b"nothing"), digest_of(b"nothing", "sha512")])
def test_a_manifest_that_was_never_pushed_is_missing(wire: Wire, name: str, method: str, reference: str) -> None:
    documents.image().push(wire, name)

    answer = wire.request(method, f"/v2/{name}/manifests/{reference}", ACCEPT)

    assert answer.status == 404
    assert method == "HEAD" or answer.error_code == "MANIFEST_UNKNOWN"


def test_a_digest_without_form_is_refused(wire: Wire, name: str) -> None:
    held = documents.image()
    held.push_blobs(wire, name)
    path = f"/v2/{name}/manifests/sha256:baddigeststring"

    assert wire.put(path, {"Content-Type": MANIFEST}, held.top.body).status == 400
    assert wire.get(path, ACCEPT).status in (400, 404)
