"""What robots can be given, over HTTP. Source: Harbor `src/server/v2.0/handler/permissions.go`."""

from __future__ import annotations

from chalicelib.harbor.call import Call, Operations
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority, forbidden
from chalicelib.rbac.members import Members
from chalicelib.rbac.model import Facts
from chalicelib.rbac.permissions import ROBOT_PROJECT, ROBOT_SYSTEM, Permission, Permissions


class PermissionsResource:
    """`/permissions`."""

    def __init__(self, authority: Authority, members: Members) -> None:
        self._authority, self._members = authority, members

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {"getPermissions": self._get}

    def _get(self, call: Call) -> Response:
        """For who makes robots: system administrators, and project administrators, who do not see the system's part."""
        facts = self._authority.require_login(call.caller, now=call.now)
        if facts.user is not None and facts.user.is_admin:
            return json_response(200, {"system": _views(ROBOT_SYSTEM), "project": _views(ROBOT_PROJECT)})
        if not self._is_project_admin(facts):
            raise forbidden("only admins(system and project) can access permissions")
        return json_response(200, {"project": _views(ROBOT_PROJECT)})

    def _is_project_admin(self, facts: Facts) -> bool:
        return facts.user is not None and self._members.is_admin_somewhere(facts.user)


def _views(permissions: Permissions) -> list[dict[str, str]]:
    return [Permission(*one)._asdict() for one in sorted(permissions)]
