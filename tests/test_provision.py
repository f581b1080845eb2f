"""The provisioning of a deployment, and the rotation of its keys on schedule: the entrypoints, as Lambda calls them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

import app
from chalicelib import bootstrap
from chalicelib.aws import provision as tables
from chalicelib.aws.secrets import Secrets
from chalicelib.config import Settings
from tests.client import Client, basic

DAY_S = 86400


@pytest.fixture
def bare(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """What Terraform makes: a table, a bucket, and no more."""
    name = f"bare-{uuid.uuid4().hex}"
    secrets = {kind: f"{name}/{kind}" for kind in ("token_keys", "registry_keys", "admin")}
    made = replace(settings, table=name, bucket=name, **{f"{kind}_secret": value for kind, value in secrets.items()})
    tables.create_table(made)
    tables.create_bucket(made)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.dynamodb_endpoint_url)
    for variable, value in {
        "TABLE": name,
        "BUCKET": name,
        **{f"{kind}_SECRET".upper(): value for kind, value in secrets.items()},
    }.items():
        monkeypatch.setenv(f"MOORAGE_{variable}", value)
    app._settings.cache_clear()
    yield made
    app._settings.cache_clear()


def logs_in(settings: Settings, password: str) -> bool:
    return Client(bootstrap.registry(settings), basic("admin", password)).get("/service/token").status == 200


def test_the_first_password_is_in_the_secret_and_works(bare: Settings) -> None:
    assert app.provision({}, None) == {"made_admin": True}
    password = Secrets(bare).read_text(bare.admin_secret)
    assert password is not None
    assert len(password) >= 20
    assert logs_in(bare, password)


def test_provisioning_again_changes_nothing(bare: Settings) -> None:
    app.provision({}, None)
    password, keys = Secrets(bare).read_text(bare.admin_secret), Secrets(bare).read(bare.token_keys_secret)
    assert app.provision({}, None) == {"made_admin": False}
    assert (Secrets(bare).read_text(bare.admin_secret), Secrets(bare).read(bare.token_keys_secret)) == (password, keys)


def test_a_run_that_died_before_the_user_was_made_leaves_a_password_that_the_next_one_takes(bare: Settings) -> None:
    Secrets(bare).write_text(bare.admin_secret, "left-by-the-first-run")
    assert app.provision({}, None) == {"made_admin": True}
    assert logs_in(bare, "left-by-the-first-run")


def test_a_changed_password_stays_changed(bare: Settings) -> None:
    app.provision({}, None)
    bootstrap.users(bare).reset_first(bootstrap.ADMIN, "Chosen-by-a-person-1", now=int(time.time()))
    app.provision({}, None)
    assert logs_in(bare, "Chosen-by-a-person-1")


def test_keys_are_rotated_once_however_often_the_schedule_comes(
    bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.provision({}, None)
    assert app.rotate_keys({}, None) == {"kid": None}, "the keys are new"
    later = int(time.time()) + 30 * DAY_S
    kid = bootstrap.rotate_keys(bare, now=later)
    assert kid is not None
    assert bootstrap.rotate_keys(bare, now=later + 60) is None
    stored = Secrets(bare).read(bare.token_keys_secret)
    assert stored is not None
    assert next(key["kid"] for key in stored["keys"]) == kid
    assert len(stored["keys"]) == 2
