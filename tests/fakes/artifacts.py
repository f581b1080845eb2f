"""Artifacts as Harbor's API shows them, worked out from the fake stores. `tests/contracts` holds them to the port's promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.notify.ports import Pulled
from chalicelib.oci.artifact import (
    LABELS_MAX,
    Accessory,
    Artifact,
    ArtifactRow,
    RepositoryRecord,
    RepositoryRow,
    Statistics,
    TagEntry,
    accessory_type,
    repository_id,
)
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Page
from chalicelib.oci.reference import Name, Repository, Tag
from chalicelib.rbac.model import Project
from tests.fakes.stores import FakeManifests

INLINE_BYTES = 64 * 1024


class FakeArtifacts:
    def __init__(self, manifests: FakeManifests) -> None:
        self._manifests = manifests
        self.labels, self.pulls = manifests.labels, manifests.pulls
        self.last_pulls: dict[tuple[Repository, Digest, str | None], int] = {}
        self.descriptions: dict[Repository, tuple[str | None, int]] = {}

    def page(
        self, repository: Repository, offset: int, limit: int, *, is_newest_first: bool = True
    ) -> tuple[Sequence[ArtifactRow], int]:
        rows = list(self.rows(repository))
        if not is_newest_first:
            rows.reverse()
        return rows[offset : offset + limit], len(rows)

    def rows(self, repository: Repository, *, is_with_hidden: bool = False) -> Sequence[ArtifactRow]:
        found = [self._manifests.listed(repository, d) for r, d in self._manifests.manifests if r == repository]
        rows = [one.row for one in found if one.is_shown or is_with_hidden]
        return sorted(rows, key=lambda row: row.pushed_us, reverse=True)

    def load(
        self, repository: Repository, digests: Sequence[Digest], *, is_with_content: bool = False
    ) -> Mapping[Digest, Artifact]:
        return {
            d: self._load(repository, d, is_with_content)
            for d in digests
            if (repository, d) in self._manifests.manifests
        }

    def _load(self, repository: Repository, digest: Digest, is_with_content: bool) -> Artifact:
        stored, listed = self._manifests.manifests[repository, digest], self._manifests.listed(repository, digest)
        content = stored.manifest.content
        return Artifact(
            listed.row,
            len(content),
            stored.manifest.blobs[0].digest if stored.manifest.blobs else None,
            stored.manifest.subject.digest if stored.manifest.subject else None,
            stored.by,
            listed.is_shown,
            self.labels.get((repository, digest), frozenset()),
            content if is_with_content and len(content) <= INLINE_BYTES else None,
        )

    def tags_of(
        self, repository: Repository, digest: Digest, *, limit: int = 1000, is_with_pulls: bool = True
    ) -> Sequence[TagEntry]:
        named = sorted(str(t) for (r, t), d in self._manifests.pointers.items() if r == repository and d == digest)
        pulls = {n: self.last_pulls.get((repository, digest, n)) for n in named} if is_with_pulls else {}
        return [TagEntry(n, digest, self._tagged_at(repository, n), pulls.get(n)) for n in named[:limit]]

    def tag_page(self, repository: Repository, *, after: str | None, limit: int) -> Page[TagEntry]:
        page = self._manifests.tags(repository, after=after, limit=limit)
        entries = [
            TagEntry(name, self._manifests.pointers[repository, Tag(name)], self._tagged_at(repository, name))
            for name in page.items
        ]
        return Page(entries, page.after)

    def _tagged_at(self, repository: Repository, name: str) -> int:
        return self._manifests.tagged_at[repository, Tag(name)]

    def accessories(self, repository: Repository, subject: Digest, *, limit: int = 1000) -> Sequence[Accessory]:
        found = []
        for (r, digest), stored in self._manifests.manifests.items():
            manifest = stored.manifest
            if r == repository and manifest.subject and manifest.subject.digest == subject:
                size, kind = self._manifests.listed(r, digest).row.size_bytes, manifest.artifact_type
                found.append(Accessory(digest, size, accessory_type(kind), kind, stored.at))
        return sorted(found, key=lambda one: str(one.digest))[:limit]

    def parents(self, repository: Repository, digest: Digest, *, limit: int = 100) -> Sequence[Digest]:
        named = {
            d
            for (r, d), stored in self._manifests.manifests.items()
            if r == repository and digest in {child.digest for child in stored.manifest.manifests}
        }
        return sorted(named, key=str)[:limit]

    def statistics(self, repository: Repository) -> Statistics:
        return self.pulls.get(repository, Statistics())

    def pulled(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        return {d: self.last_pulls[repository, d, None] for d in digests if (repository, d, None) in self.last_pulls}

    def note(self, pulls: Mapping[Pulled, int], *, now: int, is_counted: bool, is_timed: bool) -> None:
        """`notify.ports.PullStatistics`; everything is wanted."""
        assert is_counted and is_timed
        for (repository, digest, tag), count in pulls.items():
            self.pulls[repository] = Statistics(self.statistics(repository).pull_count + count, now)
            for name in (None, str(tag)) if tag else (None,):
                self.last_pulls[repository, digest, name] = now

    def add_label(self, repository: Repository, digest: Digest, label: int) -> bool:
        labels = self.labels.get((repository, digest), frozenset())
        is_full = len(labels) >= LABELS_MAX and label not in labels
        if (repository, digest) not in self._manifests.manifests or is_full:
            return False
        self.labels[repository, digest] = labels | {label}
        return True

    def remove_label(self, repository: Repository, digest: Digest, label: int) -> None:
        self.labels[repository, digest] = self.labels.get((repository, digest), frozenset()) - {label}

    def labelled(self, repository: Repository) -> Mapping[Digest, frozenset[int]]:
        return {d: labels for (r, d), labels in self.labels.items() if r == repository and labels}

    def repository(self, repository: Repository) -> RepositoryRecord | None:
        at = self._manifests.known.get(repository)
        return None if at is None else self._record(repository, at)

    def _record(self, repository: Repository, created_at: int) -> RepositoryRecord:
        description, described_at = self.descriptions.get(repository, (None, 0))
        pulls, rows = self.statistics(repository), self.rows(repository)
        changed_at = max((self._manifests.manifests[repository, row.digest].at for row in rows), default=0)
        row = _row(repository, created_at)
        updated_at = max(created_at, described_at, changed_at)
        return RepositoryRecord(row, description, updated_at, len(rows), pulls.pull_count, pulls.pulled_at)

    def update_description(self, repository: Repository, description: str | None, *, now: int) -> bool:
        if repository not in self._manifests.known:
            return False
        self.descriptions[repository] = (description or None, now)
        return True

    def repositories(self, project: Project | None, offset: int, limit: int) -> tuple[Sequence[RepositoryRecord], int]:
        rows = self.repository_rows(project)
        return self.records(rows[offset : offset + limit]), len(rows)

    def repository_rows(self, project: Project | None) -> Sequence[RepositoryRow]:
        rows = [_row(repository, at) for repository, at in self._manifests.known.items()]
        mine = [row for row in rows if project is None or row.project_id == project.project_id]
        return sorted(mine, key=lambda row: row.name)

    def records(self, rows: Sequence[RepositoryRow]) -> Sequence[RepositoryRecord]:
        named = [Repository(row.project_id, Name.parse(row.name)) for row in rows]
        return [record for repository in named if (record := self.repository(repository))]


def _row(repository: Repository, created_at: int) -> RepositoryRow:
    number = repository_id(repository.project_id, repository.name.repository)
    return RepositoryRow(str(repository.name), repository.project_id, number, created_at)
