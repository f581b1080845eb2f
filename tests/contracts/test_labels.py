"""What every LabelStore promises: run on the fake and on DynamoDB as the emulator plays it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.aws import keys
from chalicelib.aws.labels import DynamoLabels
from chalicelib.aws.table import Table
from chalicelib.aws.tables import NameItem
from chalicelib.oci.label import Label, LabelChanged, LabelStore, LabelText
from tests.fakes.labels import FakeLabels


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Any:
    return FakeLabels() if request.param == "fake" else DynamoLabels(request.getfixturevalue("table"))


@pytest.fixture
def project_id(table: Table) -> int:
    """A project that is there, and so is the next."""
    number = uuid.uuid4().int % 10**9 + 1
    for found in (number, number + 1):
        table.write([table.put(NameItem(keys.project_id(found), keys.NAME, name="team"))])
    return number


def make(store: LabelStore, project_id: int, name: str = "") -> Label:
    label = store.create(project_id, LabelText(name or uuid.uuid4().hex, "text", "#FFF"), now=5)
    assert label is not None
    return label


def test_a_label_is_found_as_it_was_made(store: LabelStore, project_id: int) -> None:
    label = make(store, project_id)
    assert store.find(label.label_id) == label
    assert store.load([label.label_id, 10**15]) == {label.label_id: label}
    assert store.load([]) == {}
    assert (label.created_at, label.updated_at, label.scope) == (5, 5, "p")


def test_a_name_is_given_once_a_project_and_free_again_after(store: LabelStore, project_id: int) -> None:
    label = make(store, project_id, "a")
    assert store.create(project_id, LabelText("a"), now=6) is None
    make(store, project_id + 1, "a")
    other = make(store, project_id, "b")
    assert not store.change(other, LabelText("a"), now=6)
    assert store.change(label, LabelText("c"), now=6)
    make(store, project_id, "a")
    renamed = store.find(label.label_id)
    assert renamed is not None
    assert store.delete(renamed)
    make(store, project_id, "c")


def test_a_change_of_what_was_changed_meanwhile_is_refused(store: LabelStore, project_id: int) -> None:
    label = make(store, project_id)
    assert store.change(label, label.text._replace(description="new"), now=6)
    with pytest.raises(LabelChanged):
        store.change(label, LabelText("late"), now=7)
    assert store.delete(label), "the name is the same, and that is what a deletion asks for"
    assert not store.delete(label)
    with pytest.raises(LabelChanged):
        store.change(label, LabelText("late"), now=7)


def test_pages_are_by_id_with_their_total(store: LabelStore, project_id: int) -> None:
    made = [make(store, project_id, f"l{number}") for number in range(5)]
    ids = [label.label_id for label in made]

    def page(offset: int, limit: int, is_descending: bool) -> list[int]:
        rows, total = store.page(project_id, offset, limit, is_descending)
        assert total == 5
        return [row.label_id for row in rows]

    assert page(0, 2, False) == ids[:2]
    assert page(4, 2, False) == ids[4:]
    assert page(1, 2, True) == ids[::-1][1:3]
    assert page(9, 2, False) == []
    assert [(row.label_id, row.name) for row in store.rows(project_id)] == [(one.label_id, one.text.name) for one in made]
    assert store.delete(made[0])
    assert store.page(project_id, 0, 1, False)[1] == 4
