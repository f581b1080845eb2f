"""Members of a project: a user or a group, and the role it has there. Pure."""

from __future__ import annotations

from typing import NamedTuple

USER, GROUP = "u", "g"


class Entity(NamedTuple):
    """Who can be a member. `entity_id` is the user's or the group's id; users from before ids have 0."""

    kind: str
    entity_id: int
    name: str


class Member(NamedTuple):
    """A membership. `role` is the name of one of Harbor's roles or the key of a custom one."""

    member_id: int
    project_id: int
    entity: Entity
    role: str
