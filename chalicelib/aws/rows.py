"""Rows of artifacts between their items and the registry's values, and the actions that move them between the two lists.

`A#` is the manifest; its row is `I#` when Harbor's list shows it, `J#` when not. `A#` says which (`row`) and changes in the same
transaction, so that a condition on it guards both.
"""

from __future__ import annotations

from typing import cast

from chalicelib.aws import keys
from chalicelib.aws.registry_tables import ArtifactRowItem, ManifestItem
from chalicelib.aws.table import Action, Table
from chalicelib.aws.tables import Item
from chalicelib.oci.artifact import ArtifactRow, Listed
from chalicelib.oci.digest import Digest

SHOWN, HIDDEN = "I", "J"
FIELDS = (
    "media_type",
    "size_bytes",
    "subject",
    "artifact_type",
    "pushed_by",
    "pushed_us",
    "row",
    "is_tagged",
    "type",
    "config_type",
    "config_digest",
    "total_bytes",
)
"""What rows need of a manifest's item, which is all but the content."""


def row_item(pk: str, row: ArtifactRow, letter: str) -> ArtifactRowItem:
    """The item of a row in one of the two lists."""
    return ArtifactRowItem(
        pk,
        row_key(row, letter),
        size_bytes=row.size_bytes,
        type=row.type,
        media_type=row.media_type,
        manifest_media_type=row.manifest_media_type,
        artifact_type=None if row.artifact_type == row.media_type else row.artifact_type or "",
    )


def row_key(row: ArtifactRow, letter: str) -> str:
    """Sort key of a row in one of the two lists."""
    return (keys.shown if letter == SHOWN else keys.hidden)(row.pushed_us, str(row.digest))


def to_row(item: Item) -> ArtifactRow:
    """Turn a row's item into the registry's value."""
    found = cast(ArtifactRowItem, item)
    _, pushed_us, digest = found.sk.split("#")
    artifact_type = found.media_type if found.artifact_type is None else found.artifact_type or None
    return ArtifactRow(
        Digest.parse(digest),
        int(pushed_us),
        int(found.size_bytes),
        found.type,
        found.media_type,
        found.manifest_media_type,
        artifact_type,
    )


def listed(item: ManifestItem) -> Listed | None:
    """Read a manifest's row from the manifest's item; None for one pushed before there were rows."""
    if not (item.pushed_us and item.row):
        return None
    row = ArtifactRow(
        Digest.parse(item.sk.partition("#")[2]),
        int(item.pushed_us),
        int(item.total_bytes or 0),
        item.type or "",
        item.config_type or item.media_type,
        item.media_type,
        item.artifact_type,
    )
    return Listed(row, item.row == SHOWN, bool(item.is_tagged), item.subject is not None)


def move(table: Table, pk: str, found: Listed, letter: str, *, is_tagged: bool = False) -> list[Action]:
    """Actions: take a row from its list into the other one, on the condition that the manifest is as it was read; when
    `is_tagged`, its manifest is from now on one that had a tag. Three actions."""
    before = SHOWN if found.is_shown else HIDDEN
    return [
        update(table, pk, found, letter, is_tagged=is_tagged or found.is_tagged),
        table.delete(pk, row_key(found.row, before)),
        table.put(row_item(pk, found.row, letter)),
    ]


def update(table: Table, pk: str, found: Listed, letter: str, *, is_tagged: bool) -> Action:
    """Action: note in the manifest's item where its row is, on the condition that all is as it was read."""
    return table.update(
        pk,
        keys.manifest(str(found.row.digest)),
        "SET #row = :after, is_tagged = :tagged",
        {":after": letter, ":tagged": is_tagged, **_values(found)},
        condition=_CONDITION,
    )


def check(table: Table, pk: str, found: Listed) -> Action:
    """Action: demand that the manifest is as it was read."""
    return table.check(pk, keys.manifest(str(found.row.digest)), _CONDITION, _values(found))


def delete(table: Table, pk: str, found: Listed) -> Action:
    """Action: delete the manifest's item, on the condition that it is as it was read."""
    sk = keys.manifest(str(found.row.digest))
    return table.delete(pk, sk, condition=_CONDITION, values=_values(found))


_CONDITION = "pushed_us = :pushed AND #row = :before AND is_tagged = :was_tagged"


def _values(found: Listed) -> dict[str, str | int | bool]:
    letter = SHOWN if found.is_shown else HIDDEN
    return {":pushed": found.row.pushed_us, ":before": letter, ":was_tagged": found.is_tagged}
