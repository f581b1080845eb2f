"""Patterns of a trust policy: which names and claims an operator meant.

Not regular expressions, and stricter than most globs: `*` stands for any characters but `/` and `:`, `**` for one or more whole
components. So a pattern never reaches over a separator that its author did not write: `acme/*` is the repositories of acme and
nobody else's, `repo:acme/app:ref:refs/heads/*` no tag and no environment. Everything else stands for itself, and upper case is
not lower case. Costs no more than the length of the pattern times the length of the text. Pure.
"""

from __future__ import annotations

import re

ANY = "**"
MAX_CHARACTERS = 255
_SPLIT = re.compile(r"(?=[/:])")
_FORBIDDEN = re.compile(r"[?\[\]{}\\^]")


def problem(pattern: str) -> str | None:
    """Say what is wrong with a pattern, in a sentence for its author; None when nothing is."""
    if not 1 <= len(pattern) <= MAX_CHARACTERS:
        return f"a pattern has 1 to {MAX_CHARACTERS} characters"
    if not pattern.isprintable() or _FORBIDDEN.search(pattern):
        return f"{pattern!r}: the only wildcards are * and **; ? [ ] {{ }} \\ and ^ are not allowed, write several patterns"
    if any(ANY in unit and unit.lstrip("/:") != ANY for unit in _units(pattern)):
        return f"{pattern!r}: ** stands for whole components only, with / or : on either side"
    return None


def matches(pattern: str, text: str) -> bool:
    """Say whether the whole text is what the pattern means."""
    wanted, found = _units(pattern), _units(text)
    at, index, star, resume = 0, 0, -1, 0
    while index < len(found):
        if at < len(wanted) and wanted[at].lstrip("/:") == ANY and _separator(wanted[at]) == _separator(found[index]):
            star, at, index = at, at + 1, index + 1
            resume = index
        elif at < len(wanted) and wanted[at].lstrip("/:") != ANY and _is_match(wanted[at], found[index]):
            at, index = at + 1, index + 1
        elif star >= 0:
            resume += 1
            at, index = star + 1, resume
        else:
            return False
    return at == len(wanted)


def literal_units(pattern: str) -> int:
    """Count the components before the first wildcard; all of them, and one more, when there is no wildcard."""
    units = _units(pattern)
    for number, unit in enumerate(units):
        if "*" in unit:
            return number
    return len(units) + 1


def _units(text: str) -> list[str]:
    """Components, each with the separator in front of it."""
    return _SPLIT.split(text)


def _separator(unit: str) -> str:
    return unit[:1] if unit[:1] in ("/", ":") else ""


def _is_match(pattern: str, text: str) -> bool:
    """Match within one component, greedily with one step back: enough, since all `*` are alike."""
    at, index, star, resume = 0, 0, -1, 0
    if _separator(pattern) != _separator(text):
        return False
    while index < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, at, resume = at, at + 1, index
        elif at < len(pattern) and pattern[at] == text[index]:
            at, index = at + 1, index + 1
        elif star >= 0:
            resume += 1
            at, index = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""
