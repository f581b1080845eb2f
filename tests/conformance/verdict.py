"""Reads the suite's junit.xml and says what stands between us and conformance."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_ROOT = "OCI Conformance Test"
# The suite writes `skipped` for "the registry cannot", with the reason, and for "this version does not ask", without one.
# 1.1 asks for everything but these; the development version asks for them, too.
NOT_ASKED_IN_1_1 = frozenset(f"{algorithm} blobs/post cancel/blob-post-cancel" for algorithm in ("sha256", "sha512"))


@dataclass(frozen=True)
class Check:
    """One leaf of the suite's tree."""

    name: str
    status: str
    reason: str

    @property
    def is_disabled(self) -> bool:
        """Whether the chosen version of the specification does not have it."""
        return self.status == "skipped" and not self.reason and self.name in NOT_ASKED_IN_1_1

    @property
    def is_problem(self) -> bool:
        """Whether it counts against us: failures, errors and skips alike."""
        return self.status != "passed" and not self.is_disabled


def read(junit: Path) -> list[Check]:
    """Every check of a run. Raises ValueError for a report without checks: a suite that did not run is no success."""
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    checks = [
        Check(
            case.get("name", "").removeprefix(f"{_ROOT}/"),
            case.get("status", ""),
            " ".join((case.findtext("system-out") or "").split()),
        )
        for case in cases
    ]
    if not checks:
        raise ValueError(f"{junit} holds no checks")
    return checks


def summary(checks: list[Check]) -> str:
    """The counts, as one line."""
    counts = Counter("disabled" if check.is_disabled else check.status for check in checks)
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))


def problems(checks: list[Check]) -> list[str]:
    """One line for each check that counts against us."""
    return [f"{check.status}: {check.name}: {check.reason}" for check in checks if check.is_problem]
