"""What Harbor's API needs of the storage of artifacts; `chalicelib.aws` implements it, tests use a fake. Times: Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.oci.artifact import (
    Accessory,
    Artifact,
    ArtifactRow,
    RepositoryRecord,
    RepositoryRow,
    Statistics,
    TagEntry,
)
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Page
from chalicelib.oci.reference import Repository
from chalicelib.rbac.model import Project


class ArtifactStore(Protocol):
    """What Harbor's API shows of repositories and artifacts. Reads; and what only it writes: descriptions, labels, pulls."""

    def page(
        self, repository: Repository, offset: int, limit: int, *, is_newest_first: bool = True
    ) -> tuple[Sequence[ArtifactRow], int]:
        """Read rows `offset` to `offset + limit` of the repository's list, and how many there are in all. Two queries, whatever
        the list holds (one more for each 7,000 rows between the page and the nearer end)."""

    def rows(self, repository: Repository, *, is_with_hidden: bool = False) -> Sequence[ArtifactRow]:
        """Read all rows, newest first, for filters and other orders; accessories and children of indexes when asked for. One
        query per 7,000 rows, one more for the hidden ones."""

    def load(
        self, repository: Repository, digests: Sequence[Digest], *, is_with_content: bool = False
    ) -> Mapping[Digest, Artifact]:
        """Read artifacts; absent ones are absent. One batch read per 50. Content above 64 KiB is None, see
        `ManifestStore.find`."""

    def tags_of(
        self, repository: Repository, digest: Digest, *, limit: int = 1000, is_with_pulls: bool = True
    ) -> Sequence[TagEntry]:
        """Read an artifact's tags with the time of their last pull: two queries; one without, as for what was never pulled."""

    def tag_page(self, repository: Repository, *, after: str | None, limit: int) -> Page[TagEntry]:
        """List the repository's tags in byte order, without the time of their last pull. One query."""

    def accessories(self, repository: Repository, subject: Digest, *, limit: int = 1000) -> Sequence[Accessory]:
        """Read what names an artifact as its subject. One query."""

    def parents(self, repository: Repository, digest: Digest, *, limit: int = 100) -> Sequence[Digest]:
        """Read the indexes that name an artifact. One query and one batch read."""

    def statistics(self, repository: Repository) -> Statistics:
        """Read how often a repository was pulled from. One read."""

    def pulled(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        """Read when artifacts were last pulled, those that were. One batch read per hundred."""

    def add_label(self, repository: Repository, digest: Digest, label: int) -> bool:
        """Give an artifact a label; idempotent. False when there is no such artifact or it has 100 labels. One transaction."""

    def remove_label(self, repository: Repository, digest: Digest, label: int) -> None:
        """Take a label from an artifact; idempotent. One write."""

    def labelled(self, repository: Repository) -> Mapping[Digest, frozenset[int]]:
        """Read the labels of all artifacts that have any, for filters. One query per 5,000."""

    def repository(self, repository: Repository) -> RepositoryRecord | None:
        """Read a repository. One batch read."""

    def update_description(self, repository: Repository, description: str | None, *, now: int) -> bool:
        """Describe a repository. False when there is none. One write."""

    def repositories(self, project: Project | None, offset: int, limit: int) -> tuple[Sequence[RepositoryRecord], int]:
        """Read a page of a project's repositories, or of all, by name, and how many there are. Two queries and one batch read
        per five repositories (one query more for each 7,000 rows between the page and the nearer end)."""

    def repository_rows(self, project: Project | None) -> Sequence[RepositoryRow]:
        """Read the rows of a project's repositories, or of all, by name. One query per 7,000."""

    def records(self, rows: Sequence[RepositoryRow]) -> Sequence[RepositoryRecord]:
        """Read repositories by their rows, in the same order; those deleted meanwhile are left out. One batch read per five."""
