"""A page of projects, members and robots costs the same of ten and of ten thousand. On DynamoDB Local."""

from __future__ import annotations

import uuid

import pytest

from chalicelib.aws import counters, keys
from chalicelib.aws.listing import Listing
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.robots import DynamoRobots
from chalicelib.aws.tables import GrantItem, ProjectItem, RowItem
from chalicelib.rbac.model import Facts, User
from chalicelib.rbac.project_records import ProjectRecords
from tests.scale.tables import CountingTable, fill

pytestmark = pytest.mark.slow

MANY = 10_000
ADMIN = Facts(User("admin", "", sysadmin_flag=True))
ROW = {"i": 1, "p": True, "o": "ann", "c": 1, "u": 1}


def fill_projects(table: CountingTable, start: int, end: int) -> None:
    """Public projects; the first and those in the middle have more than a row."""
    names = [f"p{number:06}" for number in range(start, end)]
    for list_name in (keys.PROJECTS, keys.PUBLIC_PROJECTS):
        fill(table, RowItem(keys.rows(list_name), fields=ROW), names)
        table.write([counters.action(table, list_name, "any", end - start)])
    for number in (*range(start, start + 10), *range(end // 2 - 10, end // 2 + 10)):
        item = ProjectItem(keys.project(f"p{number:06}"), project_id=number + 1, is_public=True, created_at=1, created_by="ann")
        fill(table, item, [keys.PROJECT])


def fill_own(table: CountingTable, user: str) -> None:
    """Three private projects of a user."""
    for number in range(3):
        row = {**ROW, "p": False, "i": 10**6 + number}
        fill(table, RowItem(keys.rows(keys.PROJECTS), fields=row), [f"own{number}"])
        fill(table, GrantItem(keys.user(user), project_id=10**6 + number, role="guest"), [keys.grant(f"own{number}")])


def test_a_page_of_projects_for_administrators_anonymous_callers_and_members(dynamodb_local: CountingTable) -> None:
    table = dynamodb_local
    projects = ProjectRecords(DynamoProjects(table), DynamoMembers(table))
    fill_own(table, "ann")

    def calls(facts: Facts, offset: int) -> int:
        table.calls = 0
        rows, total = projects.seen_by(facts, now=1).page(offset, 10, False)
        assert len(rows) == 10 <= total
        records = projects.load([row.name for row in rows])
        assert len(records) == len([row for row in rows if row.is_public])
        projects.repository_counts(list(records.values()))
        return table.calls

    for start, count in ((0, 20), (20, MANY)):
        fill_projects(table, start, count)
        for offset in (0, count // 2):
            costs = [calls(facts, offset) for facts in (ADMIN, Facts(), Facts(User("ann", "")))]
            assert costs == [5, 5, 7], (count, offset)


def test_all_rows_are_one_call_per_megabyte(dynamodb_local: CountingTable) -> None:
    list_name = uuid.uuid4().hex
    fill(dynamodb_local, RowItem(keys.rows(list_name), fields=ROW), [f"p{number:06}" for number in range(MANY)])
    dynamodb_local.calls = 0
    assert len(Listing(dynamodb_local, list_name).rows()) == MANY
    assert dynamodb_local.calls <= 3


def test_a_page_of_members_and_of_robots(dynamodb_local: CountingTable) -> None:
    table = dynamodb_local
    members, robots = DynamoMembers(table), DynamoRobots(table)
    for count in (10, MANY):
        project_id = uuid.uuid4().int % 10**9
        for list_name, fields in (
            (keys.members(project_id), {"i": 1, "k": "u", "e": 1, "n": "ann", "r": "guest"}),
            (keys.robots(project_id), {"i": 1, "d": False, "e": None, "c": 1}),
        ):
            fill(table, RowItem(keys.rows(list_name), fields=fields), [f"n{number:06}" for number in range(count)])
            table.write([counters.action(table, list_name, "any", count)])
        for offset in (0, count - 10, count // 2 - 5):
            table.calls = 0
            assert len(members.page(project_id, offset, 10, False)[0]) == 10
            assert len(robots.page(project_id, offset, 10, True)[0]) == 10
            assert table.calls == 4


def test_a_page_of_quotas_reads_the_books_of_its_projects_only(dynamodb_local: CountingTable) -> None:
    table = dynamodb_local
    quotas = Quotas(table)
    for project_id in range(1, 11):
        table.write(quotas.create_actions(10**8 + project_id, 5000, now=1))
    table.calls = 0
    usages = quotas.usages([10**8 + project_id for project_id in range(1, 11)])
    assert {usage.limit_bytes for usage in usages.values()} == {5000}
    assert table.calls == 2
