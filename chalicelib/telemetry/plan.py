"""What a process tells about itself, chosen once at its start."""

from __future__ import annotations

from typing import NamedTuple

_CONTAINERS = frozenset({"uploads", "scans"})


class Plan(NamedTuple):
    """The choice. `duty` is which function or container this is."""

    service: str = "moorage"
    duty: str = ""
    level: str = "INFO"
    has_metrics: bool = False
    has_traces: bool = False
    xray_daemon: str = ""
    region: str = ""

    @property
    def is_container(self) -> bool:
        """A process that stays: nobody samples its requests before it, and its first one is no cold start."""
        return self.duty in _CONTAINERS

    @property
    def has_lines(self) -> bool:
        """Whether each request gets a line."""
        return self.has_metrics or self.level == "DEBUG"


_chosen = [Plan()]
_is_silent = [True]


def choose(plan: Plan) -> None:
    """Decide for this process."""
    _chosen[0], _is_silent[0] = plan, not (plan.has_lines or plan.has_traces)


def chosen() -> Plan:
    """What was decided; before that, nothing but logs."""
    return _chosen[0]


def is_silent() -> bool:
    """Whether nothing is measured. Asked at every call to AWS."""
    return _is_silent[0]
