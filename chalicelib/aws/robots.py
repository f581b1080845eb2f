"""Robots in DynamoDB: the record, which lies where users lie, the way from its id, and the list, changed together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.aws import keys
from chalicelib.aws.listing import Listing, Row
from chalicelib.aws.principals import to_robot
from chalicelib.aws.table import Action, Table
from chalicelib.aws.tables import NameItem, RobotItem
from chalicelib.rbac.model import Project, Robot
from chalicelib.rbac.permissions import named
from chalicelib.rbac.robot import RobotRow

_ROBOT_IDS = "robot"
_IS_FREE = "attribute_not_exists(pk) OR (#kind = :robot AND #project = :name AND project_id <> :project)"
"""The name is nobody's, or that of a robot of an earlier project of the same name."""
_AS_READ = "robot_id = :id AND version = :version"


class DynamoRobots:
    """`rbac.robot_ports.RobotStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, robot: Robot) -> Robot | None:
        """One UpdateItem, one transaction of 4 or 5 actions. An id whose transaction lost is never used."""
        robot_id = self._table.add(keys.counter(_ROBOT_IDS), keys.COUNTER, "last", 1, kind="counter")
        made = replace(robot, robot_id=robot_id)
        values = {":robot": "robot", ":name": robot.project, ":project": robot.project_id}
        actions = [self._table.put(_item(made), condition=_IS_FREE, values=values)]
        actions.append(self._table.put(NameItem(keys.robot_id(robot_id), keys.NAME, name=made.name), is_new=True))
        actions += self._list(made.project_id).add(made.name, _fields(made))
        if made.project:
            own = {":project": made.project_id}
            actions.append(self._table.check(keys.project(made.project), keys.PROJECT, "project_id = :project", own))
        return made if self._table.attempt(actions) else None

    def find(self, robot_id: int) -> Robot | None:
        """Two GetItems."""
        way = self._table.get(keys.robot_id(robot_id), keys.NAME)
        if not isinstance(way, NameItem):
            return None
        robot = to_robot(way.name, self._table.get(keys.user(way.name), keys.USER))
        return robot if robot and robot.robot_id == robot_id else None

    def save(self, before: Robot, after: Robot) -> bool:
        """One transaction of 2 actions."""
        saved = replace(after, version=before.version + 1)
        values = {":id": before.robot_id, ":version": before.version}
        row = self._list(before.project_id).change(before.name, _fields(saved))
        return self._table.attempt([self._table.put(_item(saved), condition=_AS_READ, values=values), row])

    def remove(self, robot: Robot) -> bool:
        """One transaction of 4 actions."""
        pk, values = keys.user(robot.name), {":id": robot.robot_id}
        own = self._table.delete(pk, keys.USER, condition="robot_id = :id", values=values)
        return self._table.attempt([own, *self._row_actions(robot.robot_id, robot.project_id, robot.name)])

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[RobotRow], int]:
        """One Query of counters, one of rows."""
        rows, total = self._list(project_id).page(offset, limit, is_descending)
        return [_row(row) for row in rows], total

    def every(self, project_id: int) -> Sequence[RobotRow]:
        """One Query per MB, which is some 6,000 robots."""
        return [_row(row) for row in self._list(project_id).rows()]

    def load(self, names: Iterable[str]) -> dict[str, Robot]:
        """One BatchGetItem per hundred."""
        found = self._table.batch((keys.user(name), keys.USER) for name in names)
        robots = (to_robot(pk.partition("#")[2], item) for (pk, _), item in found.items())
        return {robot.name: robot for robot in robots if robot}

    def clear(self, project: Project, limit: int) -> bool:
        """One Query, two writes a robot: the project is gone, so the robots are dead already."""
        rows = [_row(row) for row in self._list(project.project_id).first(limit)]
        for row in rows:
            values = {":id": row.robot_id}
            own = self._table.delete(keys.user(row.name), keys.USER, condition="robot_id = :id", values=values)
            self._table.attempt([own])
            self._table.attempt(self._row_actions(row.robot_id, project.project_id, row.name))
        return len(rows) < limit

    def _row_actions(self, robot_id: int, project_id: int, name: str) -> list[Action]:
        return [self._table.delete(keys.robot_id(robot_id), keys.NAME), *self._list(project_id).remove(name)]

    def _list(self, project_id: int) -> Listing:
        return Listing(self._table, keys.robots(project_id))


def _item(robot: Robot) -> RobotItem:
    return RobotItem(
        keys.user(robot.name),
        keys.USER,
        password_hash=robot.password_hash,
        robot_id=robot.robot_id,
        project=robot.project or None,
        project_id=robot.project_id,
        grants=[[*grant[:3], named(grant.permissions)] for grant in robot.grants],
        is_enabled=robot.is_enabled,
        expires_at=robot.expires_at,
        duration_days=robot.duration_days,
        description=robot.description or None,
        created_by=robot.created_by or None,
        creator_id=robot.creator_id,
        is_made_by_robot=robot.is_made_by_robot,
        created_at=robot.created_at,
        updated_at=robot.updated_at,
        version=robot.version,
    )


def _fields(robot: Robot) -> dict[str, object]:
    return {"i": robot.robot_id, "d": not robot.is_enabled, "e": robot.expires_at, "c": robot.created_at}


def _row(row: Row) -> RobotRow:
    return RobotRow(row.key, row.fields["i"], row.fields["d"], row.fields["e"], row.fields["c"])
