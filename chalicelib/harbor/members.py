"""Members of a project over HTTP. Source: Harbor `src/server/v2.0/handler/member.go`."""

from __future__ import annotations

from typing import Any

from chalicelib.harbor import project_views
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Criterion, Fields, Kind, Order
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority, Standing
from chalicelib.rbac.groups import LDAP_GROUP, OIDC_GROUP, Groups
from chalicelib.rbac.identity import KnownGroup
from chalicelib.rbac.member import GROUP, Entity, Member
from chalicelib.rbac.members import Members
from chalicelib.rbac.project import bad


class MemberResource:
    """`/projects/{project_name_or_id}/members`."""

    def __init__(self, authority: Authority, members: Members, groups: Groups) -> None:
        self._authority, self._members, self._groups = authority, members, groups

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listProjectMembers": self._list,
            "createProjectMember": self._create,
            "getProjectMember": self._get,
            "updateProjectMember": self._update,
            "deleteProjectMember": self._delete,
        }

    def _list(self, call: Call) -> Response:
        project, asked = self._require(call, "list").project, call.asked
        name = call.query.get("entityname")
        found = listed(
            asked.with_criteria(*[Criterion("entity_name", Kind.EXACT, (name,))] if name else ()),
            natural=Order("entity_name"),
            page=lambda offset, limit, is_descending: self._members.page(project, offset, limit, is_descending),
            every=lambda: self._members.every(project),
            fields_of=_fields,
        )
        roles = self._members.roles_of(found.items)
        views = [project_views.member(member, roles) for member in found.items]
        return page_response(call.request, asked, views, found.total)

    def _create(self, call: Call) -> Response:
        standing, body = self._require(call, "create"), call.body
        entity = self._entity(body.get("member_user") or {}, body.get("member_group") or {})
        role = self._members.role(body.get("role_id", 0))
        member = self._members.add(standing.project, entity, role, by=standing.permissions)
        return created(f"/projects/{call.project}/members/{member.member_id}")

    def _entity(self, user: dict[str, Any], group: dict[str, Any]) -> Entity:
        """Find who is to be a member. A group that is named and not there yet is made."""
        if user.get("user_id", 0) > 0:
            return self._members.user_by_id(user["user_id"])
        if user.get("username"):
            return self._members.user(user["username"])
        if group.get("id", 0) > 0:
            return _entity(self._groups.get(group["id"]))
        name, dn = group.get("group_name", ""), group.get("ldap_group_dn", "")
        if name or dn:
            return _entity(self._groups.ensure(group.get("group_type") or (LDAP_GROUP if dn else OIDC_GROUP), name, dn))
        raise bad("at least one of member_user or member_group must be provided")

    def _get(self, call: Call) -> Response:
        member = self._members.get(self._require(call, "read").project, call.path["mid"])
        return json_response(200, project_views.member(member, self._members.roles_of([member])))

    def _update(self, call: Call) -> Response:
        standing = self._require(call, "update")
        if "role_id" not in call.body:
            raise bad("role can not be empty")
        role = self._members.role(call.body["role_id"])
        self._members.change_role(standing.project, call.path["mid"], role, by=standing.permissions)
        return done()

    def _delete(self, call: Call) -> Response:
        self._members.remove(self._require(call, "delete").project, call.path["mid"])
        return done()

    def _require(self, call: Call, action: str) -> Standing:
        is_name, now = call.is_by_name, call.now
        return self._authority.require(call.caller, call.project, "member", action, is_name=is_name, now=now)


def _entity(group: KnownGroup) -> Entity:
    return Entity(GROUP, group.group_id, group.name)


def _fields(member: Member) -> Fields:
    return {"entity_name": member.entity.name}
