"""The audit log over the API: who sees what, in pages that are counted exactly, and by searches."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from chalicelib import bootstrap
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.config import Settings
from chalicelib.events import Event
from chalicelib.notify.ports import Taken
from chalicelib.rbac.model import Grant
from tests.client import Answer
from tests.harbor.client import HarborClient

US = 1_000_000
PASSWORD = "Correct-horse-1"


class Log(NamedTuple):
    """A project with a log of its own."""

    settings: Settings
    project: str
    project_id: int

    def write(self, *events: Event, at: float | None = None, step_s: float = 0.001) -> None:
        begin_us = int((time.time() - 60 if at is None else at) * US)
        writer = DynamoAuditWriter(self.settings, lambda: begin_us)
        taken = [Taken(event, begin_us + int(number * step_s * US)) for number, event in enumerate(events)]
        assert writer.write(taken, keep_days=90) == []

    def event(self, number: int = 0, **more: Any) -> Event:
        made = Event("pull", "artifact", f"{self.project}/app:v{number}", "ann", "pull artifact", True, "192.0.2.9")
        return made._replace(project_id=self.project_id, **more)


def make_project(settings: Settings, *, is_public: bool = False) -> Log:
    name = f"audit{uuid.uuid4().hex[:10]}"
    project = bootstrap.projects(settings).create(name, is_public=is_public, by="admin", now=1)
    return Log(settings, name, project.project_id)


@pytest.fixture
def log(api: object, settings: Settings) -> Log:
    return make_project(settings)


def user(anonymous: HarborClient, settings: Settings, *roles: tuple[Log, str]) -> HarborClient:
    name = f"u{uuid.uuid4().hex[:10]}"
    bootstrap.users(settings).create(name, PASSWORD, now=1)
    for log, role in roles:
        bootstrap.wire(settings).principals.save_grant(name, log.project, Grant(log.project_id, role))
    return anonymous.basic(name, PASSWORD)


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["resource"].rpartition(":")[2] for row in answer.json()]


def total(answer: Answer) -> int:
    return int(answer.headers["x-total-count"])


def test_a_row_says_who_did_what_when_from_where_and_whether_it_worked(harbor_admin: HarborClient, log: Log) -> None:
    at = int(time.time()) - 100
    log.write(log.event(1, operator="", is_success=False), at=at + 0.123)
    (row,) = harbor_admin.get(f"/projects/{log.project}/auditlog-exts").json()
    assert row.pop("id") in range(1, 2**53)
    assert row == {
        "username": "anonymous",
        "resource": f"{log.project}/app:v1",
        "resource_type": "artifact",
        "operation": "pull",
        "operation_description": "pull artifact",
        "operation_result": False,
        "op_time": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.123Z"),
        "client_address": "192.0.2.9",
    }
    (old,) = harbor_admin.get(f"/projects/{log.project}/logs").json()
    assert set(old) == {"id", "username", "resource", "resource_type", "operation", "op_time"}


def test_pages_cover_the_log_exactly_in_both_directions(harbor_admin: HarborClient, log: Log) -> None:
    now = int(time.time())
    for hours_ago in (1, 2, 5):
        first = hours_ago * 100
        log.write(*(log.event(first + number) for number in range(7)), at=now - hours_ago * 3600)
    newest = [f"v{hours * 100 + number}" for hours in (1, 2, 5) for number in range(6, -1, -1)]
    url = f"/projects/{log.project}/auditlog-exts"
    for sort, wanted in (("", newest), ("-op_time", newest), ("op_time", newest[::-1]), ("id", newest[::-1])):
        for size in (1, 4, 7, 10, 100):
            seen: list[str] = []
            for page in range(1, 21 // size + 2):
                answer = harbor_admin.get(url, params={"page": page, "page_size": size, "sort": sort})
                assert total(answer) == 21
                seen += names(answer)
            assert seen == wanted, (sort, size)
    second = harbor_admin.get(url, params={"page": 2, "page_size": 10})
    assert 'page=1&page_size=10>; rel="prev" , ' in second.headers["link"]
    assert 'page=3&page_size=10>; rel="next"' in second.headers["link"]
    assert names(harbor_admin.get(url, params={"page": 99})) == []


@pytest.fixture
def mixed(log: Log) -> Log:
    log.write(
        log.event(0),
        log.event(1, operator="bob"),
        log.event(2, operation="create", is_success=False),
        log.event(3, operation="delete", resource_type="tag"),
        log.event(4, operator=""),
        at=int(time.time()) - 3000,
        step_s=300,
    )
    return log


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("username=bob", ["v1"]),
        ("operator=bob", ["v1"]),
        ("username=anonymous", ["v4"]),
        ("username={ann bob}", ["v3", "v2", "v1", "v0"]),
        ("operation=create", ["v2"]),
        ("resource_type=tag", ["v3"]),
        ("resource=~APP:v3", ["v3"]),
        ("operation_result=false", ["v2"]),
        ("operation=pull,username=~n", ["v4", "v0"]),
        ("client_address=192.0.2.1", []),
        ("nothing=x", ["v4", "v3", "v2", "v1", "v0"]),
    ],
)
def test_criteria_choose_rows(harbor_admin: HarborClient, mixed: Log, q: str, wanted: list[str]) -> None:
    answer = harbor_admin.get(f"/projects/{mixed.project}/auditlog-exts", params={"q": q})
    assert (names(answer), total(answer)) == (wanted, len(wanted))
    assert "x-moorage-total-is-minimum" not in answer.headers
    oldest = harbor_admin.get(f"/projects/{mixed.project}/auditlog-exts", params={"q": q, "sort": "op_time"})
    assert names(oldest) == wanted[::-1]


def test_a_range_of_time_bounds_what_is_read(harbor_admin: HarborClient, mixed: Log) -> None:
    rows = harbor_admin.get(f"/projects/{mixed.project}/auditlog-exts", params={"sort": "op_time"}).json()
    times = [row["op_time"][:19].replace("T", " ") for row in rows]
    for low, high, wanted in (
        (times[1], times[2], ["v2", "v1"]),
        ("", times[1], ["v1", "v0"]),
        (times[3], "", ["v4", "v3"]),
        (times[3], times[1], []),
        ("2001-01-01 00:00:00", "2001-01-02 00:00:00", []),
    ):
        answer = harbor_admin.get(f"/projects/{mixed.project}/auditlog-exts", params={"q": f"op_time=[{low}~{high}]"})
        assert (names(answer), total(answer)) == (wanted, len(wanted))


def test_another_order_is_possible(harbor_admin: HarborClient, mixed: Log) -> None:
    url = f"/projects/{mixed.project}/auditlog-exts"
    assert names(harbor_admin.get(url, params={"sort": "resource"})) == ["v0", "v1", "v2", "v3", "v4"]
    assert names(harbor_admin.get(url, params={"sort": "-operation,op_time", "page_size": 3})) == ["v0", "v1", "v4"]


def test_rows_older_than_the_retention_are_not_there(harbor_admin: HarborClient, log: Log, settings: Settings) -> None:
    now = int(time.time())
    log.write(log.event(1), at=now - 89 * 86400)
    log.write(log.event(2), at=now - 91 * 86400 - 3600)
    url = f"/projects/{log.project}/auditlog-exts"
    for params in ({}, {"q": "operation=pull"}, {"sort": "op_time"}, {"sort": "resource"}):
        answer = harbor_admin.get(url, params=params)
        assert (names(answer), total(answer)) == (["v1"], 1)


@pytest.mark.parametrize("path", ["auditlog-exts", "logs"])
def test_a_projects_log_is_for_those_with_the_right(
    anonymous: HarborClient, harbor_admin: HarborClient, settings: Settings, log: Log, path: str
) -> None:
    url = f"/projects/{log.project}/{path}"
    assert anonymous.get(url).status == 401
    assert user(anonymous, settings).get(url).status == 403
    for role in ("projectAdmin", "maintainer", "developer", "guest", "limitedGuest"):
        wanted = 200 if role == "projectAdmin" else 403
        assert user(anonymous, settings, (log, role)).get(url).status == wanted, role
    public = make_project(settings, is_public=True)
    assert anonymous.get(f"/projects/{public.project}/{path}").status == 401
    assert harbor_admin.get(f"/projects/no-such-project/{path}").status == 404


@pytest.mark.parametrize("path", ["/auditlog-exts", "/audit-logs"])
def test_everybody_sees_the_logs_of_their_projects_together(
    anonymous: HarborClient, harbor_admin: HarborClient, settings: Settings, log: Log, path: str
) -> None:
    other, hidden = make_project(settings), make_project(settings)
    now = int(time.time())
    for number in range(6):
        (log, other, hidden)[number % 3].write(
            (log, other, hidden)[number % 3].event(number), at=now - 10_000 + number * 1000
        )
    assert anonymous.get(path).status == 401
    nobody = user(anonymous, settings)
    assert (names(nobody.get(path)), total(nobody.get(path))) == ([], 0)
    member = user(anonymous, settings, (log, "projectAdmin"), (other, "projectAdmin"), (hidden, "maintainer"))
    assert names(member.get(path)) == ["v4", "v3", "v1", "v0"]
    assert total(member.get(path)) == 4
    assert names(member.get(path, params={"page": 2, "page_size": 3})) == ["v0"]
    assert names(member.get(path, params={"q": "resource=~v3"})) == ["v3"]
    first, last = (datetime.fromtimestamp(now - ago, UTC).strftime("%Y-%m-%d %H:%M:%S") for ago in (10_001, 4_000))
    window = f"op_time=[{first}~{last}]"
    everything = harbor_admin.get(path, params={"q": window, "page_size": 100}).json()
    assert {row["resource"] for row in everything} >= {
        f"{p.project}/app:v{n}" for n, p in enumerate((log, other, hidden))
    }


def test_who_is_in_very_many_projects_sees_them_too(anonymous: HarborClient, settings: Settings, log: Log) -> None:
    many = [make_project(settings) for _ in range(26)]
    many[0].write(many[0].event(1))
    many[25].write(many[25].event(2))
    log.write(log.event(3))
    member = user(anonymous, settings, *((project, "projectAdmin") for project in many))
    assert names(member.get("/auditlog-exts")) == ["v2", "v1"]


def test_event_types_are_harbors(anonymous: HarborClient, harbor_admin: HarborClient, settings: Settings) -> None:
    assert anonymous.get("/auditlog-exts/events").status == 401
    assert user(anonymous, settings).get("/auditlog-exts/events").status == 403
    types = [row["event_type"] for row in harbor_admin.get("/auditlog-exts/events").json()]
    assert types[:3] == ["create_artifact", "delete_artifact", "pull_artifact"]
    assert len(types) == 18


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page_size": 0}, 422),
        ({"page_size": 101}, 422),
        ({"page": 0}, 422),
        ({"page": "x"}, 422),
        ({"q": "operation"}, 400),
        ({"q": "op_time=[a"}, 400),
        ({"q": "=x"}, 400),
        ({"q": "op_time=[2026-13-40 00:00:00~]"}, 200),
        ({"sort": "nothing"}, 200),
    ],
)
def test_bad_input_is_refused(harbor_admin: HarborClient, log: Log, params: dict[str, Any], status: int) -> None:
    assert harbor_admin.get(f"/projects/{log.project}/auditlog-exts", params=params).status == status
