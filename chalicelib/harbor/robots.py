"""Robots over HTTP. Source: Harbor `src/server/v2.0/handler/robot.go`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import Asked, listed, page_response
from chalicelib.harbor.query import Criterion, Fields, Kind, Order
from chalicelib.harbor.views import moment
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.model import Facts, Robot
from chalicelib.rbac.permissions import NOTHING, Permissions
from chalicelib.rbac.project import bad
from chalicelib.rbac.robot import PROJECT, SYSTEM, RobotRow, require_given, wanted
from chalicelib.rbac.robot_names import is_name_of
from chalicelib.rbac.robots import NewRobot, Robots, alive

_LEVEL, _PROJECT_ID = "Level", "ProjectID"


class RobotResource:
    """`/robots`."""

    def __init__(self, authority: Authority, robots: Robots, configurations: Configurations) -> None:
        self._authority, self._robots, self._configurations = authority, robots, configurations

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "ListRobot": self._list,
            "CreateRobot": self._create,
            "GetRobotByID": self._get,
            "UpdateRobot": self._update,
            "RefreshSec": self._refresh,
            "DeleteRobot": self._delete,
        }

    def _list(self, call: Call) -> Response:
        self._authority.require_login(call.caller, now=call.now)
        asked = call.asked
        project_id = _project_id(asked.criteria)
        if project_id:
            self._authority.require(call.caller, str(project_id), "robot", "list", now=call.now)
        else:
            self._authority.require_system(call.caller, "robot", "list", now=call.now)
        others = tuple(c for c in asked.criteria if c.field not in (_LEVEL, _PROJECT_ID))
        found = listed(
            Asked(asked.page, asked.page_size, others, asked.orders),
            natural=Order("name"),
            page=lambda offset, limit, is_descending: self._robots.page(project_id, offset, limit, is_descending),
            every=lambda: self._robots.every(project_id),
            fields_of=_fields,
        )
        robots = self._robots.load([row.name for row in found.items])
        living = self._robots.living(list(robots.values()))
        views = [_view(robots[row.name], living) for row in found.items if row.name in robots]
        return page_response(call.request, asked, views, found.total)

    def _create(self, call: Call) -> Response:
        self._authority.require_login(call.caller, now=call.now)
        body, configuration = call.body, self._configurations.current(now=call.now)
        new = NewRobot(
            body.get("name", ""),
            wanted(body.get("level", ""), body.get("permissions") or []),
            body.get("duration", configuration.robot_token_duration),
            body.get("description", ""),
            body.get("secret", ""),
            not body.get("disable", False),
        )
        by = self._require_creation(call, new)
        robot, secret = self._robots.make(new, by, prefix=configuration.robot_name_prefix, now=call.now)
        document = {
            "id": robot.robot_id,
            "name": robot.name,
            "secret": secret,
            "creation_time": moment(robot.created_at),
            "expires_at": _expires_at(robot),
        }
        return created(f"/robots/{robot.robot_id}", json.dumps(document).encode())

    def _require_creation(self, call: Call, new: NewRobot) -> Facts:
        if not new.wanted.project:
            return self._authority.require_system(call.caller, "robot", "create", now=call.now)
        standing = self._authority.require(call.caller, new.wanted.project, "robot", "create", is_name=True, now=call.now)
        if standing.facts.robot is None:
            require_given(standing.permissions, new.wanted.grants)
        return standing.facts

    def _get(self, call: Call) -> Response:
        robot, _ = self._require(call, "read")
        return json_response(200, _view(robot, self._robots.living([robot])))

    def _update(self, call: Call) -> Response:
        robot, permissions = self._require(call, "update")
        body, prefix = call.body, self._configurations.current(now=call.now).robot_name_prefix
        asked = wanted(body.get("level", ""), body.get("permissions") or [])
        if asked.project != robot.project:
            raise bad("cannot update the project id of robot")
        if not is_name_of(body.get("name", ""), robot.name, prefix):
            raise bad("cannot update the level or name of robot")
        if robot.project:
            require_given(permissions, asked.grants)
        self._robots.change(
            robot,
            asked,
            days=body.get("duration"),
            description=body.get("description", ""),
            is_enabled=not body.get("disable", False),
            now=call.now,
        )
        return done()

    def _refresh(self, call: Call) -> Response:
        robot, permissions = self._require(call, "update")
        if robot.project:
            require_given(permissions, robot.grants)
        sent = call.body.get("secret", "")
        secret = self._robots.set_secret(robot, sent, now=call.now)
        return json_response(200, {"secret": "" if sent else secret})

    def _delete(self, call: Call) -> Response:
        self._robots.remove(self._require(call, "delete")[0])
        return done()

    def _require(self, call: Call, action: str) -> tuple[Robot, Permissions]:
        """Find the path's robot, and demand a right on it. Returns what the caller may in its project too."""
        self._authority.require_login(call.caller, now=call.now)
        robot = self._robots.get(call.path["robot_id"])
        if not robot.project:
            self._authority.require_system(call.caller, "robot", action, now=call.now)
            return robot, NOTHING
        standing = self._authority.require(call.caller, robot.project, "robot", action, is_name=True, now=call.now)
        if standing.project.project_id != robot.project_id:
            raise RegistryError("NOT_FOUND", message=f"robot {robot.robot_id} not found")
        return robot, standing.permissions


def _project_id(criteria: Sequence[Criterion]) -> int:
    """Read whose robots are meant: a project's id, or 0 for the system's. Raises BAD_REQUEST in Harbor's words."""
    exact = {c.field: str(c.values[0]) for c in criteria if c.kind is Kind.EXACT}
    fields = {c.field for c in criteria}
    level = exact.get(_LEVEL, "" if _LEVEL in fields else SYSTEM)
    if level not in (SYSTEM, PROJECT):
        raise bad("bad request error level input")
    if level == SYSTEM:
        return 0
    if _PROJECT_ID not in fields:
        raise bad("must with project ID when to query project robots")
    number = exact.get(_PROJECT_ID, "")
    if not number.isascii() or not number.isdigit() or not int(number[:19]) > 0:
        raise bad("ProjectID must be a positive integer")
    return int(number[:19])


def _view(robot: Robot, living: Mapping[str, int]) -> dict[str, Any]:
    """Render a robot; rights in projects that are gone are left out, as in Harbor."""
    return {
        "id": robot.robot_id,
        "name": robot.name,
        "description": robot.description,
        "level": PROJECT if robot.project else SYSTEM,
        "duration": robot.duration_days,
        "expires_at": _expires_at(robot),
        "disable": not robot.is_enabled,
        "editable": True,
        "creator_type": "robot" if robot.is_made_by_robot else "local",
        "creator_ref": robot.creator_id,
        "creation_time": moment(robot.created_at),
        "update_time": moment(robot.updated_at),
        "permissions": [
            {
                "kind": grant.kind,
                "namespace": grant.namespace,
                "access": [
                    {"resource": one.resource, "action": one.action, "effect": "allow"} for one in sorted(grant.permissions)
                ],
            }
            for grant in alive(robot, living)
        ],
    }


def _expires_at(robot: Robot) -> int:
    return -1 if robot.expires_at is None else robot.expires_at


def _fields(row: RobotRow) -> Fields:
    return {
        "name": row.name,
        "id": row.robot_id,
        "disabled": row.is_disabled,
        "expires_at": -1 if row.expires_at is None else row.expires_at,
        "creation_time": datetime.fromtimestamp(row.created_at, UTC),
    }
