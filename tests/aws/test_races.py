"""What two do to people and projects at the same time has one outcome: the other one acts between any two calls of the first."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws import keys
from chalicelib.aws.labels import DynamoLabels
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.robots import DynamoRobots
from chalicelib.aws.table import Table
from chalicelib.aws.trust import DynamoTrust
from chalicelib.aws.users import DynamoUsers
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.oci.label import LabelText
from chalicelib.rbac.member import USER, Entity
from chalicelib.rbac.model import Project, Robot, User
from chalicelib.rbac.people import Saved
from chalicelib.rbac.project_ports import Removal
from chalicelib.rbac.project_records import ProjectRecords
from chalicelib.rbac.trust import TrustGrant, TrustPolicy
from tests.fakes.dying import Died, DyingTable, WatchedTable

CALLS = range(1, 12)
"""More calls than any of these deeds has."""


@pytest.fixture
def project(table: Table) -> Project:
    return make_project(table, f"race-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def user(table: Table) -> User:
    return make_user(table, f"ann-{uuid.uuid4().hex[:12]}")


def make_project(table: Table, name: str) -> Project:
    made = DynamoProjects(table).create_project(name, is_public=False, by="", now=1)
    assert made is not None
    return made


def remove_project(table: Table, project: Project) -> None:
    store = DynamoProjects(table)
    assert store.remove(store.load([project.name])[project.name], now=1) is Removal.REMOVED
    assert store.clear(project)


def make_user(table: Table, name: str) -> User:
    store = DynamoUsers(table)
    user = User(name, "hash", email=f"{name}@example.com", user_id=store.allocate())
    assert store.create(user) is Saved.DONE
    return user


def entity(user: User) -> Entity:
    return Entity(USER, user.user_id, user.name)


def attempt(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except RegistryError as refused:
        assert refused.code in ("NOT_FOUND", "BAD_REQUEST")
        return None


@pytest.mark.parametrize("at", CALLS)
def test_who_becomes_a_member_while_they_are_removed_leaves_no_row(
    settings: Settings, table: Table, project: Project, user: User, at: int
) -> None:
    watched = WatchedTable(settings, at, lambda: attempt(lambda: DynamoMembers(table).add(project, entity(user), "guest")))
    assert DynamoUsers(watched).remove(user)
    assert attempt(lambda: DynamoMembers(table).add(project, entity(user), "guest")) is None
    assert DynamoMembers(table).page(project.project_id, 0, 10, False) == ([], 0)
    assert table.query(keys.user(user.name), "") == []


@pytest.mark.parametrize("at", CALLS)
def test_removed_users_grants_that_were_given_anew_meanwhile_stay_whole(
    settings: Settings, table: Table, project: Project, user: User, at: int
) -> None:
    """The list and the grant say the same, whoever is made a member again while old grants are dropped."""
    members = DynamoMembers(table)
    assert members.add(project, entity(user), "guest")

    def again() -> None:
        remove_project(table, project)
        anew = make_project(table, project.name)
        assert members.add(anew, entity(user), "developer")

    DynamoMembers(WatchedTable(settings, at, again)).remove_everywhere(entity(user))
    now = DynamoProjects(table).load([project.name])[project.name].project
    listed = [member.entity.name for member in members.every(now.project_id)]
    granted = [item.sk for item in table.query(keys.user(user.name), keys.grant(""))]
    assert len(listed) == len(granted)


@pytest.mark.parametrize("at", CALLS)
def test_robot_never_takes_the_name_of_a_living_one(settings: Settings, table: Table, project: Project, at: int) -> None:
    """A prefix can be configured under which a robot of the system is called as one of a project is."""
    name = f"robot${project.name}+ci"
    of_project = Robot(name, "hash", project=project.name, project_id=project.project_id)
    of_system = Robot(name, "other")
    robots = DynamoRobots(table)
    watched = WatchedTable(settings, at, lambda: robots.create(of_project))
    made = [DynamoRobots(watched).create(of_system), robots.create(of_project), robots.create(of_system)]
    found = robots.load([name])[name]
    assert found.password_hash == ("hash" if at <= 2 else "other")
    assert [robot is not None for robot in made] == [at > 2, False, False]
    assert robots.page(project.project_id, 0, 10, False)[1] == (1 if at <= 2 else 0)


def test_name_of_a_robot_whose_project_is_gone_is_free_in_the_next_of_the_name(table: Table, project: Project) -> None:
    robots, name = DynamoRobots(table), f"robot${project.name}+ci"
    assert robots.create(Robot(name, "old", project=project.name, project_id=project.project_id))
    store = DynamoProjects(table)
    assert store.remove(store.load([project.name])[project.name], now=1) is Removal.REMOVED
    anew = make_project(table, project.name)
    assert robots.create(Robot(name, "new", project=anew.name, project_id=anew.project_id))
    assert store.clear(project)
    assert robots.load([name])[name].password_hash == "new"
    assert robots.page(anew.project_id, 0, 10, False)[1] == 1


@pytest.mark.parametrize("at", CALLS)
@pytest.mark.parametrize("kind", ["label", "policy"])
def test_nothing_is_made_in_a_project_that_is_gone(
    settings: Settings, table: Table, project: Project, kind: str, at: int
) -> None:
    watched = WatchedTable(settings, at, lambda: remove_project(table, project))
    number = project.project_id
    if kind == "label":
        attempt(lambda: DynamoLabels(watched).create(number, LabelText("bug"), now=1))
    else:
        grants = (TrustGrant("app", "v*", frozenset({"pull"})),)
        policy = TrustPolicy(0, "main", "https://ci.example.com", "registry", {"sub": ("a:b/c",)}, grants)
        attempt(lambda: DynamoTrust(watched).add(number, policy))
    if watched.calls < at:
        remove_project(table, project)
    assert DynamoLabels(table).page(number, 0, 10, False) == ([], 0)
    assert table.get(keys.label_name(number, "bug"), keys.NAME) is None
    assert table.query(keys.trust(number), "") == []


@pytest.mark.parametrize("is_answer_lost", [False, True])
@pytest.mark.parametrize("calls", range(16))
def test_removal_of_a_project_that_dies_anywhere_is_whole_after_the_schedule(
    settings: Settings, table: Table, project: Project, user: User, calls: int, *, is_answer_lost: bool
) -> None:
    members, robots, number = DynamoMembers(table), DynamoRobots(table), project.project_id
    assert members.add(project, entity(user), "guest")
    assert robots.create(Robot(f"robot${project.name}+ci", "hash", project=project.name, project_id=number))
    assert DynamoLabels(table).create(number, LabelText("bug"), now=1)
    dying = DyingTable(settings, calls, is_answer_lost=is_answer_lost)
    with contextlib.suppress(Died):
        ProjectRecords(DynamoProjects(dying), DynamoMembers(dying)).remove(project, now=1)
    records = ProjectRecords(DynamoProjects(table), members)
    records.sweep()
    is_there = project.name in records.load([project.name])
    assert members.page(number, 0, 10, False)[1] == is_there
    assert robots.page(number, 0, 10, False)[1] == is_there
    assert DynamoLabels(table).page(number, 0, 10, False)[1] == is_there
    assert len(table.query(keys.user(user.name), keys.grant(""))) == is_there
    assert (robots.load([f"robot${project.name}+ci"]) != {}) == is_there
    assert (table.get(keys.project_id(number), keys.NAME) is not None) == is_there
    if is_there:
        records.remove(project, now=1)


@pytest.mark.parametrize("is_answer_lost", [False, True])
@pytest.mark.parametrize("calls", range(10))
def test_removal_of_a_user_that_dies_anywhere_can_be_repeated(
    settings: Settings, table: Table, project: Project, user: User, calls: int, *, is_answer_lost: bool
) -> None:
    members = DynamoMembers(table)
    assert members.add(project, entity(user), "guest")
    with contextlib.suppress(Died):
        DynamoUsers(DyingTable(settings, calls, is_answer_lost=is_answer_lost)).remove(user)
    store = DynamoUsers(table)
    assert store.named(user.name) is None or store.remove(user)
    assert members.page(project.project_id, 0, 10, False) == ([], 0)
    assert table.query(keys.user(user.name), "") == []
    assert store.name_of_email(user.email) is None and store.find(user.user_id) is None
    assert store.create(user) is Saved.DONE
