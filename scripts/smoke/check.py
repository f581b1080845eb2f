"""What a check is, and running them in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scripts.smoke.registry import Registry
from scripts.smoke.report import FAIL, PASS, SKIPPED, Failed, Outcome, Skipped
from scripts.smoke.wire import Unreachable

Work: TypeAlias = Callable[[Registry], str]


@dataclass(frozen=True)
class Check:
    """`run` returns what was seen, or raises `Failed` or `Skipped`. `promise` is what must be so."""

    name: str
    promise: str
    run: Work


class Suite:
    """Checks of one subject, in the order they are written."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def check(self, name: str, promise: str) -> Callable[[Work], Work]:
        """Add a function as a check."""

        def add(work: Work) -> Work:
            self.checks.append(Check(name, promise, work))
            return work

        return add


def run(checks: Sequence[Check], registry: Registry) -> Iterator[Outcome]:
    """Make the checks one after the other; one that fails does not keep the next from being made."""
    for check in checks:
        started = time.monotonic()
        try:
            state, detail = PASS, check.run(registry)
        except Failed as failure:
            state, detail = FAIL, str(failure)
        except Skipped as reason:
            state, detail = SKIPPED, str(reason)
        except Unreachable as error:
            state, detail = FAIL, str(error)
        yield Outcome(check.name, check.promise, state, detail, round(time.monotonic() - started, 2))
