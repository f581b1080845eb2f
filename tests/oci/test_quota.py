"""The rules of quotas: nothing is lost in dividing, lending and giving back, and refusals speak Harbor's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.oci import quota
from chalicelib.oci.quota import SHARDS, UNLIMITED, Shard, Usage

BYTES = st.integers(0, 2**50)
ROOMS = st.lists(st.integers(-(2**40), 2**40), min_size=SHARDS, max_size=SHARDS)


@given(st.integers(-(2**60), 2**60))
def test_bytes_are_divided_exactly_and_evenly(total: int) -> None:
    parts = quota.spread(total)
    assert (len(parts), sum(parts)) == (SHARDS, total)
    assert max(parts) - min(parts) <= 1


@given(ROOMS, st.integers(0, SHARDS - 1), BYTES)
def test_room_is_lent_exactly_when_there_is_enough_in_all(rooms: list[int], borrower: int, size: int) -> None:
    shards = [Shard(0, room) for room in rooms]
    lenders = quota.lend(shards, borrower, size)
    if sum(rooms) < size:
        assert lenders is None
        return
    assert lenders is not None
    assert borrower not in lenders
    assert all(0 < give <= rooms[lender] for lender, give in lenders.items())
    assert rooms[borrower] + sum(lenders.values()) >= size
    assert sum(lenders.values()) == max(size - rooms[borrower], 0)


@given(ROOMS, st.integers(1, 2**50))
def test_a_lowered_limit_is_given_up_exactly_and_by_those_who_have(rooms: list[int], total: int) -> None:
    gives = quota.give_back([Shard(0, room) for room in rooms], total)
    assert sum(gives) == total
    held = [max(room, 0) for room in rooms]
    if sum(held) >= total:
        assert all(0 <= give <= room for give, room in zip(gives, held, strict=True))
    else:
        assert all(give >= room for give, room in zip(gives, held, strict=True))


def test_a_refusal_says_what_harbor_says() -> None:
    error = quota.exceeded(Usage(10 * 2**20, 8_703_181), 2_202_010)
    assert (error.status, error.code) == (403, "DENIED")
    assert error.message == (
        "adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed the configured "
        "upper limit of 10.0 MiB."
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (100, "100 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (3 * 2**29, "1.5 GiB"), (2**60, "1.0 EiB")],
)
def test_bytes_are_written_as_harbor_writes_them(size: int, text: str) -> None:
    assert quota.display(size) == text


@pytest.mark.parametrize(
    ("limit", "used", "is_warning"), [(100, 84, False), (100, 85, True), (100, 120, True), (UNLIMITED, 2**50, False)]
)
def test_a_warning_is_due_at_85_percent(limit: int, used: int, is_warning: bool) -> None:
    assert quota.is_warning(Usage(limit, used)) is is_warning


@pytest.mark.parametrize(
    ("limit", "is_limit"), [(-1, True), (1, True), (2**50, True), (0, False), (-2, False), (2**50 + 1, False)]
)
def test_which_limits_there_are(limit: int, is_limit: bool) -> None:
    assert quota.is_limit(limit) is is_limit
