"""Settings: what a deployment with two hosts says of itself, and what is refused."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings, SettingsError
from tests.client import Client, basic

REGISTRY, CONSOLE = "https://r1.example.com", "https://c1.example.com"


def test_without_a_console_of_its_own_everything_is_at_the_public_address() -> None:
    settings = Settings.from_environ({"MOORAGE_PUBLIC_URL": REGISTRY})
    assert (settings.management_url, settings.realm) == (REGISTRY, f"{REGISTRY}/service/token")


def test_the_challenge_names_the_console_where_that_is_another_host() -> None:
    settings = Settings.from_environ({"MOORAGE_PUBLIC_URL": REGISTRY, "MOORAGE_CONSOLE_URL": f"{CONSOLE}/"})
    assert (settings.public_url, settings.realm) == (REGISTRY, f"{CONSOLE}/service/token")
    assert settings.upload_url == REGISTRY


def test_a_token_of_the_console_opens_the_registry_at_its_own_host(settings: Settings) -> None:
    """Two functions with the same settings, as the two REST APIs have."""
    two = replace(settings, public_url=REGISTRY, console_url=CONSOLE)
    bootstrap.provision(two, "admin-secret", now=int(time.time()))
    api = bootstrap.registry(two)
    challenge = Client(api).get("/v2/").headers["www-authenticate"]
    assert f'realm="{CONSOLE}/service/token"' in challenge
    admin = Client(api, basic("admin", "admin-secret"))
    assert admin.login("registry:catalog:*").get("/v2/").status == 200
    documents = admin.get("/api/v2.0/systeminfo").json()
    assert (documents["registry_url"], documents["external_url"]) == ("r1.example.com", CONSOLE)


@pytest.mark.parametrize("name", ["MOORAGE_CONSOLE_URL", "MOORAGE_SCAN_JOBS_URL"])
def test_an_address_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: "console.example.com"})
