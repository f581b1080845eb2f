"""Manifests, blobs, tags and the catalog against fakes: the rules, without a database or a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.oci.blobs import Blobs, check_range
from chalicelib.oci.catalog import Catalog
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.ports import GRACE_S
from chalicelib.oci.reference import Tag
from chalicelib.oci.routes import split
from chalicelib.oci.tags import Asked, Tags
from tests import builders
from tests.fakes.stores import FakeBlobs, FakeManifests

REPOSITORY = builders.repository()
LATEST = Tag("latest")
NOW = 1_000_000


class Signer:
    def signed_url(self, method: str, key: str, *, expires_s: int, now: int) -> str:
        return f"s3://{method}/{key}?{expires_s}"


class Registry:
    """The use cases on fakes, with the two blobs of `builders.image()` in place."""

    def __init__(self) -> None:
        self.store = FakeBlobs()
        self.manifest_store = FakeManifests(self.store)
        self.blobs = Blobs(self.store, Signer(), url_s=60)
        self.manifests = Manifests(self.manifest_store)
        for content in (b"{}", b"layer"):
            self.store.commit(REPOSITORY, Digest.of(content), f"blobs/{len(content)}", len(content), now=NOW)

    def push(self, content: bytes, reference: Tag | Digest = LATEST, *, tags: tuple[Tag, ...] = (), now: int = NOW):
        return self.manifests.put(REPOSITORY, reference, content, None, tags=tags, by="ann", now=now)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_pushed_manifest_is_pulled_by_tag_and_digest_with_the_same_bytes(registry: Registry) -> None:
    content = builders.image() + b"\n"
    digest = registry.push(content).digest
    for reference in (LATEST, digest):
        assert registry.manifests.get(REPOSITORY, reference, now=NOW).content == content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (builders.image(layers=(b"never pushed",)), "MANIFEST_BLOB_UNKNOWN"),
        (builders.image(config=b"never pushed"), "MANIFEST_BLOB_UNKNOWN"),
        (builders.index(builders.image()), "MANIFEST_BLOB_UNKNOWN"),
        (builders.image().replace(b'"size": 5', b'"size": 6'), "MANIFEST_INVALID"),
        (b"{}", "MANIFEST_INVALID"),
    ],
)
def test_a_refused_manifest_leaves_nothing(registry: Registry, content: bytes, code: str) -> None:
    with pytest.raises(RegistryError, match=code):
        registry.push(content)
    assert (registry.manifest_store.manifests, registry.manifest_store.pointers) == ({}, {})


def test_a_manifest_under_another_digest_is_refused(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="DIGEST_INVALID"):
        registry.push(builders.image(), Digest.of(b"other"))
    assert registry.manifest_store.manifests == {}


def test_a_manifest_may_be_named_by_sha512(registry: Registry) -> None:
    content = builders.image()
    digest = Digest.of(content, "sha512")
    assert registry.push(content, digest).digest == digest
    assert registry.manifests.get(REPOSITORY, digest, now=NOW).content == content


def test_an_index_of_a_size_that_is_not_its_childs_is_refused(registry: Registry) -> None:
    child = builders.image()
    registry.push(child)
    wrong = builders.index(child).replace(b'"size": %d' % len(child), b'"size": 1')
    with pytest.raises(RegistryError, match="MANIFEST_INVALID"):
        registry.push(wrong)
    assert registry.push(builders.index(child)).digest


def test_a_subject_may_come_later(registry: Registry) -> None:
    subject = builders.descriptor(b"not here yet", "application/vnd.oci.image.manifest.v1+json")
    assert registry.push(builders.image(subject=subject)).subject == Digest.of(b"not here yet")


def test_a_push_by_digest_may_carry_tags_but_not_too_many(registry: Registry) -> None:
    content = builders.image()
    tags = tuple(Tag(f"t{number}") for number in range(10))
    assert registry.push(content, Digest.of(content), tags=tags).tags == list(tags)
    with pytest.raises(RegistryError, match="TOO_MANY_TAGS"):
        registry.push(content, Digest.of(content), tags=(*tags, Tag("one-more")))


def test_deleting_a_tag_keeps_the_manifest_and_deleting_the_manifest_takes_all(registry: Registry) -> None:
    digest = registry.push(builders.image()).digest
    registry.push(builders.image(), Tag("other"))
    registry.manifests.delete(REPOSITORY, Tag("other"), by="ann")
    assert registry.manifests.get(REPOSITORY, digest, now=NOW)
    registry.manifests.delete(REPOSITORY, digest, by="ann")
    for reference in (LATEST, digest):
        with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN"):
            registry.manifests.get(REPOSITORY, reference, now=NOW)


def test_a_push_moves_the_grace_period_of_old_blobs_only(registry: Registry) -> None:
    registry.push(builders.image(), now=NOW + 10)
    assert registry.store.link(REPOSITORY, Digest.of(b"layer")).touched_at == NOW
    later = NOW + GRACE_S
    registry.push(builders.image(annotations={"n": "2"}), now=later)
    assert registry.store.link(REPOSITORY, Digest.of(b"layer")).touched_at == later


def test_a_blob_is_located_per_method_and_remembered_for_a_minute(registry: Registry) -> None:
    digest = Digest.of(b"layer")
    head = registry.blobs.locate(REPOSITORY, digest, "HEAD", range_header=None, now=NOW)
    assert (head.url, head.size_bytes) == ("s3://HEAD/blobs/5?60", 5)
    registry.store.unlink(REPOSITORY, digest)
    assert registry.blobs.locate(REPOSITORY, digest, "GET", range_header=None, now=NOW + 59).url == "s3://GET/blobs/5?60"
    with pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        registry.blobs.locate(REPOSITORY, digest, "GET", range_header=None, now=NOW + 60)


def test_a_removed_blob_is_gone_at_once_in_this_process(registry: Registry) -> None:
    digest = Digest.of(b"layer")
    registry.blobs.locate(REPOSITORY, digest, "GET", range_header=None, now=NOW)
    registry.blobs.remove(REPOSITORY, digest)
    with pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        registry.blobs.locate(REPOSITORY, digest, "GET", range_header=None, now=NOW)
    with pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        registry.blobs.remove(REPOSITORY, digest)


def test_head_moves_the_grace_period_of_an_old_blob(registry: Registry) -> None:
    later = NOW + GRACE_S
    registry.blobs.locate(REPOSITORY, Digest.of(b"layer"), "HEAD", range_header=None, now=later)
    assert registry.store.link(REPOSITORY, Digest.of(b"layer")).touched_at == later


def test_a_mount_needs_the_blob_at_its_source_or_in_the_project(registry: Registry) -> None:
    sibling, stranger = builders.repository("team/other"), builders.repository("far/app", 9)
    digest = Digest.of(b"layer")
    assert registry.blobs.mount(sibling, None, digest, now=NOW)
    assert not registry.blobs.mount(stranger, None, digest, now=NOW)
    assert registry.blobs.mount(stranger, REPOSITORY, digest, now=NOW)
    assert not registry.blobs.mount(sibling, REPOSITORY, Digest.of(b"nowhere"), now=NOW)


@pytest.mark.parametrize(
    "header", ["bytes=0-0", "bytes=5-", "bytes=-1", "bytes=9-99", "bytes=-99", None, "rows=1-2", "bytes=0-1,3-4", "junk"]
)
def test_a_range_that_can_be_served_or_is_none_passes(header: str | None) -> None:
    check_range(header, 10)


@pytest.mark.parametrize("header", ["bytes=5-0", "bytes=10-", "bytes=10-20", "bytes=-0", "bytes=-", "bytes=" + "9" * 5000 + "-"])
def test_a_range_nobody_can_serve_is_416(header: str) -> None:
    with pytest.raises(RegistryError, match="RANGE_INVALID") as caught:
        check_range(header, 10)
    assert caught.value.headers["Content-Range"] == "bytes */10"


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=40), st.integers(0, 10**12))
def test_any_range_text_passes_or_is_416(text: str, size: int) -> None:
    try:
        check_range(text, size)
    except RegistryError as error:
        assert error.status == 416


@pytest.mark.parametrize(("n", "limit"), [(None, 1000), ("0", 0), ("7", 7), ("99999999999999999999", 1000)])
def test_a_page_size_is_read_and_bounded(n: str | None, limit: int) -> None:
    assert Asked.parse(n, None).limit == limit


@pytest.mark.parametrize("n", ["-1", "x", "", "1.5", "\u0663"])
def test_a_page_size_that_is_no_number_is_refused(n: str) -> None:
    with pytest.raises(RegistryError, match="PAGINATION_NUMBER_INVALID"):
        Asked.parse(n, None)


def test_the_tags_of_a_repository_nobody_pushed_to_are_unknown(registry: Registry) -> None:
    tags = Tags(registry.manifest_store)
    with pytest.raises(RegistryError, match="NAME_UNKNOWN"):
        tags.page(REPOSITORY, Asked(10, None))
    registry.push(builders.image())
    assert list(tags.page(REPOSITORY, Asked(10, None)).items) == ["latest"]
    assert list(tags.page(REPOSITORY, Asked(0, None)).items) == []


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=60),
    st.frozensets(st.sampled_from(["a", "b", "c", "d"])),
    st.integers(1, 7),
)
def test_the_catalog_pages_through_exactly_what_the_caller_may_see(
    projects: list[str], visible: frozenset[str], limit: int
) -> None:
    store = FakeManifests(FakeBlobs())
    names = {f"{project}/r{number}" for number, project in enumerate(projects)}
    store.known = {builders.repository(name) for name in names}
    seen: list[str] = []
    after: str | None = None
    for _ in range(200):
        page = Catalog(store).page(after=after, limit=limit, visible=lambda asked: visible & frozenset(asked))
        assert len(page.items) <= limit
        seen += page.items
        after = page.after
        if after is None:
            break
    assert seen == sorted(name for name in names if name.partition("/")[0] in visible)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/v2/a/b/manifests/latest", ("manifests", "a/b", "latest")),
        ("/v2/a/blobs/uploads/", ("uploads", "a", "")),
        ("/v2/a/b/blobs/uploads", ("uploads", "a/b", "")),
        ("/v2/a/blobs/manifests/x", ("manifests", "a/blobs", "x")),
        ("/v2/a/tags/list", ("tags", "a", "list")),
        ("/v2/a/b/referrers/sha256:x", ("referrers", "a/b", "sha256:x")),
    ],
)
def test_a_path_is_split_at_its_last_endpoint(path: str, parts: tuple[str, str, str]) -> None:
    assert split(path) == parts


@given(st.text(max_size=60))
def test_any_path_is_split_or_not_found(rest: str) -> None:
    try:
        endpoint, _, _ = split(f"/v2/{rest}")
        assert endpoint in ("manifests", "blobs", "uploads", "tags", "referrers")
    except RegistryError as error:
        assert error.code == "NOT_FOUND"
