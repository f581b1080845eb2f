"""Cron expressions: when they come, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.notify.cron import CronError, parse


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("cron", "after", "wanted"),
    [
        ("0 0 * * * *", "2026-11-24 13:58:05", "2026-11-24 14:00:00"),
        ("0 0 * * * *", "2026-11-24 14:00:00", "2026-11-24 15:00:00"),
        ("0 0 0 * * *", "2026-12-31 13:00:00", "2027-01-01 00:00:00"),
        ("0 0 0 * * 0", "2026-11-24 00:00:00", "2026-11-29 00:00:00"),
        ("0 0 0 * * SUN", "2026-11-24 00:00:00", "2026-11-29 00:00:00"),
        ("0 30 2 1 * ?", "2026-11-24 00:00:00", "2026-12-01 02:30:00"),
        ("0 0 0 1 * mon", "2026-11-24 00:00:00", "2026-11-30 00:00:00"),
        ("0 0 0 30 * mon", "2026-11-30 00:00:00", "2026-12-07 00:00:00"),
        ("0 */15 8-10 * * 1-5", "2026-11-27 10:50:00", "2026-11-30 08:00:00"),
        ("0 5/20 * * * *", "2026-11-24 13:26:00", "2026-11-24 13:45:00"),
        ("0 0 12 29 feb *", "2026-11-24 00:00:00", "2028-02-29 12:00:00"),
        ("0 1,2,3 0 * * *", "2026-11-24 00:01:30", "2026-11-24 00:02:00"),
    ],
)
def test_the_next_time_is_found(cron: str, after: str, wanted: str) -> None:
    assert parse(cron).next_after(at(after)) == at(wanted)


def test_what_never_comes_has_no_next_time() -> None:
    assert parse("0 0 0 30 2 *").next_after(at("2026-11-24 00:00:00")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 2 3",
        "0 0 * * *",
        "1 0 0 1 1 0",
        "* 0 0 1 1 0",
        "0 60 * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * 7",
        "0 5-2 * * * *",
        "0 */0 * * * *",
        "0 *-3 * * * *",
        "0 a * * * *",
        "0 1,,2 * * * *",
        "@daily",
        "0 -1 * * * *",
        "0 \u0661 * * * *",
        "0 0 * * * * *",
        "0 " + "1," * 200 + "1 * * * *",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(CronError):
        parse(text)


@given(st.text(max_size=40) | st.from_regex(r"0( [0-9*?,/a-z-]{1,6}){5}", fullmatch=True))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        cron = parse(text)
    except CronError:
        return
    now = at("2026-11-24 13:58:05")
    following = cron.next_after(now)
    assert following is None or (following > now and following % 60 == 0)
