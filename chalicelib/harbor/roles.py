"""Roles over HTTP: Harbor's five, and custom ones beside them. An extension of Harbor's API."""

from __future__ import annotations

from typing import Any

from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Fields, Order
from chalicelib.harbor.views import moment, present
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.custom_roles import CustomRoles, wanted
from chalicelib.rbac.role import RoleRecord


class RoleResource:
    """`/roles`."""

    def __init__(self, authority: Authority, roles: CustomRoles) -> None:
        self._authority, self._roles = authority, roles

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listRoles": self._list,
            "createRole": self._create,
            "getRole": self._get,
            "updateRole": self._update,
            "deleteRole": self._delete,
        }

    def _list(self, call: Call) -> Response:
        self._authority.require_login(call.caller, now=call.now)
        asked = call.asked
        found = listed(
            asked, natural=Order("role_id"), page=self._roles.page, every=self._roles.every, fields_of=_fields
        )
        return page_response(call.request, asked, [_view(record) for record in found.items], found.total)

    def _create(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "role", "create", now=call.now)
        return created(f"/roles/{self._roles.make(wanted(call.body), now=call.now)}")

    def _get(self, call: Call) -> Response:
        self._authority.require_login(call.caller, now=call.now)
        return json_response(200, _view(self._roles.get(call.path["role_id"])))

    def _update(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "role", "update", now=call.now)
        self._roles.change(call.path["role_id"], wanted(call.body), now=call.now)
        return done()

    def _delete(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "role", "delete", now=call.now)
        self._roles.remove(call.path["role_id"])
        return done()


def _view(record: RoleRecord) -> dict[str, Any]:
    times = {} if record.is_builtin else {"creation_time": record.created_at, "update_time": record.updated_at}
    return present(
        {
            "role_id": record.role_id,
            "name": record.name,
            "description": record.description,
            "builtin": record.is_builtin,
            "permissions": [one._asdict() for one in sorted(record.permissions)],
            **{name: moment(at) for name, at in times.items()},
        }
    )


def _fields(record: RoleRecord) -> Fields:
    return {"role_id": record.role_id, "name": record.name, "builtin": record.is_builtin}
