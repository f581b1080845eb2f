"""JSON views of projects, their members and their allowlists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.harbor.views import moment, present
from chalicelib.oci.quota import Usage
from chalicelib.rbac.member import Member
from chalicelib.rbac.model import Grant
from chalicelib.rbac.project import Allowlist, ProjectRecord
from chalicelib.rbac.roles import ROLES, Role

_POWER = ("projectAdmin", "maintainer", "developer", "guest", "limitedGuest")


def project(record: ProjectRecord, *, repositories: int, grants: Iterable[Grant]) -> dict[str, Any]:
    """Render a project for somebody with these grants in it."""
    roles = {grant.role for grant in grants if grant.project_id == record.project.project_id}
    highest = next((ROLES[name].role_id for name in _POWER if name in roles), 0)
    role_ids = sorted(ROLES[name].role_id if name in ROLES else int(name) for name in roles)
    return present(
        {
            "project_id": record.project.project_id,
            "name": record.project.name,
            "owner_id": record.owner_id,
            "owner_name": record.owner,
            "creation_time": moment(record.created_at),
            "update_time": moment(record.updated_at),
            "current_user_role_id": highest or None,
            "current_user_role_ids": role_ids or None,
            "repo_count": repositories,
            "metadata": record.all_metadata,
            "cve_allowlist": allowlist(record.project.project_id, record.allowlist, created_at=record.created_at),
        }
    )


def allowlist(project_id: int, found: Allowlist, *, created_at: int) -> dict[str, Any]:
    """Render an allowlist; the registry's own has project 0."""
    return present(
        {
            "id": project_id,
            "project_id": project_id,
            "items": [{"cve_id": cve_id} for cve_id in found.cve_ids],
            "expires_at": found.expires_at,
            "creation_time": moment(created_at),
            "update_time": moment(found.updated_at or created_at),
        }
    )


def quota(usage: Usage) -> dict[str, Any]:
    """Render limit and use; storage is the only resource that has them."""
    return {"hard": {"storage": usage.limit_bytes}, "used": {"storage": usage.used_bytes}}


def member(found: Member, roles: Mapping[str, Role]) -> dict[str, Any]:
    """Render a member. A role that was removed has no name."""
    role = roles.get(found.role)
    return {
        "id": found.member_id,
        "project_id": found.project_id,
        "entity_name": found.entity.name,
        "entity_id": found.entity.entity_id,
        "entity_type": found.entity.kind,
        "role_id": role.role_id if role else int(found.role),
        "role_name": role.name if role else "",
    }
