"""The registry about itself."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.harbor.call import Call
from chalicelib.harbor.description import Values
from chalicelib.harbor.system import HARBOR_VERSION, System, probed
from chalicelib.http import Request, Response
from chalicelib.rbac.model import ANONYMOUS
from tests.harbor.client import HarborClient


def test_ping_is_text(anonymous: HarborClient) -> None:
    answer = anonymous.get("/ping")
    assert (answer.status, answer.body) == (200, b"Pong")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_registry_whose_components_work_is_healthy(anonymous: HarborClient) -> None:
    document = anonymous.get("/health").json()
    assert document["status"] == "healthy"
    assert [c["name"] for c in document["components"]] == ["core", "database", "storage", "keys"]
    assert {c["status"] for c in document["components"]} == {"healthy"}


def test_what_does_not_work_is_named_without_telling_why() -> None:
    def fails() -> None:
        raise OSError("bucket prod-secret is gone")

    assert probed({"database": fails, "storage": lambda: 1}, 3) == {"database": "it answers with an error"}


def test_health_waits_for_all_components_together_and_not_longer() -> None:
    never = threading.Event()
    began = time.monotonic()
    found = probed({"database": never.wait, "storage": never.wait, "keys": lambda: 1}, 0.2)
    never.set()
    assert found == {"database": "it does not answer", "storage": "it does not answer"}
    assert time.monotonic() - began < 0.39


def test_asking_for_health_all_the_time_makes_no_work(settings: Settings) -> None:
    uses: list[int] = []
    system = System(settings, None, None, {"database": lambda: uses.append(1)})  # type: ignore[arg-type]
    ask: Callable[[int], Response] = lambda now: system.operations()["getHealth"](  # noqa: E731
        Call(Request("GET", "/api/v2.0/health"), ANONYMOUS, "getHealth", Values(), now)
    )
    for now in (100, 101, 104):
        assert ask(now).status == 200
    assert len(uses) == 1
    ask(105)
    assert len(uses) == 2


def test_strangers_learn_how_to_log_in_and_nothing_else(anonymous: HarborClient) -> None:
    document = anonymous.get("/systeminfo").json()
    assert document["auth_mode"] == "db_auth"
    assert document["self_registration"] is False
    assert not {"harbor_version", "external_url", "current_time", "read_only"} & document.keys()


def test_who_is_logged_in_learns_the_rest(harbor_admin: HarborClient, settings: Settings) -> None:
    document = harbor_admin.get("/systeminfo").json()
    assert document["external_url"] == settings.public_url
    assert document["registry_url"] == settings.public_url.partition("://")[2]
    assert document["has_ca_root"] is document["read_only"] is False
    assert document["project_creation_restriction"] in ("everyone", "adminonly")
    assert document["harbor_version"] == HARBOR_VERSION


def test_the_version_names_this_release() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert HARBOR_VERSION.endswith(f"-moorage-{project['version']}")
    assert HARBOR_VERSION.startswith("v2.")


@pytest.mark.parametrize("who", ["anonymous", "user"])
def test_volumes_are_for_administrators(
    anonymous: HarborClient, harbor_admin: HarborClient, settings: Settings, who: str
) -> None:
    if who == "user":
        people = bootstrap.users(settings)
        if people.find("system-reader") is None:
            people.create("system-reader", "Reader-secret-1", is_admin=False, now=1)
        answer = anonymous.basic("system-reader", "Reader-secret-1").get("/systeminfo/volumes")
        assert (answer.status, answer.error_code) == (403, "FORBIDDEN")
        return
    assert anonymous.get("/systeminfo/volumes").status == 401
    (storage,) = harbor_admin.get("/systeminfo/volumes").json()["storage"]
    assert storage["free"] <= storage["total"] < 2**63


def test_there_is_no_certificate_to_download(harbor_admin: HarborClient) -> None:
    answer = harbor_admin.get("/systeminfo/getcert")
    assert (answer.status, answer.error_code) == (404, "NOT_FOUND")
