"""Repositories and artifacts as Harbor's API shows them: the `ArtifactStore` port.

A page by number is read from the nearer end of the list: the rows before it are skipped inside the same Query, which reads 1 MB
(7,000 rows) a call. Labels are an item of their own (`LB#`): on the manifest's item each change would rewrite up to 64 KiB, and
in its row a label would have to move with the row and meet every push of an index; read with the artifacts they cost no call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from chalicelib.aws import counters, keys, rows
from chalicelib.aws.links import partition
from chalicelib.aws.registry_tables import (
    CatalogItem,
    LabelsItem,
    ManifestItem,
    PulledItem,
    ReferrerItem,
    RepositoryItem,
    StatisticsItem,
    TagItem,
    TagOfItem,
)
from chalicelib.aws.table import Key, Table
from chalicelib.aws.tables import Item
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
from chalicelib.oci.reference import Name, Repository
from chalicelib.rbac.model import Project


class DynamoArtifacts:
    """Artifacts of one registry."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(
        self, repository: Repository, offset: int, limit: int, *, is_newest_first: bool = True
    ) -> tuple[Sequence[ArtifactRow], int]:
        """See `ArtifactStore.page`."""
        total = counters.read(self._table, keys.artifacts(repository.project_id, repository.name.repository))
        items = self._numbered(partition(repository), keys.SHOWN, offset, limit, total, forward=not is_newest_first)
        return [rows.to_row(item) for item in items], total

    def rows(self, repository: Repository, *, is_with_hidden: bool = False) -> Sequence[ArtifactRow]:
        """See `ArtifactStore.rows`."""
        pk = partition(repository)
        items = self._table.query(pk, keys.SHOWN, forward=False)
        if is_with_hidden:
            items = [*items, *self._table.query(pk, keys.HIDDEN, forward=False)]
        return sorted((rows.to_row(item) for item in items), key=lambda row: row.pushed_us, reverse=True)

    def load(
        self, repository: Repository, digests: Sequence[Digest], *, is_with_content: bool = False
    ) -> Mapping[Digest, Artifact]:
        """See `ArtifactStore.load`."""
        pk = partition(repository)
        wanted = [(pk, make(str(digest))) for digest in digests for make in (keys.manifest, keys.labels)]
        fields = (*rows.FIELDS, "labels", *(("content",) if is_with_content else ()))
        items = self._table.batch(wanted, fields=fields)
        found: dict[Digest, Artifact] = {}
        for digest in digests:
            item = cast("ManifestItem | None", items.get((pk, keys.manifest(str(digest)))))
            row = None if item is None else rows.listed(item)
            if item is not None and row is not None:
                found[digest] = Artifact(
                    row.row,
                    int(item.size_bytes),
                    Digest.parse(item.config_digest) if item.config_digest else None,
                    Digest.parse(item.subject) if item.subject else None,
                    item.pushed_by,
                    row.is_shown,
                    _labels(items.get((pk, keys.labels(str(digest))))),
                    item.content,
                )
        return found

    def tags_of(
        self, repository: Repository, digest: Digest, *, limit: int = 1000, is_with_pulls: bool = True
    ) -> Sequence[TagEntry]:
        """See `ArtifactStore.tags_of`."""
        pk, prefix = partition(repository), keys.tag_of(str(digest))
        items = cast("list[TagOfItem]", self._table.query(pk, prefix, limit=limit))
        times = self._table.query(pk, keys.pulled(str(digest), ""), limit=limit) if is_with_pulls and items else []
        pulled = {item.sk: int(cast(PulledItem, item).pulled_at) for item in times}
        names = {item.sk[len(prefix) :]: item for item in items}
        return [
            TagEntry(name, digest, int(item.tagged_at or 0), pulled.get(keys.pulled(str(digest), name)))
            for name, item in names.items()
        ]

    def tag_page(self, repository: Repository, *, after: str | None, limit: int) -> Page[TagEntry]:
        """See `ArtifactStore.tag_page`."""
        start = None if after is None else keys.tag(after)
        items = cast("list[TagItem]", self._table.query(partition(repository), keys.TAGS, after=start, limit=limit))
        entries = [
            TagEntry(item.sk.partition("#")[2], Digest.parse(item.digest), int(item.tagged_at)) for item in items
        ]
        return Page(entries, entries[-1].name if len(entries) == limit else None)

    def accessories(self, repository: Repository, subject: Digest, *, limit: int = 1000) -> Sequence[Accessory]:
        """See `ArtifactStore.accessories`."""
        items = self._table.query(partition(repository), keys.referrer(str(subject)), limit=limit)
        return [
            Accessory(
                Digest.parse(item.sk.rpartition("#")[2]),
                int(item.total_bytes or item.size_bytes),
                accessory_type(item.artifact_type),
                item.artifact_type,
                int(item.pushed_at or 0),
            )
            for item in cast("list[ReferrerItem]", items)
        ]

    def parents(self, repository: Repository, digest: Digest, *, limit: int = 100) -> Sequence[Digest]:
        """See `ArtifactStore.parents`."""
        pk, prefix = partition(repository), keys.edge(str(digest))
        page = self._table.keys(pk, prefix, after=None, limit=limit)
        wanted = [(pk, keys.manifest(sk[len(prefix) :])) for sk in page.sort_keys]
        there = self._table.batch(wanted, fields=("media_type",))
        return [Digest.parse(sk.partition("#")[2]) for pk_, sk in wanted if (pk_, sk) in there]

    def statistics(self, repository: Repository) -> Statistics:
        """See `ArtifactStore.statistics`."""
        return _statistics(self._table.get(partition(repository), keys.STATISTICS))

    def pulled(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        """See `ArtifactStore.pulled`."""
        pk = partition(repository)
        items = self._table.batch((pk, keys.pulled(str(digest))) for digest in digests)
        return {
            Digest.parse(sk.partition("#")[2]): int(cast(PulledItem, item).pulled_at) for (_, sk), item in items.items()
        }

    def add_label(self, repository: Repository, digest: Digest, label: int) -> bool:
        """See `ArtifactStore.add_label`."""
        pk = partition(repository)
        values = {":label": frozenset({label}), ":number": label, ":max": LABELS_MAX, ":kind": "labels"}
        there = self._table.check(pk, keys.manifest(str(digest)))
        add = self._table.update(
            pk,
            keys.labels(str(digest)),
            "SET #kind = :kind ADD #labels :label",
            values,
            condition="attribute_not_exists(#labels) OR size(#labels) < :max OR contains(#labels, :number)",
        )
        return self._table.attempt([there, add])

    def remove_label(self, repository: Repository, digest: Digest, label: int) -> None:
        """See `ArtifactStore.remove_label`."""
        values = {":label": frozenset({label})}
        sk, update = keys.labels(str(digest)), "DELETE #labels :label"
        self._table.attempt([self._table.update(partition(repository), sk, update, values)])

    def labelled(self, repository: Repository) -> Mapping[Digest, frozenset[int]]:
        """See `ArtifactStore.labelled`."""
        items = self._table.query(partition(repository), keys.labels())
        found = {Digest.parse(item.sk.partition("#")[2]): _labels(item) for item in items}
        return {digest: labels for digest, labels in found.items() if labels}

    def repository(self, repository: Repository) -> RepositoryRecord | None:
        """See `ArtifactStore.repository`."""
        row = RepositoryRow(str(repository.name), repository.project_id, 0, 0)
        return next(iter(self.records([row])), None)

    def update_description(self, repository: Repository, description: str | None, *, now: int) -> bool:
        """See `ArtifactStore.update_description`."""
        values: dict[str, str | int] = {":now": now, **({":text": description} if description else {})}
        update = "SET updated_at = :now" + (", #description = :text" if description else " REMOVE #description")
        return self._table.attempt([self._table.update(partition(repository), keys.REPOSITORY, update, values)])

    def repositories(self, project: Project | None, offset: int, limit: int) -> tuple[Sequence[RepositoryRecord], int]:
        """See `ArtifactStore.repositories`."""
        name = keys.REPOSITORIES if project is None else keys.repositories(project.project_id)
        total = counters.read(self._table, name)
        items = self._numbered(keys.CATALOG, _prefix(project), offset, limit, total, forward=True)
        return self.records([_row(item) for item in items]), total

    def repository_rows(self, project: Project | None) -> Sequence[RepositoryRow]:
        """See `ArtifactStore.repository_rows`."""
        return [_row(item) for item in self._table.query(keys.CATALOG, _prefix(project))]

    def records(self, rows: Sequence[RepositoryRow]) -> Sequence[RepositoryRecord]:
        """See `ArtifactStore.records`."""
        names = {row: Name.parse(row.name) for row in rows}
        lists = {row: keys.artifacts(row.project_id, name.repository) for row, name in names.items()}
        homes = {row: keys.repository(row.project_id, name.repository) for row, name in names.items()}
        wanted: list[Key] = [(pk, sk) for pk in homes.values() for sk in (keys.REPOSITORY, keys.STATISTICS)]
        wanted += [key for name in lists.values() for key in counters.keys_of(name)]
        items = self._table.batch(wanted)
        return [
            _record(
                row, cast(RepositoryItem, home), counters.sum_of(lists[row], items), items.get((pk, keys.STATISTICS))
            )
            for row, pk in homes.items()
            if (home := items.get((pk, keys.REPOSITORY)))
        ]

    def _numbered(self, pk: str, prefix: str, offset: int, limit: int, total: int, *, forward: bool) -> list[Item]:
        """Read a page by its number, from the nearer end. Not `forward`: the list begins with the last sort key."""
        count = min(limit, total - offset)
        if count <= 0:
            return []
        behind = total - offset - count
        if offset <= behind:
            return self._table.query(pk, prefix, limit=offset + count, forward=forward)[offset:]
        found = self._table.query(pk, prefix, limit=behind + count, forward=not forward)
        return found[behind:][::-1]


def _labels(item: Item | None) -> frozenset[int]:
    return frozenset(int(label) for label in (cast(LabelsItem, item).labels or ())) if item else frozenset()


def _statistics(item: Item | None) -> Statistics:
    if item is None:
        return Statistics()
    found = cast(StatisticsItem, item)
    return Statistics(int(found.pull_count), int(found.pulled_at))


def _prefix(project: Project | None) -> str:
    return "" if project is None else f"{project.name}/"


def _row(item: Item) -> RepositoryRow:
    found = cast(CatalogItem, item)
    project_id = int(found.project_id)
    number = int(found.repository_id or repository_id(project_id, Name.parse(found.sk).repository))
    return RepositoryRow(found.sk, project_id, number, int(found.created_at or 0))


def _record(
    row: RepositoryRow, home: RepositoryItem, total: counters.Total, statistics: Item | None
) -> RepositoryRecord:
    number = int(home.repository_id or repository_id(row.project_id, Name.parse(row.name).repository))
    pulls = _statistics(statistics)
    return RepositoryRecord(
        RepositoryRow(row.name, row.project_id, number, int(home.created_at)),
        home.description,
        max(int(home.updated_at or home.created_at), total.changed_at),
        total.number,
        pulls.pull_count,
        pulls.pulled_at,
    )
