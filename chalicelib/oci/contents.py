"""What is inside of blobs, for the management API. The registry itself never reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.oci import additions
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Repository

ATTRIBUTES_BYTES = 256 * 1024
"""Attributes of larger configs are not told: a page has a hundred of them, and Lambda's answers are 6 MB."""
_REMEMBERED_BYTES = 32 * 1024


class ContentStore(Protocol):
    """Reads whole blobs."""

    def read(self, repository: Repository, digests: Iterable[Digest], *, at_most_bytes: int) -> Mapping[Digest, bytes]:
        """Read blobs that the repository has and that are not larger. One batch read per hundred, and one object GET each,
        eight at the same time."""

    def home(self, digest: Digest) -> Repository | None:
        """Name a repository that has a blob: the one it was uploaded to, if it has it still. Two reads."""


class Contents:
    """The insides of a registry's blobs."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._known: Cache[tuple[str, Digest], Mapping[str, Any]] = Cache(512)

    def attributes(
        self, repository: Repository, wanted: Mapping[Digest, str], *, now: int
    ) -> Mapping[Digest, Mapping[str, Any]]:
        """Read what configs tell about artifacts of these types, by the configs' digests; what cannot be read is absent. No call
        for what this process has read before: a digest never means anything else."""
        found = {digest: self._known.get((type_, digest), now) for digest, type_ in wanted.items()}
        missing = [digest for digest, known in found.items() if known is None]
        contents = self._store.read(repository, missing, at_most_bytes=ATTRIBUTES_BYTES) if missing else {}
        for digest, content in contents.items():
            found[digest] = read = additions.attributes(wanted[digest], content)
            if len(content) <= _REMEMBERED_BYTES:
                self._known.put((wanted[digest], digest), read, now)
        return {digest: read for digest, read in found.items() if read is not None}

    def get(self, repository: Repository, digest: Digest, *, at_most_bytes: int) -> bytes:
        """Read a blob. Raises NOT_FOUND when it is not there, or larger."""
        content = self._store.read(repository, [digest], at_most_bytes=at_most_bytes).get(digest)
        if content is None:
            raise RegistryError("NOT_FOUND", message=f"blob {digest} not found, or larger than {at_most_bytes} bytes")
        return content
