"""Labels in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.aws import keys
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import Item, LabelItem, NameItem
from chalicelib.errors import RegistryError
from chalicelib.oci.label import Label, LabelChanged, LabelRow, LabelText

_UNCHANGED = "#name = :name AND updated_at = :at"


class DynamoLabels:
    """`oci.label.LabelStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, project_id: int, text: LabelText, *, now: int) -> Label | None:
        """One UpdateItem of the id counter, one transaction of 4 or 5; an id whose transaction lost is never used."""
        label_id = self._table.add(keys.counter("label"), keys.COUNTER, "last", 1, kind="counter")
        label = Label(label_id, project_id, text, now, now)
        actions = [self._name(label), self._table.put(_item(label), is_new=True)]
        actions += self._listing(project_id).add(_key(label_id), _fields(label))
        if project_id:
            actions.append(self._table.check(keys.project_id(project_id), keys.NAME))
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            if failure.failed[0] == 0:
                return None
            raise RegistryError("BAD_REQUEST", message=f"project {project_id} not found") from None
        return label

    def find(self, label_id: int) -> Label | None:
        """One GetItem."""
        return _label(self._table.get(keys.label(label_id), keys.LABEL))

    def load(self, label_ids: Iterable[int]) -> Mapping[int, Label]:
        """One BatchGetItem per hundred; none for none."""
        found = self._table.batch((keys.label(label_id), keys.LABEL) for label_id in label_ids)
        labels = (_label(item) for item in found.values())
        return {label.label_id: label for label in labels if label}

    def change(self, label: Label, text: LabelText, *, now: int) -> bool:
        """One transaction of 2, of 4 when the name changes."""
        after = label._replace(text=text, updated_at=now)
        actions = [
            self._table.put(_item(after), condition=_UNCHANGED, values={":name": label.text.name, ":at": label.updated_at}),
            self._listing(label.project_id).change(_key(label.label_id), _fields(after)),
        ]
        if text.name != label.text.name:
            actions += [self._name(after), self._free(label)]
        try:
            self._table.write(actions)
        except ConditionFailed as failure:
            if failure.failed == (2,):
                return False
            raise LabelChanged from None
        return True

    def delete(self, label: Label) -> bool:
        """One transaction of 4."""
        named = {":name": label.text.name}
        try:
            self._table.write([
                self._table.delete(keys.label(label.label_id), keys.LABEL, condition="#name = :name", values=named),
                self._free(label),
                *self._listing(label.project_id).remove(_key(label.label_id)),
            ])  # fmt: skip
        except ConditionFailed:
            return False
        return True

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[LabelRow], int]:
        """Two Queries, see `Listing.page`."""
        rows, total = self._listing(project_id).page(offset, limit, is_descending)
        return [_row(row) for row in rows], total

    def rows(self, project_id: int) -> Sequence[LabelRow]:
        """One Query per MB."""
        return [_row(row) for row in self._listing(project_id).rows()]

    def clear(self, project_id: int, limit: int) -> bool:
        """Delete at most so many labels of a project that is gone; True when none is left. One Query, one batch read, one
        transaction a label. Nobody can make new ones, since nobody has a right in the project."""
        rows = self._listing(project_id).first(limit)
        for label in self.load(int(row.key) for row in rows).values():
            self.delete(label)
        return len(rows) < limit

    def _listing(self, project_id: int) -> Listing:
        return Listing(self._table, f"labels#{project_id}")

    def _name(self, label: Label) -> Action:
        pk = keys.label_name(label.project_id, label.text.name)
        return self._table.put(NameItem(pk, keys.NAME, name=str(label.label_id)), is_new=True)

    def _free(self, label: Label) -> Action:
        pk, own = keys.label_name(label.project_id, label.text.name), {":id": str(label.label_id)}
        return self._table.delete(pk, keys.NAME, condition="#name = :id", values=own)


def _key(label_id: int) -> str:
    return f"{label_id:016d}"


def _item(label: Label) -> LabelItem:
    return LabelItem(
        keys.label(label.label_id),
        keys.LABEL,
        project_id=label.project_id,
        name=label.text.name,
        description=label.text.description or None,
        color=label.text.color or None,
        created_at=label.created_at,
        updated_at=label.updated_at,
    )


def _label(item: Item | None) -> Label | None:
    if not isinstance(item, LabelItem):
        return None
    text = LabelText(item.name, item.description or "", item.color or "")
    label_id = int(item.pk.partition("#")[2])
    return Label(label_id, int(item.project_id), text, int(item.created_at), int(item.updated_at))


def _fields(label: Label) -> Mapping[str, object]:
    return {"n": label.text.name, "c": label.created_at, "u": label.updated_at}


def _row(row: Row) -> LabelRow:
    return LabelRow(int(row.key), row.fields["n"], row.fields["c"], row.fields["u"])
