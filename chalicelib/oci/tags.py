"""Tag lists. Source: OCI distribution-spec 1.1, "Listing tags"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.errors import RegistryError
from chalicelib.oci.ports import ManifestStore, Page
from chalicelib.oci.reference import Repository

PAGE_MAX = 1000
"""The most a page holds, also when the client names no number; a Link leads on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page as the client asked for it."""

    limit: int
    after: str | None

    @classmethod
    def parse(cls, n: str | None, last: str | None) -> Asked:
        """Read the `n` and `last` parameters. Raises PAGINATION_NUMBER_INVALID (400)."""
        if n is None:
            return cls(PAGE_MAX, last or None)
        if not (n.isascii() and n.isdigit()):
            raise RegistryError("PAGINATION_NUMBER_INVALID", {"n": n[:40]})
        return cls(min(int(n[:9]), PAGE_MAX), last or None)


class Tags:
    """The tags of repositories."""

    def __init__(self, store: ManifestStore) -> None:
        self._store = store

    def page(self, repository: Repository, asked: Asked) -> Page[str]:
        """List tags in byte order. One query; one read more when nothing was found. Raises NAME_UNKNOWN (404)."""
        if asked.limit == 0:
            tags: Sequence[str] = ()
            page = Page(tags)
        else:
            page = self._store.tags(repository, after=asked.after, limit=asked.limit)
        if not page.items and not self._store.is_repository(repository):
            raise RegistryError("NAME_UNKNOWN", {"name": str(repository)})
        return page
