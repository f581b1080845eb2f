"""Labels: made, changed and removed."""

from __future__ import annotations

from chalicelib.errors import RegistryError
from chalicelib.oci.label import Label, LabelChanged, LabelStore, LabelText

_TRIES = 4


class Labels:
    """The labels of the registry and of its projects."""

    def __init__(self, store: LabelStore) -> None:
        self._store = store

    def create(self, project_id: int, text: LabelText, *, now: int) -> Label:
        """Make a label of a project (0: of the registry). Raises BAD_REQUEST, CONFLICT."""
        text.check()
        label = self._store.create(project_id, text, now=now)
        if label is None:
            raise _taken(text.name)
        return label

    def find(self, label_id: int) -> Label:
        """Read a label. Raises NOT_FOUND."""
        label = self._store.find(label_id)
        if label is None:
            raise RegistryError("NOT_FOUND", message=f"label {label_id} not found")
        return label

    def change(self, label: Label, text: LabelText, *, now: int) -> None:
        """Give a label other words. Of several at the same time the last wins. Raises BAD_REQUEST, NOT_FOUND, CONFLICT."""
        text.check()
        for _ in range(_TRIES):
            try:
                if self._store.change(label, text, now=now):
                    return
            except LabelChanged:
                label = self.find(label.label_id)
            else:
                raise _taken(text.name)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def delete(self, label: Label) -> None:
        """Remove a label; artifacts that had it have it no longer. Raises NOT_FOUND."""
        for _ in range(_TRIES):
            if self._store.delete(label):
                return
            label = self.find(label.label_id)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})


def _taken(name: str) -> RegistryError:
    return RegistryError("CONFLICT", message=f"label {name} already exists")
