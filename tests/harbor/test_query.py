"""`q` and `sort`: Harbor's grammar, and never anything but an answer or BAD_REQUEST."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.harbor.query import Criterion, Kind, Order, matches, parse_q, parse_sort, selected

ROWS = [
    {"name": "alpha", "size": 10, "public": True, "labels": [1, 2], "at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"name": "beta", "size": 9, "public": False, "labels": [2], "at": datetime(2026, 2, 1, tzinfo=UTC)},
    {"name": "Alphabet", "size": None, "public": False, "labels": [], "at": datetime(2026, 3, 1, tzinfo=UTC)},
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, "alpha beta Alphabet"),
        ("name=alpha", "alpha"),
        ("name=~ALPHA", "alpha Alphabet"),
        ("size=[9~10]", "alpha beta"),
        ("size=[~9]", "beta Alphabet"),
        ("size=[10~]", "alpha"),
        ("name={alpha beta}", "alpha beta"),
        ("labels={1 7}", "alpha"),
        ("labels=(1 2)", "alpha"),
        ("labels=(2)", "alpha beta"),
        ("public=true", "alpha"),
        ("public=0", "beta Alphabet"),
        ("at=[2026-01-15T00:00:00~2026-02-15T00:00:00]", "beta"),
        ("name=~a,public=false", "beta Alphabet"),
        ("name%3Dbeta", "beta"),
        ("unknown=1", "alpha beta Alphabet"),
        ("name=\\~x", ""),
        ('name={"alpha"}', "alpha"),
    ],
)
def test_q_selects(text: str | None, names: str) -> None:
    assert " ".join(row["name"] for row in selected(ROWS, dict, parse_q(text), ())) == names  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["name", "=x", "name=", "a=1,,b=2", "a=[1]", "a=[~]", "a=[1~2", "a={1", "a=(1", "a=~", "a=[1~2~3]"]
)
def test_a_q_without_sense_is_a_bad_request(text: str) -> None:
    with pytest.raises(RegistryError) as refused:
        parse_q(text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "text", [",".join(["name=~a"] * 201), f"name={{{'a ' * 201}}}", f"name=({'a ' * 150}),name={{{'b ' * 51}}}"]
)
def test_so_many_values_are_refused_that_comparing_them_would_take_seconds(text: str) -> None:
    with pytest.raises(RegistryError) as refused:
        parse_q(text)
    assert refused.value.status == 400
    assert len(parse_q(",".join(["name=~a"] * 200))) == 200


def test_list_is_sorted_by_a_field_once() -> None:
    """What comes second by the same field decides nothing, and each time is a pass over the list."""
    assert parse_sort(",".join(["name,-size,-name"] * 200)) == (Order("name"), Order("size", True))


def test_sort_is_by_several_fields_and_stable() -> None:
    assert parse_sort("name,-size") == (Order("name"), Order("size", True))
    assert [row["name"] for row in selected(ROWS, dict, (), parse_sort("-size"))] == ["alpha", "beta", "Alphabet"]
    assert [row["name"] for row in selected(ROWS, dict, (), parse_sort("size"))] == ["Alphabet", "beta", "alpha"]
    assert [row["name"] for row in selected(ROWS, dict, (), parse_sort("public,-name"))] == [
        "beta",
        "Alphabet",
        "alpha",
    ]
    assert selected(ROWS, dict, (), parse_sort("nothing,-,,")) == ROWS


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_q_and_sort_gives_rows_or_a_bad_request(q: str, sort: str) -> None:
    try:
        criteria = parse_q(q)
    except RegistryError as error:
        assert error.status == 400
        return
    assert len(selected(ROWS, dict, criteria, parse_sort(sort))) <= len(ROWS)


@given(
    st.sampled_from(list(Kind)),
    st.lists(
        st.one_of(st.text(), st.integers(), st.none(), st.datetimes(timezones=st.just(UTC))), min_size=2, max_size=2
    ),
)
def test_any_criterion_meets_any_value(kind: Kind, values: list[str]) -> None:
    for field in ROWS[0]:
        assert matches(ROWS[0], [Criterion(field, kind, tuple(values))]) in (True, False)
