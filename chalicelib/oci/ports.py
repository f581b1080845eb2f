"""What the registry needs from the outside, one protocol per ability. `chalicelib.aws` implements them; tests use fakes.

Times are Unix seconds (int). Every method that writes is atomic: it happens whole or not at all, also when the process dies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from chalicelib.oci.artifact import Listed
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest
from chalicelib.oci.quota import Usage
from chalicelib.oci.reference import Repository, Tag
from chalicelib.oci.session import Content, Part, Session

T = TypeVar("T")

GRACE_S = 24 * 3600
"""How long garbage collection leaves an unused link alone after it was touched."""
REFERRERS_BYTES = 4 * 1024 * 1024 - 1024
"""The most the descriptors of one page of referrers take together: clients read lists of 4 MiB, and so does Lambda."""


@dataclass(frozen=True, slots=True)
class Link:
    """A repository's right to serve a blob: where the bytes are, how many, and when the link was last touched."""

    digest: Digest
    key: str
    size_bytes: int
    touched_at: int
    is_leaving: bool = False
    """A deleted manifest was the last to need it, and it is about to go unless somebody touches it."""


def is_stale(link: Link, now: int) -> bool:
    """Say whether a link must be touched before something new relies on it."""
    return link.is_leaving or now - link.touched_at > GRACE_S // 2


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed, byte for byte."""

    digest: Digest
    media_type: str
    content: bytes
    pushed_at: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything a manifest PUT must know before it decides, from one batch read."""

    links: Mapping[Digest, Link]
    children: Mapping[Digest, int]
    """Sizes of the manifests an index names, those that exist in the repository."""
    tags: Mapping[Tag, Digest]
    """Where the tags of this PUT point now."""
    is_known: bool
    """The manifest itself is already there."""
    is_repository_known: bool
    own: Listed | None = None
    """The manifest's own row, when it is there."""
    listed: Mapping[Digest, Listed] = field(default_factory=dict)
    """The rows of the manifests an index names."""
    epoch: int = 0
    """How many releases of blobs the repository had: a push that overlaps one looks again."""
    is_repository_leaving: bool = False
    """The repository's deletion has begun; a push takes it back."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list and the position to go on after, or None at the end."""

    items: Sequence[T]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """One accepted manifest PUT: what `ManifestStore.put` writes in one transaction."""

    manifest: Manifest
    tags: Sequence[Tag]
    gathered: Gathered
    stale_links: Sequence[Link] = field(default=())
    """Links whose grace period must move before garbage collection may look at them again."""
    pushed_by: str = ""
    is_stored: bool = False
    """The manifest's bytes are in the object store already, from an attempt before this one."""


class TagMoved(Exception):
    """What the push read was changed by somebody else before it wrote (a tag moved, most often); read again."""


class BlobStore(Protocol):
    """Blobs are shared by the registry; links decide who may read one."""

    def link(self, repository: Repository, digest: Digest) -> Link | None:
        """Find a repository's link. One read."""

    def project_blob(self, project_id: int, digest: Digest) -> Link | None:
        """Find a blob that some repository of the project has. One read."""

    def commit(self, repository: Repository, digest: Digest, key: str, size_bytes: int, *, now: int) -> Link:
        """Record an uploaded object as this blob and link it. When the blob exists already the link names the older
        object, so `link.key != key` tells the caller to drop its own. One transaction for a new blob; idempotent.
        Raises DENIED (403) when the project's quota has no room for it."""

    def mount(self, repository: Repository, link: Link, *, now: int, is_shared: bool = False) -> Link | None:
        """Link a blob that another repository has; `is_shared`: one of the same project, as far as the caller knows. None when
        the blob is gone meanwhile. Idempotent. Raises DENIED (403) when the project's quota has no room for it."""

    def unlink(self, repository: Repository, digest: Digest) -> bool:
        """Take the blob from the repository. False when it was not there."""

    def touch(self, repository: Repository, link: Link, *, now: int) -> None:
        """Move the link's grace period. One conditional write."""


