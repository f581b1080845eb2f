"""What `rbac.ports.ConfigurationStore` promises, held against the fake and against DynamoDB and Secrets Manager."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.aws import keys, provision
from chalicelib.aws.configuration import DynamoConfiguration
from chalicelib.aws.secrets import Secrets
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.ports import ConfigurationStore
from tests.fakes.configuration import FakeConfiguration


@pytest.fixture(params=["fake", "aws"])
def store(request: pytest.FixtureRequest) -> ConfigurationStore:
    if request.param == "fake":
        return FakeConfiguration()
    name = f"c{uuid.uuid4().hex}"
    settings: Settings = replace(request.getfixturevalue("settings"), table=name, identity_secret=f"{name}/identity")
    provision.create_table(settings)
    return DynamoConfiguration(settings, Table(settings), Secrets(settings))


def test_nothing_was_changed_at_first(store: ConfigurationStore) -> None:
    assert store.read() == ({}, 0)
    assert store.read_secrets() == {}


def test_what_was_written_is_read_with_the_next_version(store: ConfigurationStore) -> None:
    assert store.write({"read_only": True, "token_expiration": 5, "banner_message": ""}, version=0)
    values, version = store.read()
    assert values == {"read_only": True, "token_expiration": 5, "banner_message": ""}
    assert store.write({"read_only": False}, version=version)
    assert store.read()[0] == {"read_only": False}


def test_write_over_another_write_is_refused(store: ConfigurationStore) -> None:
    assert store.write({"read_only": True}, version=0)
    assert not store.write({"read_only": False}, version=0)
    assert not store.write({"read_only": False}, version=7)
    assert store.read()[0] == {"read_only": True}


def test_changes_at_the_same_time_are_all_kept(store: ConfigurationStore) -> None:
    options = [f"ldap_{name}" for name in ("url", "base_dn", "search_dn", "filter")]
    configurations = Configurations(Settings(), store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: configurations.change({name: name}), options))
    assert store.read()[0] == {name: name for name in options}


def test_secrets_set_at_the_same_time_are_all_kept(store: ConfigurationStore) -> None:
    wanted = [{"oidc_client_secret": "one"}, {"ldap_search_password": "two"}]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Configurations(Settings(), store).change, wanted))
    assert store.read_secrets() == {"oidc_client_secret": "one", "ldap_search_password": "two"}


def test_secrets_are_kept_apart(store: ConfigurationStore) -> None:
    store.write_secret("oidc_client_secret", "one")
    store.write_secret("ldap_search_password", "three")
    store.write_secret("oidc_client_secret", "two")
    assert store.read_secrets() == {"oidc_client_secret": "two", "ldap_search_password": "three"}
    assert store.read() == ({}, 0)


def test_no_secret_is_in_the_table(settings: Settings, table: Table) -> None:
    own = replace(settings, identity_secret=f"{uuid.uuid4().hex}/identity")
    store = DynamoConfiguration(own, table, Secrets(own))
    Configurations(own, store).change({"oidc_client_secret": "hunter2-hunter2", "oidc_name": "test"})
    item = table.get(keys.CONFIGURATION, keys.CONFIGURATION)
    assert item is not None
    assert "hunter2" not in str(item.serialize())
    assert store.read_secrets() == {"oidc_client_secret": "hunter2-hunter2"}
