"""Robots: made, changed and removed by who has the right, and never with more rights than who makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac import passwords, robot_names
from chalicelib.rbac.model import Facts, Project, Robot, RobotGrant
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.robot import RobotRow, Wanted, check_description, check_duration, ends_at, require_within
from chalicelib.rbac.robot_ports import RobotStore

_ATTEMPTS = 8


class NewRobot(NamedTuple):
    """A robot as a request asks for it. `secret` "" means: make one."""

    name: str
    wanted: Wanted
    days: int
    description: str = ""
    secret: str = ""
    is_enabled: bool = True


class Robots:
    """The robots of the registry. Raises NOT_FOUND for robots that are not there."""

    def __init__(self, store: RobotStore, principals: PrincipalStore) -> None:
        self._store, self._principals = store, principals

    def make(self, new: NewRobot, by: Facts, *, prefix: str, now: int) -> tuple[Robot, str]:
        """Make a robot; returns it and its secret, which nobody can read again. Raises BAD_REQUEST, NOT_FOUND (a project),
        CONFLICT, and DENIED when a robot gives what it does not have. One read, one write, one transaction, one hash."""
        name = robot_names.full_name(prefix, new.wanted.project, new.name)
        days, description = check_duration(new.days), check_description(new.description)
        if new.secret:
            robot_names.check_secret(new.secret)
        ids = self._ids(new.wanted)
        grants, secret = new.wanted.bound(ids), new.secret or robot_names.new_secret()
        if by.robot is not None:
            require_within(by.robot, grants)
        robot = Robot(
            name,
            passwords.hash_password(secret),
            project=new.wanted.project,
            project_id=ids.get(new.wanted.project, 0),
            grants=grants,
            is_enabled=new.is_enabled,
            expires_at=ends_at(now, days),
            duration_days=days,
            description=description,
            created_by=by.principal.name if by.principal else "",
            creator_id=by.robot.robot_id if by.robot else by.user.user_id if by.user else 0,
            is_made_by_robot=by.robot is not None,
            created_at=now,
            updated_at=now,
        )
        made = self._store.create(robot)
        if made is None:
            raise RegistryError("CONFLICT", message=f"there is a robot {name} already")
        return made, secret

    def get(self, robot_id: int) -> Robot:
        """Read a robot. Two reads."""
        robot = self._store.find(robot_id)
        if robot is None:
            raise RegistryError("NOT_FOUND", message=f"robot {robot_id} not found")
        return robot

    def change(
        self, robot: Robot, wanted: Wanted, *, days: int | None, description: str, is_enabled: bool, now: int
    ) -> None:
        """Change a robot; its life is counted from when it was made. Raises BAD_REQUEST. One read, one transaction."""
        lasts = robot.duration_days if days is None else check_duration(days)
        changes = {
            "grants": wanted.bound(self._ids(wanted)),
            "duration_days": lasts,
            "expires_at": ends_at(robot.created_at, lasts),
            "description": check_description(description),
            "is_enabled": is_enabled,
        }
        self._save(robot, changes, now)

    def set_secret(self, robot: Robot, secret: str, *, now: int) -> str:
        """Give a robot another secret, a new one for "", and return it. The old one gets no new token from now on.
        Raises BAD_REQUEST. One transaction, one hash."""
        if secret:
            robot_names.check_secret(secret)
        chosen = secret or robot_names.new_secret()
        self._save(robot, {"password_hash": passwords.hash_password(chosen)}, now)
        return chosen

    def remove(self, robot: Robot) -> None:
        """Remove a robot: it logs in nowhere from now on. One transaction."""
        if not self._store.remove(robot):
            raise RegistryError("NOT_FOUND", message=f"robot {robot.robot_id} not found")

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[RobotRow], int]:
        """Read a page of robots by name, and how many there are; project 0 is the system. Two reads."""
        return self._store.page(project_id, offset, limit, is_descending)

    def every(self, project_id: int) -> Sequence[RobotRow]:
        """Read all. One read per 6,000."""
        return self._store.every(project_id)

    def load(self, names: Sequence[str]) -> dict[str, Robot]:
        """Read robots; those that are not there are absent. One read per hundred."""
        return self._store.load(names)

    def living(self, robots: Sequence[Robot]) -> Mapping[str, int]:
        """Read the ids of the projects that robots name, to tell which of their rights are still any. One read per hundred."""
        names = {grant.namespace for robot in robots for grant in robot.grants if grant.project_id}
        return {project.name: project.project_id for project in self._projects(names).values()} if names else {}

    def _ids(self, wanted: Wanted) -> dict[str, int]:
        names = wanted.projects
        projects = self._projects(names)
        for name in names:
            if name not in projects:
                raise RegistryError("NOT_FOUND", message=f"project {name[:255]} not found")
        return {name: project.project_id for name, project in projects.items()}

    def _projects(self, names: Sequence[str] | set[str]) -> Mapping[str, Project]:
        return self._principals.facts("", names).projects if names else {}

    def _save(self, robot: Robot, changes: Mapping[str, object], now: int) -> None:
        for _ in range(_ATTEMPTS):
            if self._store.save(robot, replace(robot, **changes, updated_at=now)):  # type: ignore[arg-type]
                return
            robot = self.get(robot.robot_id)
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})


def alive(robot: Robot, living: Mapping[str, int]) -> tuple[RobotGrant, ...]:
    """The rights of a robot whose projects are still the same."""
    return tuple(g for g in robot.grants if not g.project_id or living.get(g.namespace) == g.project_id)
