"""Patterns of trust policies: a wildcard never reaches over a separator its author did not write."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac.pattern import literal_units, matches, problem


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("acme/app", "acme/app"),
        ("acme/*", "acme/app"),
        ("acme/app-*", "acme/app-"),
        ("*", "v1.0"),
        ("v*.*", "v1.0.2"),
        ("**", "a"),
        ("**", "a/b:c"),
        ("acme/**", "acme/a/b/c"),
        ("**/app", "acme/deep/app"),
        ("a/**/z", "a/b/c/z"),
        ("a/**/b/**/c", "a/b/b/x/c"),
        ("repo:acme/app:ref:refs/heads/*", "repo:acme/app:ref:refs/heads/main"),
        ("repo:acme/app:**", "repo:acme/app:environment:prod"),
        ("*a*b*", "xxaxxbxx"),
        ("Production EU", "Production EU"),
    ],
)
def test_matches(pattern: str, text: str) -> None:
    assert problem(pattern) is None
    assert matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("acme/app", "acme/app2"),
        ("acme/app", "Acme/app"),
        ("acme/app", "xacme/app"),
        ("acme/*", "acme/app/evil"),
        ("acme/*", "acme-evil/app"),
        ("acme/*", "acme"),
        ("*", "a/b"),
        ("*", "a:b"),
        ("*/app", "a/b/app"),
        ("acme/**", "acme"),
        ("acme/**", "acmex/app"),
        ("acme/**", "acme:app"),
        ("a/**/z", "a/z"),
        ("repo:acme/*", "repo:acme/app:ref:refs/heads/main"),
        ("repo:acme/app:ref:refs/heads/*", "repo:acme/app:ref:refs/heads/feature/x"),
        ("repo:acme/app:ref:refs/heads/*", "repo:acme/app:environment:refs/heads/x"),
        ("repo:*:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main"),
        ("refs/heads/main", "refs/heads/main\n"),
        ("v1.0", "v1x0"),
        ("a.c", "abc"),
        ("v*", ""),
    ],
)
def test_matches_nothing_else(pattern: str, text: str) -> None:
    assert not matches(pattern, text)


BROKEN = ["", "a" * 256, "a?", "[ab]", "{a,b}", "a\\b", "^a", "a\nb", "a\x00", "a**", "**a", "***", "a/b**"]
UNITS = [("*", 0), ("acme/*", 1), ("acme*/x", 0), ("repo:acme/*", 2), ("repo:*", 1), ("a/b", 3)]


@pytest.mark.parametrize("pattern", BROKEN)
def test_what_would_mean_something_elsewhere_is_refused(pattern: str) -> None:
    assert problem(pattern)


@pytest.mark.parametrize(("pattern", "units"), UNITS)
def test_literal_units(pattern: str, units: int) -> None:
    assert literal_units(pattern) == units


TEXT = st.text("ab/:", max_size=12)


@given(st.text("ab/:*", min_size=1, max_size=10).filter(lambda pattern: problem(pattern) is None), TEXT)
def test_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    """The same language, written the way that is too slow for strangers."""
    parts = re.split(r"(\*\*|\*)", pattern)
    expression = "".join({"**": r"[^/:]*(?:[/:][^/:]*)*", "*": "[^/:]*"}.get(part, re.escape(part)) for part in parts)
    assert matches(pattern, text) == bool(re.fullmatch(expression, text))


@given(TEXT.filter(bool))
def test_a_pattern_without_wildcards_matches_itself_alone(text: str) -> None:
    assert matches(text, text)
    assert not matches(text, text + "a")


def test_no_pattern_is_slow() -> None:
    started = time.perf_counter()
    assert not matches("*a" * 127, "a" * 1024 + "b")
    assert not matches("**/a/" * 50 + "b", "a/" * 500)
    assert time.perf_counter() - started < 0.5
