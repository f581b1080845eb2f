"""What robots need from the outside. `chalicelib.aws` implements it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from chalicelib.rbac.model import Project, Robot
from chalicelib.rbac.robot import RobotRow


class RobotStore(Protocol):
    """Robots of the system (project 0) and of projects. Reads are strongly consistent."""

    def create(self, robot: Robot) -> Robot | None:
        """Store a new robot under a new id, which is never used twice; None when the name is taken or the project is gone."""

    def find(self, robot_id: int) -> Robot | None:
        """Find a robot by id."""

    def save(self, before: Robot, after: Robot) -> bool:
        """Write a changed robot; False when it is no longer as it was read."""

    def remove(self, robot: Robot) -> bool:
        """Remove a robot; False when somebody else did."""

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[RobotRow], int]:
        """Read a page of robots by name, and how many there are."""

    def every(self, project_id: int) -> Sequence[RobotRow]:
        """Read all rows."""

    def load(self, names: Iterable[str]) -> dict[str, Robot]:
        """Read robots; those that are not there are absent."""

    def clear(self, project: Project, limit: int) -> bool:
        """Take some robots of a removed project away; True when none is left."""
