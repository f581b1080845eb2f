"""Pages of the audit log, whatever its hours are like: any page holds what counting row by row would find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events import Event
from chalicelib.notify.hours import first_key, hour_of, hour_starts_at, key_of, last_key
from chalicelib.notify.log_ports import Entry, Hour, Marks
from chalicelib.notify.trail import FEW_ROWS, LAST, SEARCH_ROWS, Trail, alive

START = 1_799_996_400  # the beginning of an hour
EVENT = Event("pull", "artifact", "team/app:v1", "ann")
NEVER = 1 << 40


class FakeStore:
    """A log of hours with so many rows, one a microsecond; marked hours have marks."""

    def __init__(self, hours: Sequence[int], *, step: int = 0, ends_at: int = NEVER) -> None:
        self.step, self.ends_at, self.hours_with = step, ends_at, hours
        self.entries = [
            Entry(f"{key_of(at_us)}a", at_us, at_us, EVENT)
            for number, rows in enumerate(hours)
            for at_us in range((START + number * 3600) * 1_000_000, (START + number * 3600) * 1_000_000 + rows)
        ]
        self.read = 0

    def hours(self, logs: Sequence[str]) -> Sequence[Hour]:
        named = [(hour_of(START + number * 3600), rows) for number, rows in enumerate(self.hours_with) if rows]
        return [Hour(hour, rows, self.ends_at) for hour, rows in named]

    def marks(self, log: str, hour: str) -> Marks | None:
        keys = [entry.key for entry in self.entries if first_key(hour) < entry.key < last_key(hour)]
        return Marks(self.step, keys[:: self.step]) if self.step else None

    def rows(
        self, logs: Sequence[str], first: str, last: str, *, is_newest_first: bool, wanted: int | None = None
    ) -> Iterator[Entry]:
        for entry in self.entries[::-1] if is_newest_first else self.entries:
            if first <= entry.key <= last:
                self.read += 1
                yield entry


@given(
    hours=st.lists(st.integers(0, 12) | st.integers(FEW_ROWS, FEW_ROWS + 40), max_size=5),
    step=st.sampled_from([0, 1, 7, 50, 400]),
    offset=st.integers(0, 700),
    limit=st.integers(0, 30),
    is_newest_first=st.booleans(),
)
def test_a_page_is_what_counting_rows_finds(
    hours: list[int], step: int, offset: int, limit: int, is_newest_first: bool
) -> None:
    store = FakeStore(hours, step=step)
    entries, total = Trail(store).page(
        ["*"], offset, limit, is_newest_first=is_newest_first, keep_days=90, now=START + 20 * 3600
    )
    every = store.entries[::-1] if is_newest_first else store.entries
    assert total == len(every)
    assert list(entries) == every[offset : offset + limit]


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_a_marked_hour_is_not_read_row_by_row(is_newest_first: bool) -> None:
    store = FakeStore([3, 10_000, 3], step=100)
    for offset in (0, 1, 50, 4_999, 5_000, 9_999, 10_001):
        store.read = 0
        Trail(store).page(["*"], offset, 10, is_newest_first=is_newest_first, keep_days=90, now=START + 9 * 3600)
        assert store.read <= 110


@pytest.mark.parametrize(
    ("ends_at", "keep_days", "now", "is_alive"),
    [
        (NEVER, 1, START + 86400, True),
        (NEVER, 1, START + 3600 + 86400 - 1, True),
        (NEVER, 1, START + 3600 + 86400, False),
        (START + 7200, 90, START + 7199, True),
        (START + 7200, 90, START + 7200, False),
    ],
)
def test_an_hour_ends_with_the_retention_or_with_its_rows(
    ends_at: int, keep_days: int, now: int, is_alive: bool
) -> None:
    hour = Hour(hour_of(START), 5, ends_at)
    assert alive([hour], keep_days, now) == ([hour] if is_alive else [])


def test_a_search_looks_at_so_many_rows_and_says_when_there_were_more() -> None:
    for rows, is_whole in ((SEARCH_ROWS, True), (SEARCH_ROWS + 1, False)):
        store = FakeStore([rows])
        found = Trail(store).search(["*"], "", LAST, is_newest_first=True, keep_days=90, now=START + 3600)
        assert (len(found.entries), found.is_whole) == (SEARCH_ROWS, is_whole)
        assert found.entries[0] == store.entries[-1]
        assert store.read <= SEARCH_ROWS + 1


def test_a_search_keeps_to_its_time_and_to_the_retention() -> None:
    store = FakeStore([5, 5, 5])
    trail = Trail(store)
    second = key_of((START + 3600) * 1_000_000)
    third = key_of((START + 7200) * 1_000_000)
    search = lambda first, last, now: trail.search(["*"], first, last, is_newest_first=False, keep_days=1, now=now)  # noqa: E731
    assert search(second, third, START + 9000).entries == tuple(store.entries[5:10])
    assert search(third, second, START + 9000).entries == ()
    assert search("", LAST, START + 86400 + 3600).entries == tuple(store.entries[5:])
    assert search("", LAST, START + 99 * 86400).entries == ()


@given(st.integers(0, 4_000_000_000))
def test_hours_order_as_time_does(at: int) -> None:
    hour = hour_of(at)
    assert hour_starts_at(hour) <= at < hour_starts_at(hour) + 3600
    assert first_key(hour) <= f"{key_of(at * 1_000_000)}a" < last_key(hour)
    assert hour < hour_of(at + 3600)
