"""The configuration through the API, and what it does to the rest."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.config import Settings
from chalicelib.rbac.configuration import DEFAULTS, FIXED, READ_ONLY, SECRETS
from tests.harbor.fresh import Registry


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    return Registry(settings)


def test_every_option_has_a_value_and_says_whether_it_can_be_changed(registry: Registry) -> None:
    found = registry.admin.get("/configurations").json()
    assert found.keys() == DEFAULTS.keys()
    assert {name: item["value"] for name, item in found.items()} == DEFAULTS
    assert {name for name, item in found.items() if not item["editable"]} == FIXED
    assert found["auth_mode"] == {"value": "db_auth", "editable": True}


def test_changed_options_are_read_back_and_the_rest_stays(registry: Registry) -> None:
    answer = registry.admin.put("/configurations", json={"banner_message": "hello", "robot_token_duration": 7})
    assert (answer.status, answer.body) == (200, b"")
    registry.configure(banner_message="bye")
    found = registry.admin.get("/configurations").json()
    assert (found["banner_message"]["value"], found["robot_token_duration"]["value"]) == ("bye", 7)


def test_whole_configuration_may_be_written_as_it_was_read(registry: Registry) -> None:
    found = registry.admin.get("/configurations").json()
    registry.configure(**{name: item["value"] for name, item in found.items()})
    assert registry.admin.get("/configurations").json() == found


def test_options_moorage_adds_are_options_like_any_other(registry: Registry) -> None:
    registry.configure(audit_log_retention_days=30, pull_audit_log_disable=True)
    found = registry.admin.get("/configurations").json()
    assert (found["audit_log_retention_days"]["value"], found["pull_audit_log_disable"]["value"]) == (30, True)


def test_secrets_are_written_and_never_shown(registry: Registry) -> None:
    for name in SECRETS:
        registry.configure(**{name: "hunter2-hunter2"})
    answer = registry.admin.get("/configurations")
    assert "hunter2" not in answer.body.decode()
    assert not set(SECRETS) & answer.json().keys()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 400),
        ({"no_such_option": 1}, 400),
        ({"no_such_option": 1, "banner_message": "x"}, 200),
        ({"read_only": "true"}, 422),
        ({"token_expiration": "30"}, 422),
        ({"token_expiration": 61}, 400),
        ({"token_expiration": 10**20}, 422),
        ({"auth_mode": "uaa_auth"}, 400),
        ({"uaa_endpoint": "https://uaa"}, 400),
        ({"storage_per_project": 0}, 400),
        ({"robot_name_prefix": ""}, 400),
        ({"banner_message": "x" * 3000}, 400),
        ({"banner_message": None}, 400),
        ([], 422),
        ("x", 422),
    ],
)
def test_bad_options_are_refused(registry: Registry, sent: Any, status: int) -> None:
    assert registry.admin.put("/configurations", json=sent).status == status


def test_configuration_is_for_administrators(registry: Registry) -> None:
    registry.add("ann")
    for method, sent in (("GET", None), ("PUT", {"banner_message": "x"})):
        assert registry.anonymous.send(method, "/configurations", json=sent).status == 401
        assert registry.user("ann").send(method, "/configurations", json=sent).status == 403


def test_read_only_registry_refuses_changes_but_for_the_way_out(settings: Settings) -> None:
    registry = Registry(settings)
    registry.configure(read_only=True)
    refused = registry.admin.post("/projects", json={"project_name": "new"})
    assert (refused.status, refused.json()["errors"][0]) == (403, {"code": "DENIED", "message": READ_ONLY})
    assert registry.admin.delete("/users/1").error_code == "DENIED"
    push = registry.admin.post("/v2/library/app/blobs/uploads/")
    assert (push.status, push.error_code) == (403, "DENIED")
    assert registry.admin.get("/users").status == 200
    assert registry.admin.get("/service/token?scope=repository:library/app:push,pull").status == 200
    registry.configure(read_only=False)
    assert registry.admin.post("/v2/library/app/blobs/uploads/").status == 202


def test_tokens_live_as_long_as_configured(settings: Settings) -> None:
    registry = Registry(settings)
    registry.configure(token_expiration=45)
    assert registry.admin.get("/service/token").json()["expires_in"] == 2700
