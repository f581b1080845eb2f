"""The catalog: repository names, only those the caller may see. Source: Docker Registry HTTP API V2, "Listing Repositories"."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chalicelib.oci.ports import ManifestStore, Page

_ROUNDS = 5
"""Queries a request may spend on repositories the caller may not see; then the page is short and its Link leads on."""
_SCAN = 1000

Visible = Callable[[Iterable[str]], frozenset[str]]
"""Which of these projects may the caller pull from?"""


class Catalog:
    """All repositories of the registry."""

    def __init__(self, store: ManifestStore) -> None:
        self._store = store

    def page(self, *, after: str | None, limit: int, visible: Visible) -> Page[str]:
        """List names in byte order: at most five queries and five batch reads, however many repositories there are."""
        names: list[str] = []
        for round_ in range(_ROUNDS):
            if limit == 0:
                return Page(names)
            wanted = limit - len(names)
            found = self._store.repositories(after=after, limit=wanted if round_ == 0 else max(wanted, _SCAN))
            allowed = visible({name.partition("/")[0] for name in found.items})
            for name in found.items:
                if name.partition("/")[0] in allowed:
                    if len(names) == limit:
                        return Page(names, names[-1])
                    names.append(name)
                after = name
            if found.after is None:
                return Page(names)
            if len(names) == limit:
                return Page(names, after)
        return Page(names, after)
