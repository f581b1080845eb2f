"""Removing a repository: manifests, tags, blobs, then the repository itself. Many transactions, each bounded and repeatable.

What was there when the removal began goes; what is pushed meanwhile stays, and the repository with it. The removal marks the
repository and moves its epochs, so that each later push reads the mark and takes it away; the last transaction demands the mark.
An entry in the journal (`aws.releases`) lets the schedule go on where a removal stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from chalicelib import telemetry
from chalicelib.aws import counters, keys, rows
from chalicelib.aws.journal import JOURNAL_SHARDS, entry_of, journal_item
from chalicelib.aws.links import partition, to_link
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.registry_tables import LinkItem, ManifestItem, ReleaseItem, TagItem
from chalicelib.aws.releases import Releases
from chalicelib.aws.table import TRANSACTION_ACTIONS, Action, ConditionFailed, Table
from chalicelib.errors import RegistryError
from chalicelib.oci.reference import Repository

PENDING_US = 300_000_000
"""How old an entry of the journal must be before the schedule takes it on: its request is over, one way or the other."""
_PAGE = 500
_MANIFESTS = (TRANSACTION_ACTIONS - 2 * counters.SHARDS) // 4
_TAGS = TRANSACTION_ACTIONS // 3


class Removals:
    """Removals of repositories, and the journal of all deletions."""

    def __init__(self, table: Table, releases: Releases) -> None:
        self._table, self._releases = table, releases
        self._quotas = Quotas(table)

    def remove(self, repository: Repository, *, by: str, now_us: int) -> bool:
        """Remove a repository; False when there is none.

        1 transaction to begin, 1 to end. Between them, in calls: manifests 2 per 17 and 1 per 500; tags 1 per 33 and 6 per 500;
        edges 1 per 60; blobs 4 per 28 and 1 per 500; history 1 per 100."""
        del by  # the history goes with the repository; who did it is in the audit log
        entry = journal_item(repository, "", "", now_us)
        home = self._table.update(partition(repository), keys.REPOSITORY, "SET leaving = :mark", {":mark": entry.nonce})
        try:
            self._table.write([home, self._table.put(entry), *self._releases.epochs(repository)])
        except ConditionFailed:
            return False
        self._run(repository, entry)
        return True

    def pending(self, *, now_us: int) -> int:
        """Go on with what the journal has for more than five minutes; return how many deletions were finished."""
        count = 0
        for entry in self._entries():
            if int(entry.at) > now_us - PENDING_US:
                continue
            repository, digest = entry_of(entry)
            try:
                if digest:
                    self._releases.pending(entry)
                else:
                    self._run(repository, entry)
            except RegistryError as error:  # too busy now; those behind it need not wait for it
                telemetry.logger().warning(f"the deletion of {entry.sk} goes on another time: {error}")
            else:
                count += 1
        return count

    def _entries(self) -> Iterator[ReleaseItem]:
        for shard in range(JOURNAL_SHARDS):
            after = None
            while entries := self._table.query(keys.journal(shard), "", after=after, limit=_PAGE):
                yield from cast("list[ReleaseItem]", entries)
                after = entries[-1].sk

    def _run(self, repository: Repository, entry: ReleaseItem) -> None:
        before_us = int(entry.at)
        self._drop_manifests(repository, before_us)
        self._drop_tags(repository)
        self._drop_edges(repository)
        self._drop_links(repository, before_us // 1_000_000)
        self._drop_traces(repository, entry.nonce)
        self._end(repository, entry)

    def _drop_manifests(self, repository: Repository, before_us: int) -> None:
        pk, after = partition(repository), None
        while True:
            page = self._table.keys(pk, keys.MANIFESTS, after=after, limit=_PAGE)
            for start in range(0, len(page.sort_keys), _MANIFESTS):
                some = page.sort_keys[start : start + _MANIFESTS]
                while not self._drop_some(repository, some, before_us):
                    pass
            if page.is_last:
                return
            after = page.sort_keys[-1]

    def _drop_some(self, repository: Repository, sort_keys: Sequence[str], before_us: int) -> bool:
        """Remove some manifests that were pushed before; False when one changed meanwhile, then look again."""
        pk = partition(repository)
        found = self._table.batch(((pk, sk) for sk in sort_keys), fields=rows.FIELDS)
        items = [cast(ManifestItem, item) for item in found.values()]
        old = [item for item in items if int(item.pushed_us or 0) <= before_us]
        listed = [row for item in old if (row := rows.listed(item))]
        sizes = {item.sk: int(item.size_bytes) for item in old}
        actions = self._releases.drop_rows(repository, listed)
        charged = [(row.row.digest, sizes[keys.manifest(str(row.row.digest))]) for row in listed]
        actions += self._quotas.release(repository.project_id, charged)
        for item in old:
            digest = item.sk.partition("#")[2]
            actions.append(self._table.delete(pk, keys.labels(digest)))
            if item.subject:
                actions.append(self._table.delete(pk, keys.referrer(item.subject, digest)))
            if rows.listed(item) is None:
                actions.append(self._table.delete(pk, item.sk, condition="attribute_not_exists(pushed_us)"))
        if not actions:
            return True
        try:
            self._table.write(actions)
        except ConditionFailed:
            return False
        return True

    def _drop_tags(self, repository: Repository) -> None:
        """Remove the tags whose manifest is gone."""
        pk, after = partition(repository), None
        while True:
            tags = cast("list[TagItem]", self._table.query(pk, keys.TAGS, after=after, limit=_PAGE))
            manifests = dict.fromkeys((pk, keys.manifest(tag.digest)) for tag in tags)
            there = self._table.batch(manifests, fields=("media_type",))
            gone = [tag for tag in tags if (pk, keys.manifest(tag.digest)) not in there]
            for start in range(0, len(gone), _TAGS):
                self._drop_gone(pk, gone[start : start + _TAGS])
            if len(tags) < _PAGE:
                return
            after = tags[-1].sk

    def _drop_gone(self, pk: str, tags: Sequence[TagItem]) -> None:
        """Unless their manifests were pushed again; when one of the tags moved, one by one."""
        manifests = {keys.manifest(tag.digest) for tag in tags}
        actions = [self._table.check(pk, manifest, "attribute_not_exists(pk)") for manifest in manifests]
        for tag in tags:
            values = {":digest": tag.digest}
            actions += [
                self._table.delete(pk, tag.sk, condition="digest = :digest", values=values),
                self._table.delete(pk, keys.tag_of(tag.digest, tag.sk.partition("#")[2])),
            ]
        try:
            self._table.write(actions)
        except ConditionFailed:
            if len(tags) > 1:
                for tag in tags:
                    self._drop_gone(pk, [tag])

    def _drop_edges(self, repository: Repository) -> None:
        """Drop the edges of manifests that are gone, on the condition that they still are."""
        pk, after = partition(repository), None
        while True:
            page = self._table.keys(pk, keys.EDGES, after=after, limit=_PAGE)
            owners = {sk: sk.rpartition("#")[2] for sk in page.sort_keys}
            wanted = dict.fromkeys((pk, keys.manifest(owner)) for owner in owners.values())
            there = self._table.batch(wanted, fields=("media_type",))
            gone = [sk for sk, owner in owners.items() if (pk, keys.manifest(owner)) not in there]
            checks: dict[str, Action] = {}
            deletes: list[Action] = []
            for sk in gone:
                if len(checks) + len(deletes) + 2 > TRANSACTION_ACTIONS:
                    self._try([*checks.values(), *deletes])
                    checks, deletes = {}, []
                owner = keys.manifest(owners[sk])
                checks[owner] = self._table.check(pk, owner, "attribute_not_exists(pk)")
                deletes.append(self._table.delete(pk, sk))
            self._try([*checks.values(), *deletes])
            if page.is_last:
                return
            after = page.sort_keys[-1]

    def _drop_links(self, repository: Repository, before: int) -> None:
        """Release the blobs, but for those somebody uploaded, mounted or asked for since."""
        pk, after = partition(repository), None
        while True:
            items = cast("list[LinkItem]", self._table.query(pk, keys.LINKS, after=after, limit=_PAGE))
            links = [to_link(item) for item in items]
            self._releases.release_blobs(repository, [link.digest for link in links if link.touched_at <= before])
            if len(items) < _PAGE:
                return
            after = items[-1].sk

    def _drop_traces(self, repository: Repository, mark: str) -> None:
        """Drop history, marks of deletions, times of pulls, and what a crash left of tags, referrers and labels, as long as
        nobody pushed since the removal began."""
        pk = partition(repository)
        if self._table.keys(pk, keys.MANIFESTS, after=None, limit=1).sort_keys:
            return
        held = self._table.check(pk, keys.REPOSITORY, "leaving = :mark", {":mark": mark})
        for prefix in keys.TRACES:
            while sort_keys := self._table.keys(pk, prefix, after=None, limit=TRANSACTION_ACTIONS - 1).sort_keys:
                if not self._try([held, *(self._table.delete(pk, sk) for sk in sort_keys)]):
                    return

    def _end(self, repository: Repository, entry: ReleaseItem) -> None:
        """Remove the repository itself, if it still carries the mark and nothing is in it."""
        pk, name = partition(repository), str(repository.name)
        mark = {":mark": entry.nonce}
        if self._table.keys(pk, keys.MANIFESTS, after=None, limit=1).sort_keys:
            self._try([self._table.update(pk, keys.REPOSITORY, "REMOVE leaving", mark, condition="leaving = :mark")])
            self._releases.drop_entry(entry)
            return
        self._try(
            [
                self._table.delete(pk, keys.REPOSITORY, condition="leaving = :mark", values=mark),
                self._table.delete(pk, keys.STATISTICS),
                self._table.delete(keys.CATALOG, name),
                counters.action(self._table, keys.REPOSITORIES, name, -1),
                counters.action(self._table, keys.repositories(repository.project_id), name, -1),
                *self._releases.epochs(repository),
            ]
        )
        self._releases.drop_entry(entry)

    def _try(self, actions: Sequence[Action]) -> bool:
        """Write unless somebody was faster, whose work then stays."""
        try:
            if actions:
                self._table.write(actions)
        except ConditionFailed:
            return False
        return True
