"""What the checks found: one outcome each, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

PASS, FAIL, SKIPPED = "pass", "FAIL", "skipped"


class Failed(Exception):
    """What a check demands is not so; the message says what was seen instead."""


class Skipped(Exception):
    """A check cannot be made here; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """One check's verdict. `detail` is what was seen, or the reason."""

    check: str
    promise: str
    state: str
    detail: str
    seconds: float


def demand(is_so: object, seen: str) -> None:
    """Raise `Failed` with what was seen instead, unless it is so."""
    if not is_so:
        raise Failed(seen)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when nothing failed and something passed, else 1."""
    states = {outcome.state for outcome in outcomes}
    return 0 if FAIL not in states and PASS in states else 1


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each check, what failed again at the end."""
    width = max((len(outcome.check) for outcome in outcomes), default=0)
    lines = [
        f"{outcome.state:8}{outcome.check:{width}}  {outcome.seconds:6.1f}s  {outcome.detail}" for outcome in outcomes
    ]
    count = {state: sum(outcome.state == state for outcome in outcomes) for state in (PASS, FAIL, SKIPPED)}
    lines.append(f"\n{count[PASS]} passed, {count[FAIL]} failed, {count[SKIPPED]} skipped")
    lines += [f"{FAIL}  {o.check}: {o.promise}\n      seen: {o.detail}" for o in outcomes if o.state == FAIL]
    return "\n".join(lines)


def as_json(registry: str, outcomes: Sequence[Outcome]) -> str:
    """The same for programs."""
    return json.dumps({"registry": registry, "checks": [asdict(outcome) for outcome in outcomes]}, indent=2)
