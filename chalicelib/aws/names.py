"""From ids to names in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.aws import keys
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.table import Table
from chalicelib.aws.tables import GroupItem, LabelItem, NameItem, RobotItem, RoleItem
from chalicelib.harbor.accounts import Known

_PARTITIONS: Mapping[str, Callable[[int], str]] = {
    "user_id": keys.user_id,
    "robot_id": keys.robot_id,
}


class DynamoNames:
    """`harbor.accounts.Names`."""

    def __init__(self, table: Table) -> None:
        self._table, self._members = table, DynamoMembers(table)

    def find(self, kind: str, number: int) -> Known | None:
        """One GetItem; a second for a robot, which says whose it is."""
        if kind == "group_id":
            group = self._table.get(keys.group(number), keys.GROUP)
            return Known(group.name) if isinstance(group, GroupItem) else None
        if kind == "role_id":
            role = self._table.get(keys.role(str(number)), keys.ROLE)
            return Known(role.name) if isinstance(role, RoleItem) else None
        if kind == "label_id":
            label = self._table.get(keys.label(number), keys.LABEL)
            return Known(label.name, int(label.project_id)) if isinstance(label, LabelItem) else None
        item = self._table.get(_PARTITIONS[kind](number), keys.NAME)
        if not isinstance(item, NameItem):
            return None
        if kind != "robot_id":
            return Known(item.name)
        robot = self._table.get(keys.user(item.name), keys.USER)
        return Known(item.name, int(robot.project_id) if isinstance(robot, RobotItem) else 0)

    def member(self, project_id: int, member_id: int) -> str:
        """See the port."""
        member = self._members.find(project_id, member_id)
        return member.entity.name if member else ""
