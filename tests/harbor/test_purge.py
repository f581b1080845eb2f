"""The purge of the audit log over the API: what goes, what stays, and that totals are right after it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings
from tests.harbor.client import HarborClient
from tests.harbor.test_audit import Log, make_project, total, user

PURGES = "/system/purgeaudit"
HOUR = 3600


def asked(hours: int, types: str, *, is_dry_run: bool = False, **schedule: str) -> dict[str, Any]:
    parameters = {"audit_retention_hour": hours, "include_event_types": types, "dry_run": is_dry_run}
    return {"schedule": schedule or {"type": "Manual"}, "parameters": parameters}


def run(client: HarborClient, hours: int, types: str, *, is_dry_run: bool = False) -> dict[str, Any]:
    answer = client.post(f"{PURGES}/schedule", json=asked(hours, types, is_dry_run=is_dry_run))
    assert answer.status == 201, answer
    execution = client.get(answer.headers["location"]).json()
    assert execution["job_status"] == "Success"
    return dict(execution)


def log_of(client: HarborClient, execution: dict[str, Any]) -> str:
    answer = client.get(f"{PURGES}/{execution['id']}/log")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    return answer.body.decode()


@pytest.fixture
def log(api: object, settings: Settings) -> Log:
    """A log with a pull, a push, the making of a project and a deleted tag, 1, 3, 5 and 60 hours ago."""
    made, now = make_project(settings), time.time()
    for hours in (1, 3, 5, 60):
        made.write(
            made.event(hours),
            made.event(hours, operation="create"),
            made.event(hours, operation="create", resource_type="project"),
            made.event(hours, operation="delete", resource_type="tag"),
            at=now - hours * HOUR,
        )
    return made


def left(client: HarborClient, log: Log) -> tuple[int, int]:
    """Rows counted, and rows there."""
    url = f"/projects/{log.project}/auditlog-exts"
    answer, searched = client.get(url, params={"page_size": 100}), client.get(url, params={"q": "username=ann"})
    assert len(answer.json()) == total(searched)
    return total(answer), len(answer.json())


@pytest.mark.parametrize(
    ("hours", "types", "gone"),
    [
        (4, "pull_artifact", 2),
        (2, "pull_artifact,create_artifact", 6),
        (4, "other", 4),
        (4, "CREATE_PROJECT", 2),
        (4, "pull_artifact,other,create_artifact", 8),
        (200, "pull_artifact,create_artifact,other", 0),
        (4, "", 0),
        (4, "no_such_type", 0),
        (0, "pull_artifact", 0),
        (-1, "pull_artifact", 0),
    ],
)
def test_rows_older_than_some_hours_go_by_type(
    harbor_admin: HarborClient, log: Log, hours: int, types: str, gone: int
) -> None:
    run(harbor_admin, hours, types)
    assert left(harbor_admin, log) == (16 - gone, 16 - gone)


def test_a_dry_run_says_what_would_go(harbor_admin: HarborClient, log: Log) -> None:
    run(harbor_admin, 4, "pull_artifact")
    log.write(*(log.event(number) for number in range(5)), at=time.time() - 7 * HOUR)
    execution = run(harbor_admin, 4, "pull_artifact", is_dry_run=True)
    assert left(harbor_admin, log) == (19, 19)
    said = log_of(harbor_admin, execution)
    assert "Purge audit job start" in said
    assert "retention_hour:4, include_event_types:['pull_artifact'], dry_run:true" in said
    assert "[DRYRUN]Purged 5 rows of audit log exts" in said


def test_purging_twice_takes_nothing_more(harbor_admin: HarborClient, log: Log) -> None:
    run(harbor_admin, 4, "pull_artifact")
    assert "Purged 0 rows" in log_of(harbor_admin, run(harbor_admin, 4, "pull_artifact"))
    assert left(harbor_admin, log) == (14, 14)


def test_a_project_without_rows_has_an_empty_log(harbor_admin: HarborClient, settings: Settings) -> None:
    log = make_project(settings)
    log.write(log.event(1), at=time.time() - 9 * HOUR)
    run(harbor_admin, 4, "pull_artifact")
    assert left(harbor_admin, log) == (0, 0)


def test_executions_are_listed_newest_first(harbor_admin: HarborClient) -> None:
    ids = [run(harbor_admin, 100, "other", is_dry_run=True)["id"] for _ in range(3)]
    answer = harbor_admin.get(PURGES, params={"page_size": 2})
    assert [row["id"] for row in answer.json()] == ids[:0:-1]
    assert total(answer) >= 3
    assert harbor_admin.get(PURGES, params={"q": f"id={ids[0]}"}).json() == [
        harbor_admin.get(f"{PURGES}/{ids[0]}").json()
    ]
    assert [row["id"] for row in harbor_admin.get(PURGES, params={"sort": "id", "q": f"id=[{ids[0]}~]"}).json()] == ids
    row = answer.json()[0]
    assert (row["job_name"], row["job_kind"], row["schedule"]["type"]) == ("PURGE_AUDIT_LOG", "MANUAL", "Manual")
    assert json.loads(row["job_parameters"])["audit_retention_hour"] == 100
    assert harbor_admin.put(f"{PURGES}/{ids[0]}").status == 200
    assert harbor_admin.get(f"{PURGES}/{ids[0]}").json()["job_status"] == "Success"


def test_only_so_many_executions_are_kept(harbor_admin: HarborClient) -> None:
    first = run(harbor_admin, 100, "", is_dry_run=True)
    for _ in range(50):
        run(harbor_admin, 100, "", is_dry_run=True)
    assert total(harbor_admin.get(PURGES)) == 50
    assert harbor_admin.get(f"{PURGES}/{first['id']}").status == 404


def test_a_schedule_is_made_changed_and_removed(harbor_admin: HarborClient) -> None:
    url = f"{PURGES}/schedule"
    harbor_admin.put(url, json=asked(24, "other", type="None", cron=""))
    assert harbor_admin.get(url).json() == {}
    daily = asked(168, "pull_artifact", type="Daily", cron="0 0 0 * * *")
    assert harbor_admin.post(url, json=daily).status == 201
    shown = harbor_admin.get(url).json()
    assert (shown["schedule"]["type"], shown["schedule"]["cron"]) == ("Daily", "0 0 0 * * *")
    assert shown["schedule"]["next_scheduled_time"].endswith("T00:00:00.000Z")
    assert json.loads(shown["job_parameters"]) == daily["parameters"]
    assert harbor_admin.put(url, json=asked(24, "other", type="Custom", cron="0 30 2 * * mon")).status == 200
    assert harbor_admin.get(url).json()["schedule"]["cron"] == "0 30 2 * * mon"
    assert harbor_admin.put(url, json={"schedule": {"type": "None"}}).status == 200
    assert harbor_admin.get(url).json() == {}


def test_the_schedule_runs_when_it_is_due_and_once(harbor_admin: HarborClient, settings: Settings, log: Log) -> None:
    url, now, purge = f"{PURGES}/schedule", int(time.time()), bootstrap.purge(settings)
    assert harbor_admin.post(url, json=asked(4, "pull_artifact", type="Hourly", cron="0 0 * * * *")).status == 201
    due = now // HOUR * HOUR + HOUR
    purge.take_turn(now=now)
    assert left(harbor_admin, log) == (16, 16)
    assert purge.take_turn(now=due) >= 2
    assert left(harbor_admin, log) in ((14, 14), (13, 13))
    newest = harbor_admin.get(PURGES).json()[0]
    assert (newest["job_kind"], newest["schedule"]["type"], newest["job_status"]) == ("SCHEDULE", "Schedule", "Success")
    assert purge.take_turn(now=due) == 0
    harbor_admin.put(url, json={"schedule": {"type": "None"}})


BAD: list[Any] = [
    {},
    {"schedule": {}, "parameters": asked(1, "other")["parameters"]},
    {"schedule": {"type": "Manual"}},
    {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}},
    {"schedule": {"type": "Manual"}, "parameters": {"audit_retention_hour": 1}},
    {"schedule": {"type": "Manual"}, "parameters": {"audit_retention_hour": "1", "include_event_types": "other"}},
    {"schedule": {"type": "Manual"}, "parameters": {"audit_retention_hour": 1.5, "include_event_types": "other"}},
    {"schedule": {"type": "Manual"}, "parameters": {"audit_retention_hour": True, "include_event_types": "other"}},
    {"schedule": {"type": "Manual"}, "parameters": {"audit_retention_hour": 1, "include_event_types": ["other"]}},
    asked(240_001, "other"),
    asked(1, "other", type="Custom", cron=""),
    asked(1, "other", type="Daily", cron="0 0 * * *"),
    asked(1, "other", type="Hourly", cron="1 0 * * * *"),
    asked(1, "other", type="Custom", cron="0 0 25 * * *"),
]


@pytest.mark.parametrize("body", BAD, ids=json.dumps)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_no_schedule_is_refused(harbor_admin: HarborClient, method: str, body: Any) -> None:
    assert harbor_admin.send(method, f"{PURGES}/schedule", json=body).status == 400


def test_a_schedules_type_is_one_of_harbors(harbor_admin: HarborClient) -> None:
    assert (
        harbor_admin.post(f"{PURGES}/schedule", json=asked(1, "other", type="Yearly", cron="0 0 0 1 1 *")).status == 422
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/1"),
        ("PUT", "/1"),
        ("GET", "/1/log"),
        ("GET", "/schedule"),
        ("POST", "/schedule"),
        ("PUT", "/schedule"),
    ],
)
def test_the_purge_is_for_administrators(anonymous: HarborClient, settings: Settings, method: str, path: str) -> None:
    body = asked(1, "other") if path == "/schedule" and method != "GET" else None
    assert anonymous.send(method, PURGES + path, json=body).status == 401
    assert user(anonymous, settings).send(method, PURGES + path, json=body).status == 403


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("GET", "/log")])
@pytest.mark.parametrize("number", ["999999999", "0", "-1"])
def test_an_execution_that_is_not_there_is_404(harbor_admin: HarborClient, method: str, path: str, number: str) -> None:
    assert harbor_admin.send(method, f"{PURGES}/{number}{path}").status == 404
