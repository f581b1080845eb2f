"""Groups of people. Source: Harbor `src/server/v2.0/handler/usergroup.go`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Criterion, Kind, Order
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.groups import Groups
from chalicelib.rbac.identity import KnownGroup


class GroupResource:
    """The groups of people. All types are listed, since all sources work at once."""

    def __init__(self, authority: Authority, groups: Groups) -> None:
        self._authority, self._groups = authority, groups

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "listUserGroups": self._list,
            "createUserGroup": self._create,
            "searchUserGroups": self._search,
            "getUserGroup": self._get,
            "updateUserGroup": self._update,
            "deleteUserGroup": self._delete,
        }

    def _list(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "user-group", "list", now=call.now)
        asked = call.asked
        if call.query.get("group_name"):
            asked = asked.with_criteria(Criterion("group_name", Kind.CONTAINS, (call.query["group_name"],)))
        if call.query.get("ldap_group_dn"):
            asked = asked.with_criteria(Criterion("ldap_group_dn", Kind.EXACT, (call.query["ldap_group_dn"].lower(),)))
        found = listed(
            asked, natural=Order("id"), page=self._groups.page, every=self._groups.rows, fields_of=_fields
        )
        return page_response(call.request, asked, [group_view(group) for group in found.items], found.total)

    def _search(self, call: Call) -> Response:
        """Names that contain a text, for everybody who is logged in; the shortest are first."""
        self._authority.require_login(call.caller, now=call.now)
        asked, wanted = call.asked, str(call.query["groupname"]).lower()
        rows = sorted(
            (group for group in self._groups.rows() if wanted in group.name.lower()),
            key=lambda group: (len(group.name), group.name, group.group_id),
        )
        page = rows[asked.offset : asked.offset + asked.page_size]
        documents = [{"id": g.group_id, "group_name": g.name, "group_type": g.type} for g in page]
        return page_response(call.request, asked, documents, len(rows))

    def _create(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "user-group", "create", now=call.now)
        body = call.body
        group = self._groups.create(
            body.get("group_type", 0), body.get("group_name", ""), body.get("ldap_group_dn", "")
        )
        return created(f"/usergroups/{group.group_id}")

    def _get(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "user-group", "read", now=call.now)
        return json_response(200, group_view(self._groups.get(_id(call))))

    def _update(self, call: Call) -> Response:
        """Only the name can change."""
        self._authority.require_system(call.caller, "user-group", "update", now=call.now)
        self._groups.rename(_id(call), call.body.get("group_name", ""))
        return done()

    def _delete(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "user-group", "delete", now=call.now)
        self._groups.remove(_id(call))
        return done()


def group_view(group: KnownGroup) -> dict[str, Any]:
    """Render a group."""
    document: dict[str, Any] = {"id": group.group_id, "group_name": group.name, "group_type": group.type}
    return {**document, "ldap_group_dn": group.ldap_dn} if group.ldap_dn else document


def _id(call: Call) -> int:
    group_id: int = call.path["group_id"]
    if group_id <= 0:
        raise RegistryError("BAD_REQUEST", message="the group id should be provided")
    return group_id


def _fields(group: KnownGroup) -> Mapping[str, Any]:
    return {
        "id": group.group_id,
        "group_name": group.name,
        "group_type": group.type,
        "ldap_group_dn": group.ldap_dn.lower(),
    }
