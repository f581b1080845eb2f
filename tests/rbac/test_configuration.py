"""The configuration as a value: what may be written, what is read, and how old it may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.rbac.configuration import DEFAULTS, FIXED, KEEP_S, SECRETS, Configuration, Configurations, check
from tests.fakes.configuration import FakeConfiguration

NOW = 1_800_000_000


def test_defaults_are_harbors_but_for_the_tokens_life_which_is_the_deployments() -> None:
    current = Configurations(Settings(token_s=600), FakeConfiguration()).current(now=NOW)
    assert current == Configuration(token_expiration=10)
    assert (current.project_creation_restriction, current.robot_name_prefix) == ("everyone", "robot$")
    assert not current.has_ldap
    assert not current.has_oidc


def test_every_default_may_be_written_as_it_is() -> None:
    store = FakeConfiguration()
    Configurations(Settings(), store).change(DEFAULTS)
    assert store.values == DEFAULTS


def test_change_is_seen_here_at_once_and_elsewhere_within_its_time() -> None:
    store = FakeConfiguration()
    here, there = Configurations(Settings(), store), Configurations(Settings(), store)
    assert not there.current(now=NOW).read_only
    here.change({"read_only": True, "no_such_option": 1})
    assert here.current(now=NOW).read_only
    assert not there.current(now=NOW + KEEP_S - 1).read_only
    assert there.current(now=NOW + KEEP_S).read_only


def test_configuration_is_read_once_in_its_time() -> None:
    store = FakeConfiguration()
    configurations = Configurations(Settings(), store)
    for seconds in range(KEEP_S):
        configurations.current(now=NOW + seconds)
        configurations.secret("oidc_client_secret", now=NOW + seconds)
    assert (store.reads, store.secret_reads) == (1, 1)


def test_secrets_are_written_one_by_one_and_never_among_the_options() -> None:
    store = FakeConfiguration()
    configurations = Configurations(Settings(), store)
    assert configurations.secret("oidc_client_secret", now=NOW) == ""
    configurations.change({"oidc_client_secret": "one"})
    configurations.change({"ldap_search_password": "two", "oidc_name": "x"})
    assert store.secrets == {"oidc_client_secret": "one", "ldap_search_password": "two"}
    assert store.values == {"oidc_name": "x"}
    assert configurations.secret("oidc_client_secret", now=NOW) == "one"
    assert not set(SECRETS) & DEFAULTS.keys()


@pytest.mark.parametrize("wanted", [{}, {"no_such_option": 1}, {"read_only": None}])
def test_request_without_an_option_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        Configurations(Settings(), FakeConfiguration()).change(wanted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_mode", "uaa_auth"),
        ("auth_mode", ""),
        ("project_creation_restriction", "nobody"),
        ("read_only", "true"),
        ("read_only", 1),
        ("token_expiration", 0),
        ("token_expiration", 61),
        ("token_expiration", True),
        ("session_timeout", -1),
        ("robot_token_duration", 0),
        ("robot_name_prefix", ""),
        ("robot_name_prefix", "ro bot"),
        ("robot_name_prefix", "$" * 3),
        ("robot_name_prefix", "ci$x"),
        ("storage_per_project", 0),
        ("storage_per_project", -2),
        ("storage_per_project", 2**60),
        ("ldap_scope", 3),
        ("ldap_timeout", 0),
        ("oidc_endpoint", "login.example.com"),
        ("oidc_endpoint", "https://user:password@login.example.com"),
        ("oidc_group_filter", "("),
        ("oidc_group_filter", "(a+)+$"),
        ("oidc_extra_redirect_parms", "[]"),
        ("oidc_extra_redirect_parms", '{"a": 1}'),
        ("oidc_extra_redirect_parms", "{"),
        ("oidc_scope", "profile,email"),
        ("banner_message", "x" * 2049),
        ("oidc_client_secret", 7),
        ("uaa_endpoint", "https://uaa.example.com"),
        ("http_authproxy_skip_search", True),
        ("skip_audit_log_database", True),
    ],
)
def test_wrong_value_is_refused_and_nothing_is_written(name: str, value: object) -> None:
    store = FakeConfiguration()
    with pytest.raises(RegistryError, match=f"BAD_REQUEST: {name} ") as caught:
        Configurations(Settings(), store).change({"banner_message": "x", "oidc_client_secret": "s", name: value})
    assert (store.values, store.secrets) == ({}, {})
    assert "password@" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oidc_endpoint", ""),
        ("oidc_endpoint", "https://login.example.com:8443/realms/main"),
        ("oidc_scope", "openid,profile"),
        ("oidc_scope", "openid profile"),
        ("oidc_group_filter", "^team-.*$"),
        ("storage_per_project", 10 * 2**40),
        ("robot_name_prefix", "bot+"),
        ("uaa_endpoint", ""),
    ],
)
def test_good_value_is_taken(name: str, value: object) -> None:
    configurations = Configurations(Settings(), FakeConfiguration())
    configurations.change({name: value})
    assert getattr(configurations.current(now=NOW), name) == value


def test_stored_options_of_another_version_do_no_harm() -> None:
    store = FakeConfiguration({"from_the_future": 1, "read_only": "yes", "token_expiration": 5})
    assert Configurations(Settings(), store).current(now=NOW) == Configuration(token_expiration=5)


@given(st.sampled_from([*DEFAULTS, *SECRETS]), st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.none()))
def test_any_value_is_taken_or_refused_with_a_sentence(name: str, value: object) -> None:
    try:
        check(name, value)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"
        assert error.message.startswith(name)
    else:
        assert type(value) is type(DEFAULTS.get(name, ""))
        assert name not in FIXED or value == DEFAULTS[name]