class ManifestStore(Protocol):
    """Manifests, tags and referrers of a repository."""

    def find(self, repository: Repository, digest: Digest) -> StoredManifest | None:
        """Read a manifest: one read, and one object GET above the inline limit (64 KiB)."""

    def resolve(self, repository: Repository, tag: Tag) -> Digest | None:
        """Read where a tag points. One read."""

    def gather(self, repository: Repository, manifest: Manifest, tags: Sequence[Tag]) -> Gathered:
        """Read what a PUT must know: one batch read per hundred items."""

    def put(self, repository: Repository, push: Push, *, now: int) -> None:
        """Store the manifest's bytes, then manifest, tags, history, referrer and repository in one transaction.
        Raises TagMoved when something is no longer as gathered, MANIFEST_BLOB_UNKNOWN when a stale link vanished, DENIED (403)
        when the project's quota has no room for the manifest. Idempotent."""

    def untag(self, repository: Repository, tag: Tag, *, by: str) -> bool:
        """Remove a tag, keep its manifest. False when there is none."""

    def delete(self, repository: Repository, digest: Digest, *, by: str) -> bool:
        """Remove a manifest, its tags and its entry as a referrer, and release the blobs that no other manifest of the
        repository needs: at once, or by `release_pending` when it had more than 50 tags. False when there is none."""

    def delete_repository(self, repository: Repository, *, by: str) -> bool:
        """Remove a repository with all it had when the call began; what is pushed meanwhile stays, and the repository with it.
        False when there is none. Many transactions: may be repeated, and `release_pending` goes on where it stopped."""

    def release_pending(self, *, now: int) -> int:
        """Finish deletions that stopped half-way or were put off; return how many."""

    def is_repository(self, repository: Repository) -> bool:
        """Say whether anything was ever pushed here."""

    def tags(self, repository: Repository, *, after: str | None, limit: int) -> Page[str]:
        """List tags in byte order, after `after` (exclusive). One query per page."""

    def referrers(
        self, repository: Repository, subject: Digest, *, artifact_type: str | None, after: str | None, limit: int
    ) -> Page[Descriptor]:
        """List the manifests that name `subject`, in the order of their digests; a page of more than one holds no more than
        REFERRERS_BYTES."""

    def repositories(self, *, after: str | None, limit: int) -> Page[str]:
        """List all repository names in byte order: the catalog before permissions. One query per page."""


class SessionMoved(Exception):
    """Another request of the same upload was saved meanwhile; nothing was written."""


class MultipartGone(Exception):
    """The multipart upload is no longer there: it was completed or aborted."""


class SessionStore(Protocol):
    """Upload sessions: they outlive the process that serves them."""

    def load(self, upload_id: str) -> Session | None:
        """Read a session with its parts. One query. None when nothing was saved yet."""

    def save(self, before: Session | None, after: Session) -> None:
        """Replace `before` by `after`, which keeps the parts of `before` and adds its own. One transaction.
        Raises SessionMoved when another request of the same upload was saved first."""

    def reserve_parts(self, session: Session, count: int) -> int:
        """Take `count` part numbers that no other request will use and return the first. One atomic write."""


class QuotaStore(Protocol):
    """What projects may store and do store. Reads are strongly consistent."""

    def usage(self, project_id: int) -> Usage:
        """Read a project's limit and use."""

    def usages(self, project_ids: Sequence[int]) -> dict[int, Usage]:
        """Read them of several projects."""

    def set_limit(self, project_id: int, limit_bytes: int, *, now: int) -> Usage:
        """Change a project's limit (-1: none). Returns the usage under it."""


class ObjectStore(Protocol):
    """The bytes. Keys are opaque; objects are never changed once a record points at them."""

    def blob_key(self, upload_id: str) -> str:
        """Make a key, used once, for an object that may become a blob."""

    def tail_key(self, upload_id: str) -> str:
        """Make a key, used once, for bytes that wait for more; such objects expire by themselves."""

    def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        sha256: bytes | None = None,
    ) -> None:
        """Write a small object. One PUT. The store checks its SHA-256, which is computed here unless it is given."""

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """Read bytes start..end (inclusive) of an object. Raises KeyError when there is none."""

    def size(self, key: str) -> int | None:
        """Say how many bytes an object has; None when there is none."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are fine."""

    def start_multipart(self, key: str) -> str:
        """Begin a multipart upload and return its id."""

    def put_part(self, key: str, multipart_id: str, number: int, content: Content) -> str:
        """Upload one part (1 to 10,000; at least 5 MiB but for the last) and return its ETag. Raises MultipartGone."""

    def copy_part(self, key: str, multipart_id: str, number: int, source_key: str) -> str:
        """Make a whole object a part, inside the store, and return its ETag. Raises MultipartGone, and KeyError when there
        is no such object."""

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[Part]) -> None:
        """Make the object out of its parts. May be repeated for a while; then raises MultipartGone."""

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Drop a multipart upload and its parts; an unknown one is fine."""

    def abandoned_multiparts(self, before: int) -> Iterator[tuple[str, str]]:
        """List key and id of the multipart uploads that began before a time."""

    def abandoned_tails(self, before: int) -> Iterator[str]:
        """List the keys of tail objects that were written before a time."""

    def signed_url(self, method: str, key: str, *, expires_s: int, now: int) -> str:
        """Sign a URL for GET or HEAD of an object. No call."""
