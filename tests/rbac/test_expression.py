"""Patterns of administrators: those that a name could keep busy for ever are refused, and what people write is taken."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac.expression import problem

NAMES = [sign * 255 + end for sign in ("a", "ab", "a-") for end in ("", "!")]


@pytest.mark.parametrize(
    "pattern", ["", "^team-.*$", ".*harbor.*", "(?i)^(dev|ops)-[a-z]+$", "a{3}", "(?:ab){2}", r"^\w+-\w+-\w+$", "(a|b)*"]
)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert problem(pattern) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a*)*$", "(a|aa)+$", "(?:a|ab)*!", "(a?){30}a{30}", "((a{1,9}){1,9}){1,9}!",
        "a?" * 30 + "a" * 30, "(a|aa)" * 30 + "!", ".*.*.*.*!", r"(\w+-)+x", "(?=(a+)+!)", "(?>(a+)+!)",
    ],
)  # fmt: skip
def test_what_explodes_is_refused(pattern: str) -> None:
    assert problem(pattern)


def test_what_is_no_expression_is_refused() -> None:
    for pattern in ("(", "*", "[a", "(?P<x>a)(?P<x>b)", "(" * 5000 + ")" * 5000):
        assert problem(pattern) == "must be a regular expression"


@given(st.lists(st.sampled_from(["a", "b", ".", "-", "*", "+", "?", "{1,9}", "(", ")", "|", "[ab]", "^", "$"]), max_size=14))
def test_whatever_is_taken_is_done_soon(parts: list[str]) -> None:
    pattern = "".join(parts)
    if problem(pattern):
        return
    found, started = re.compile(pattern), time.process_time()
    for name in NAMES:
        found.search(name[-80:])
    assert time.process_time() - started < 2
