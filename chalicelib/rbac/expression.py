"""Regular expressions of administrators, and which of them are taken: those that cannot take for ever.

Python tries one way through a text after the other, and the texts (names of groups) are other people's: one name can keep
`(a+)+$` busy for years. Harbor has no such limit, since Go's engine goes all ways at once. Pure.
Source: OWASP "Regular expression Denial of Service".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_CHOICES = frozenset({"BRANCH", "GROUPREF", "GROUPREF_EXISTS"})
_MAX_REPEATS, _MAX_CHOICES = 3, 4
_parse = re._parser.parse  # type: ignore[attr-defined]  # what reads patterns, and says what they mean


def problem(pattern: str) -> str:
    """Say what is wrong with a pattern, in words that follow its name; "" when nothing is."""
    try:
        re.compile(pattern)
        repeats, choices, is_nested = _count(_parse(pattern), is_repeated=False)
    except (re.error, RecursionError, OverflowError):
        return "must be a regular expression"
    if is_nested:
        return "must not repeat what repeats or chooses itself, as (a+)+ does"
    if repeats > _MAX_REPEATS or choices > _MAX_CHOICES:
        return f"may repeat something at {_MAX_REPEATS} places, and choose at {_MAX_CHOICES}"
    return ""


def _count(items: Iterable[Any], *, is_repeated: bool) -> tuple[int, int, bool]:
    """Count where a pattern can go more than one way: by repeating, by choosing; and say whether it does so again and again."""
    repeats, choices, is_nested = 0, 0, False
    for operator, argument in items:
        name, is_again = str(operator), is_repeated
        if name in _REPEATS:
            low, high, _ = argument
            is_again = is_repeated or high > 1
            repeats, is_nested = repeats + (high > low), is_nested or (is_repeated and high > low)
        elif name in _CHOICES:
            choices, is_nested = choices + 1, is_nested or is_repeated
        for part in _parts(argument):
            more_repeats, more_choices, is_deeper = _count(part, is_repeated=is_again)
            repeats, choices, is_nested = repeats + more_repeats, choices + more_choices, is_nested or is_deeper
    return repeats, choices, is_nested


def _parts(argument: Any) -> Iterable[Any]:
    """The patterns within an operator's argument, wherever they are in it."""
    if isinstance(argument, re._parser.SubPattern):  # type: ignore[attr-defined]
        yield argument
    elif isinstance(argument, (tuple, list)):
        for item in argument:
            yield from _parts(item)
