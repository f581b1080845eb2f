"""Links of repositories to blobs, and what changes with each: the blob's count of links, the project's count of repositories
that have it, and at the first and the last of these the project's quota. Actions only; `aws.blobs` and `aws.releases` write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from chalicelib.aws import keys
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.registry_tables import LinkItem, ProjectBlobItem
from chalicelib.aws.table import Action, Key, Table
from chalicelib.aws.tables import Item
from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import Link
from chalicelib.oci.reference import Repository


class Held(NamedTuple):
    """A blob as a repository and its project have it."""

    link: Link
    repositories: int
    charged_bytes: int
    """What the project's first link charged; 0 for a link from before quotas."""
    mark: str | None
    """Of the release that is about to take the link."""


def partition(repository: Repository) -> str:
    """Partition of a repository."""
    return keys.repository(repository.project_id, repository.name.repository)


def to_link(item: LinkItem) -> Link:
    """Turn a link's item into the registry's value."""
    digest = Digest.parse(item.sk.partition("#")[2])
    return Link(digest, item.key, int(item.size_bytes), int(item.touched_at), item.leaving is not None)


def touch_link(table: Table, repository: Repository, digest: Digest, now: int) -> Action:
    """Action: move the grace period of a link that still exists, and keep it from being released."""
    update = "SET touched_at = :now REMOVE leaving"
    return table.update(partition(repository), keys.link(str(digest)), update, {":now": now})


def link_actions(table: Table, repository: Repository, link: Link, *, is_first: bool) -> list[Action]:
    """Actions: link a blob. Two; the quota's charge for the first link in the project is the caller's to add. The second one
    fails when the project has the blob although `is_first`, or has it not although not."""
    name = str(link.digest)
    item = LinkItem(
        partition(repository), keys.link(name), key=link.key, size_bytes=link.size_bytes, touched_at=link.touched_at
    )
    values: dict[str, str | int] = {":one": 1}
    if is_first:
        update = "SET #kind = :kind, #key = :key, size_bytes = :size, charged_bytes = :size ADD repositories :one"
        condition = "attribute_not_exists(pk) OR repositories < :one"
        values.update({":kind": "project_blob", ":key": link.key, ":size": link.size_bytes})
    else:
        update, condition = "ADD repositories :one", "repositories >= :one"
    count = table.update(keys.project_blob(repository.project_id, name), keys.BLOB, update, values, condition=condition)
    return [table.put(item, is_new=True), count]


def held(table: Table, repository: Repository, digests: Iterable[Digest]) -> Mapping[Digest, Held]:
    """Read which of some blobs a repository has. One BatchGetItem per fifty."""
    pk, project_id = partition(repository), repository.project_id
    wanted = {digest: ((pk, keys.link(str(digest))), _project_key(project_id, digest)) for digest in digests}
    items = table.batch(key for pair in wanted.values() for key in pair)
    return {
        digest: _held(cast(LinkItem, items[link_key]), items.get(project_key))
        for digest, (link_key, project_key) in wanted.items()
        if link_key in items
    }


def unlink_actions(
    table: Table, quotas: Quotas, repository: Repository, blobs: Iterable[Held], *, leaving: str = ""
) -> list[Action]:
    """Actions: take blobs from a repository: three for each, in the order of `blobs`, the first of them the link's; then at most
    16 of the quota. With `leaving` only links that still carry this mark."""
    actions: list[Action] = []
    released: list[tuple[Digest, int]] = []
    for blob in blobs:
        name, is_last = str(blob.link.digest), blob.repositories <= 1
        condition, values = ("leaving = :mark", {":mark": leaving}) if leaving else ("attribute_exists(pk)", {})
        pk, count = keys.project_blob(repository.project_id, name), {":count": blob.repositories}
        same = "repositories = :count"
        actions += [
            table.delete(partition(repository), keys.link(name), condition=condition, values=values),
            table.update(keys.blob(name), keys.BLOB, "ADD links :less", {":less": -1}),
            table.delete(pk, keys.BLOB, condition=same, values=count)
            if is_last
            else table.update(pk, keys.BLOB, "ADD repositories :less", {":less": -1, **count}, condition=same),
        ]
        if is_last:
            released.append((blob.link.digest, blob.charged_bytes))
    return actions + quotas.release(repository.project_id, released)


def _project_key(project_id: int, digest: Digest) -> Key:
    return keys.project_blob(project_id, str(digest)), keys.BLOB


def _held(link: LinkItem, project_blob: Item | None) -> Held:
    found = cast("ProjectBlobItem | None", project_blob)
    if found is None:
        return Held(to_link(link), 0, 0, link.leaving)
    return Held(to_link(link), int(found.repositories), int(found.charged_bytes or 0), link.leaving)
