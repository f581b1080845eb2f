"""The transactions of projects, members, roles and robots on DynamoDB Local, which is as strict about them as AWS."""

from __future__ import annotations

import uuid

import pytest

from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.principals import DynamoPrincipals
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.robots import DynamoRobots
from chalicelib.aws.roles import DynamoRoles
from chalicelib.aws.users import DynamoUsers
from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.rbac.member import USER, Entity
from chalicelib.rbac.model import Robot, RobotGrant, User
from chalicelib.rbac.permissions import Permission
from chalicelib.rbac.project_ports import Removal, RoleRemoval
from chalicelib.rbac.role import RoleRecord
from tests.scale.tables import CountingTable

pytestmark = pytest.mark.slow
PULL = frozenset({Permission("repository", "pull")})


def test_a_project_and_all_that_belongs_to_it_come_and_go(dynamodb_local: CountingTable) -> None:
    table, unique = dynamodb_local, uuid.uuid4().hex
    projects, members, robots, roles = (make(table) for make in (DynamoProjects, DynamoMembers, DynamoRobots, DynamoRoles))
    ann, bob, cat = (User(f"{name}-{unique}", "$hash", user_id=uuid.uuid4().int % 10**9) for name in ("ann", "bob", "cat"))
    for user in (ann, bob, cat):
        DynamoUsers(table).create(user)
    project = projects.create_project(f"team-{unique}", is_public=True, by=ann.name, now=1, limit_bytes=5000)
    assert project is not None
    assert projects.create_project(project.name, is_public=False, by=ann.name, now=1) is None
    facts = DynamoPrincipals(table).facts(ann.name, [project.name])
    assert facts.grants[project.name].role == "projectAdmin"

    first, second = (
        roles.create(RoleRecord(0, f"{name}-{unique}", "", PULL)) for name in ("looker", "watcher")
    )
    assert first and second
    member = members.add(project, Entity(USER, bob.user_id, bob.name), str(first))
    assert member is not None and members.add(project, member.entity, "guest") is None
    assert members.change_role(project, member, str(second))
    assert roles.remove(roles.load([second])[second]) is RoleRemoval.IN_USE
    for number in range(20):
        record = roles.load([first])[first]
        assert roles.save(record, record._replace(name=f"looker-{number}-{unique}"))
    assert roles.remove(roles.load([first])[first]) is RoleRemoval.REMOVED
    with pytest.raises(RegistryError, match="NOT_FOUND"):
        members.add(project, Entity(USER, cat.user_id, cat.name), str(first))

    grant = RobotGrant("project", project.name, project.project_id, PULL)
    made = robots.create(Robot(f"robot${project.name}+ci", "$h", 0, project.name, project.project_id, (grant,)))
    assert made is not None and robots.create(made) is None
    assert robots.save(made, made) and not robots.save(made, made)
    assert robots.find(made.robot_id) is not None

    record = projects.load([project.name])[project.name]
    assert projects.save(record, record._replace(project=project._replace(is_public=False)))
    assert projects.remove(record, now=2) is Removal.CHANGED
    record = projects.load([project.name])[project.name]
    assert projects.remove(record, now=2) is Removal.REMOVED
    assert projects.clear(project)
    assert roles.remove(roles.load([second])[second]) is RoleRemoval.REMOVED
    assert robots.find(made.robot_id) is None and members.every(project.project_id) == []
    quotas = Quotas(table)
    table.write(quotas.release(project.project_id, [(Digest.of(b"x"), 0)]) or quotas.close_actions(1, now=1, ends_at=2))
    with pytest.raises(RegistryError, match="NAME_UNKNOWN"):
        quotas.borrow(project.project_id, Digest.of(b"x"), 10, now=3)
