"""Checklist C: lists come in pages, sorted, and their Links lead through all of them."""

from __future__ import annotations

import os
import re
from urllib.parse import urlencode, urljoin

import pytest

from tests.checklists import documents
from tests.checklists.documents import Set
from tests.wire import Answer, Wire

TAGS = ["0", "A", "B.1", "_x", "a", "a-1", "b", "z"]
_NEXT = re.compile(r'^<([^>]+)>;\s*rel="?next"?$')


@pytest.fixture(scope="module")
def tagged(wire: Wire) -> str:
    """A repository with all of TAGS."""
    held, name = documents.image(), f"checklists/tagged-{os.urandom(4).hex()}"
    Set(held.blobs, held.documents, tags=tuple(reversed(TAGS))).push(wire, name)
    return name


def next_page(answer: Answer) -> str | None:
    """Where the Link of a page leads; absolute or relative, the specification allows both."""
    link = answer.headers.get("link")
    if link is None:
        return None
    found = _NEXT.match(link)
    assert found, f"a Link that is no next page: {link}"
    return str(urljoin(answer.url, found.group(1)))


def walk(wire: Wire, path: str, member: str) -> list[list[object]]:
    """All pages."""
    pages: list[list[object]] = []
    target: str | None = wire.url + path
    while target is not None:
        answer = wire.get(target)
        assert answer.status == 200, answer
        pages.append(answer.json[member])
        target = next_page(answer)
        assert len(pages) < 100, "the Links go in a circle"
    return pages


def test_tags_are_sorted(wire: Wire, tagged: str) -> None:
    assert wire.get(f"/v2/{tagged}/tags/list").json["tags"] == TAGS


@pytest.mark.parametrize("size", [1, 3, 8, 9])
def test_links_lead_through_all_tags(wire: Wire, tagged: str, size: int) -> None:
    pages = walk(wire, f"/v2/{tagged}/tags/list?n={size}", "tags")

    assert [tag for page in pages for tag in page] == TAGS
    assert all(len(page) <= size for page in pages)


def test_a_page_of_no_tags_is_empty_and_has_no_link(wire: Wire, tagged: str) -> None:
    answer = wire.get(f"/v2/{tagged}/tags/list?n=0")

    assert (answer.status, answer.json["tags"]) == (200, [])
    assert "link" not in answer.headers


@pytest.mark.parametrize("size", ["-1", "x", "1.5", "9" * 30])
def test_a_page_size_without_meaning_is_refused_or_limited(wire: Wire, tagged: str, size: str) -> None:
    answer = wire.get(f"/v2/{tagged}/tags/list?n={size}")

    assert answer.status in (200, 400)
    assert answer.error_code is not None if answer.status == 400 else answer.json["tags"] == TAGS


@pytest.mark.parametrize(("last", "following"), [("M", TAGS[3:]), ("a", TAGS[5:]), ("zz", []), ("", TAGS)])
def test_last_need_not_be_a_tag(wire: Wire, tagged: str, last: str, following: list[str]) -> None:
    assert wire.get(f"/v2/{tagged}/tags/list?last={last}").json["tags"] == following


@pytest.mark.parametrize("query", ["?n=1000", "?n=2"])
def test_the_catalog_leads_through_all_repositories(wire: Wire, tagged: str, query: str) -> None:
    pages = walk(wire, f"/v2/_catalog{query}", "repositories")

    names = [str(name) for page in pages for name in page]
    assert tagged in names
    assert names == sorted(set(names))


def many_referrers(wire: Wire, name: str, number: int, annotation_size: int) -> tuple[str, set[str]]:
    target, pushed = documents.image(), set()
    wire.push_blob(name, documents.EMPTY)
    for place in range(number):
        note = {"annotations": {"place": str(place), "padding": "x" * annotation_size}}
        one = documents.artifact("application/vnd.example.many", [], **note, **documents.subject(target.top))
        wire.push_manifest(name, one.digest, one.body)
        pushed.add(one.digest)
    return target.top.digest, pushed


@pytest.mark.parametrize("query", ["", "?artifactType=application/vnd.example.many"])
def test_links_lead_through_all_referrers(wire: Wire, name: str, query: str) -> None:
    subject, pushed = many_referrers(wire, name, 120, 20)

    pages = walk(wire, f"/v2/{name}/referrers/{subject}{query}", "manifests")

    listed = [one["digest"] for page in pages for one in page if isinstance(one, dict)]
    assert len(listed) == len(pushed)
    assert set(listed) == pushed


def test_a_page_of_referrers_stays_below_4_mebibytes(wire: Wire, name: str) -> None:
    """Clients refuse a larger answer; ten referrers with half a mebibyte of annotations each do not fit one page."""
    subject, pushed = many_referrers(wire, name, 10, 500_000)

    target: str | None = f"{wire.url}/v2/{name}/referrers/{subject}"
    listed: set[str] = set()
    while target is not None:
        answer = wire.get(target)
        assert answer.status == 200
        assert len(answer.body) <= 4 * 1024 * 1024
        listed |= {one["digest"] for one in answer.json["manifests"]}
        target = next_page(answer)

    assert listed == pushed


def test_an_index_without_an_artifact_type_is_listed_without_one(wire: Wire, name: str) -> None:
    held = documents.index_with_subject()
    held.push(wire, name)

    listed = wire.get(f"/v2/{name}/referrers/{held.top.subject}").json["manifests"]

    assert {one["digest"]: one.get("artifactType") for one in listed}[held.top.digest] is None
    assert "artifactType" not in next(one for one in listed if one["digest"] == held.top.digest)


def test_the_filter_is_read_as_it_is_encoded(wire: Wire, name: str) -> None:
    """A media type may hold `+`: as %2B it is one, and clients also send it bare."""
    held = documents.missing_subject()
    held.push_blobs(wire, name)
    wire.push_blob(name, documents.EMPTY)
    kind = "application/vnd.example.sbom+json"
    one = documents.artifact(kind, [], **documents.subject(held.top))
    wire.push_manifest(name, one.digest, one.body)

    for query in (urlencode({"artifactType": kind}), f"artifactType={kind.replace('+', '%2B')}"):
        listed = wire.get(f"/v2/{name}/referrers/{held.top.digest}?{query}").json["manifests"]
        assert [entry["digest"] for entry in listed] == [one.digest]
