"""What `rbac.people.GroupStore` promises, held against the fake and against DynamoDB."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.aws import provision
from chalicelib.aws.groups import DynamoGroups
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.principals import DynamoPrincipals, user_item
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.rbac.identity import IdentityGroup
from chalicelib.rbac.member import GROUP, Entity
from chalicelib.rbac.model import User
from chalicelib.rbac.people import GroupStore
from tests.fakes.people import FakeGroups

LDAP, HTTP, OIDC = 1, 2, 3


@pytest.fixture
def own_table(settings: Settings) -> Table:
    own: Settings = replace(settings, table=f"g{uuid.uuid4().hex}")
    provision.create_table(own)
    return Table(own)


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> GroupStore:
    return FakeGroups() if request.param == "fake" else DynamoGroups(request.getfixturevalue("own_table"))


def test_no_group_is_there_at_first(store: GroupStore) -> None:
    assert (store.find(1), store.known("oidc", [IdentityGroup("dev")]), store.known("oidc", [])) == (None, [], [])
    assert (store.page(0, 10, False), store.rows()) == (([], 0), [])
    assert not store.remove(1)


def test_group_is_found_by_id_and_by_what_its_source_calls_it(store: GroupStore) -> None:
    dev = store.create(OIDC, "dev", "")
    ops = store.create(LDAP, "ops", "CN=Ops, DC=example")
    assert dev is not None
    assert ops is not None
    assert store.find(dev.group_id) == dev
    assert store.lookup(OIDC, "dev", "") == dev
    assert store.lookup(LDAP, "", "cn=ops,dc=example") == ops
    assert (store.lookup(HTTP, "dev", ""), store.lookup(OIDC, "ops", "")) == (None, None)
    assert store.known("oidc", [IdentityGroup("dev"), IdentityGroup("qa"), IdentityGroup("ops")]) == [dev]
    assert store.known("ldap", [IdentityGroup("whatever", "cn=ops,dc=EXAMPLE")]) == [ops]
    assert store.known("ldap", [IdentityGroup("long", "x" * 5000)]) == []
    assert (store.rows(), store.page(1, 10, False)) == ([dev, ops], ([ops], 2))


def test_group_of_a_type_is_one_by_name_and_of_ldap_by_dn(store: GroupStore) -> None:
    assert store.create(OIDC, "dev", "") is not None
    assert store.create(OIDC, "dev", "") is None
    assert store.create(HTTP, "dev", "") is not None
    assert store.create(LDAP, "dev", "cn=dev") is not None
    assert store.create(LDAP, "dev", "cn=dev,dc=other") is not None
    assert store.create(LDAP, "other", "CN=dev") is None
    assert store.page(0, 10, False)[1] == 4


def test_of_many_who_make_a_group_one_does(store: GroupStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: store.create(OIDC, "dev", ""), range(8)))
    assert sum(group is not None for group in made) == 1
    assert store.page(0, 10, False)[1] == 1


def test_renamed_group_is_found_by_its_new_name_only(store: GroupStore) -> None:
    dev, ops = store.create(OIDC, "dev", ""), store.create(OIDC, "ops", "")
    ldap = store.create(LDAP, "dev", "cn=dev")
    assert dev and ops and ldap
    assert not store.rename(dev, "ops")
    assert store.rename(dev, "devs")
    assert not store.rename(dev, "again")
    assert store.rename(ldap, "developers")
    assert [group.name for group in store.rows()] == ["devs", "ops", "developers"]
    assert store.known("oidc", [IdentityGroup("dev")]) == []
    assert [group.name for group in store.known("oidc", [IdentityGroup("devs")])] == ["devs"]
    assert [group.name for group in store.known("ldap", [IdentityGroup("", "cn=dev")])] == ["developers"]
    assert store.create(OIDC, "dev", "") is not None


def test_removed_group_is_gone_and_its_id_is_not_given_again(store: GroupStore) -> None:
    dev = store.create(OIDC, "dev", "")
    assert dev is not None
    assert store.remove(dev.group_id)
    assert not store.remove(dev.group_id)
    assert not store.rename(dev, "devs")
    assert (store.find(dev.group_id), store.rows(), store.page(0, 10, False)) == (None, [], ([], 0))
    again = store.create(OIDC, "dev", "")
    assert again is not None
    assert again.group_id > dev.group_id


def test_removed_group_leaves_no_grant_behind(own_table: Table) -> None:
    groups, principals, members = DynamoGroups(own_table), DynamoPrincipals(own_table), DynamoMembers(own_table)
    from chalicelib.aws.projects import DynamoProjects  # noqa: PLC0415

    team = DynamoProjects(own_table).create_project("team", is_public=False, by="x", now=1)
    dev = groups.create(OIDC, "dev", "")
    assert team is not None
    assert dev is not None
    assert members.add(team, Entity(GROUP, dev.group_id, "dev"), "developer") is not None
    own_table.write([own_table.put(user_item(User("ann", "$hash", user_id=2, groups=(dev.group_id,))))])
    assert [grant.role for grant in principals.facts("ann", ["team"]).granted("team")] == ["developer"]
    assert groups.remove(dev.group_id)
    assert principals.facts("ann", ["team"]).granted("team") == ()
    assert members.every(team.project_id) == []
