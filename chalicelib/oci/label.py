"""A label: a name and a colour that artifacts are marked with, of the whole registry or of one project.

Source: Harbor `src/pkg/label/model/label.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.errors import RegistryError

GLOBAL, PROJECT = "g", "p"
"""Scopes."""
NAME_MAX_CHARACTERS, COLOR_MAX_CHARACTERS, DESCRIPTION_MAX_CHARACTERS = 128, 16, 1024


class LabelText(NamedTuple):
    """What people write into a label."""

    name: str
    description: str = ""
    color: str = ""
    """As the portal takes it, `#0065AB`; any text of 16 characters."""

    def check(self) -> None:
        """Raises BAD_REQUEST for what cannot be a label's."""
        for field, value, most in zip(self._fields, self, _MOST, strict=True):
            if len(value) > most:
                raise RegistryError("BAD_REQUEST", message=f"the label's {field} may have {most} characters")
        if not self.name.strip():
            raise RegistryError("BAD_REQUEST", message="the label's name cannot be empty")


_MOST = (NAME_MAX_CHARACTERS, DESCRIPTION_MAX_CHARACTERS, COLOR_MAX_CHARACTERS)


class Label(NamedTuple):
    """A label. Times are Unix seconds."""

    label_id: int
    project_id: int
    """0: it is the registry's, and every project may use it."""
    text: LabelText
    created_at: int
    updated_at: int

    @property
    def scope(self) -> str:
        """Harbor's letter for whose it is."""
        return PROJECT if self.project_id else GLOBAL

    def is_for(self, project_id: int) -> bool:
        """Say whether artifacts of a project may have it."""
        return self.project_id in (0, project_id)


class LabelRow(NamedTuple):
    """A label as its list has it: enough to page, sort and filter."""

    label_id: int
    name: str
    created_at: int
    updated_at: int


class LabelStore(Protocol):
    """Labels. Project 0 stands for the registry."""

    def create(self, project_id: int, text: LabelText, *, now: int) -> Label | None:
        """Make a label under a new id; None when there is one of the name. Raises BAD_REQUEST when the project is gone. One
        number, one transaction."""

    def find(self, label_id: int) -> Label | None:
        """Read a label. One read."""

    def load(self, label_ids: Iterable[int]) -> Mapping[int, Label]:
        """Read labels; absent ones are absent. One batch read per hundred."""

    def change(self, label: Label, text: LabelText, *, now: int) -> bool:
        """Give a label that is as it was read other words. False when another one has the name. Raises LabelChanged.
        One transaction."""

    def delete(self, label: Label) -> bool:
        """Remove a label that has its name still. False when it has not. Artifacts keep its number, which means nothing then.
        One transaction."""

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[LabelRow], int]:
        """Read a page by id, and how many there are. Two queries."""

    def rows(self, project_id: int) -> Sequence[LabelRow]:
        """Read all rows, for filters and other orders. One query per 5,000."""


class LabelChanged(Exception):
    """The label was changed or deleted by somebody else since it was read."""
