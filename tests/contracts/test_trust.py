"""What every store of trust policies promises: run on the fake and on DynamoDB as the emulator plays it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.aws import keys
from chalicelib.aws.table import Table
from chalicelib.aws.tables import NameItem
from chalicelib.aws.trust import DynamoTrust
from chalicelib.errors import RegistryError
from chalicelib.rbac.trust import MAX_POLICIES, TrustGrant, TrustPolicy
from tests.fakes.trust import FakeTrust


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Any:
    if request.param == "fake":
        return FakeTrust()
    return DynamoTrust(request.getfixturevalue("table"))


@pytest.fixture
def project_id(table: Table) -> int:
    """A project that is there, and so is the next."""
    number = uuid.uuid4().int % 10**9
    for found in (number, number + 1):
        table.write([table.put(NameItem(keys.project_id(found), keys.NAME, name="team"))])
    return number


def policy(name: str = "main") -> TrustPolicy:
    grants = (TrustGrant("app", "v*", frozenset({"pull", "push"})), TrustGrant("**", "**", frozenset({"pull"})))
    claims = {"repository": ("acme/app",), "ref": ("refs/heads/main", "refs/tags/v*")}
    return TrustPolicy(0, name, "https://ci.example.com", "registry", claims, grants, 600, "of the main branch")


def refusal(act: Any) -> str:
    with pytest.raises(RegistryError) as caught:
        act()
    return caught.value.code


def test_a_policy_is_found_as_it_was_stored(store, project_id):
    made = store.add(project_id, policy())
    assert made.id > 0
    assert list(store.find(project_id)) == [policy()._replace(id=made.id)]
    assert list(store.find(project_id + 1)) == []


def test_policies_are_found_in_the_order_they_were_made(store, project_id):
    made = [store.add(project_id, policy(name)) for name in ("b", "a", "c")]
    assert list(store.find(project_id)) == made
    assert len({p.id for p in made}) == 3


def test_a_name_is_used_once_in_a_project(store, project_id):
    made = store.add(project_id, policy())
    other = store.add(project_id, policy("other"))
    assert refusal(lambda: store.add(project_id, policy())) == "CONFLICT"
    assert refusal(lambda: store.replace(project_id, other._replace(name="main"))) == "CONFLICT"
    store.replace(project_id, made._replace(expires_s=60))
    assert store.find(project_id)[0].expires_s == 60
    store.add(project_id + 1, policy())


def test_a_removed_policy_is_gone(store, project_id):
    made = store.add(project_id, policy())
    store.remove(project_id, made.id)
    assert list(store.find(project_id)) == []
    assert refusal(lambda: store.remove(project_id, made.id)) == "NOT_FOUND"
    assert refusal(lambda: store.replace(project_id, made)) == "NOT_FOUND"
    assert store.add(project_id, policy()).id != made.id


def test_all_policies_of_a_deleted_project_go(store, project_id):
    store.add(project_id, policy())
    store.remove_all(project_id)
    assert list(store.find(project_id)) == []


def test_there_are_fifty_at_most_even_when_many_come_at_once(store, project_id):
    for number in range(MAX_POLICIES - 2):
        store.add(project_id, policy(f"p{number}"))

    def add(number: int) -> str:
        try:
            store.add(project_id, policy(f"late{number}"))
        except RegistryError as error:
            return error.code
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(add, range(4)))
    assert sorted(answers) == ["PRECONDITION", "PRECONDITION", "stored", "stored"]
    assert len(store.find(project_id)) == MAX_POLICIES


def test_finding_costs_one_query(table, project_id, calls):
    store = DynamoTrust(table)
    store.add(project_id, policy())
    calls()
    store.find(project_id)
    assert calls() == {"DynamoDB.Query": 1}
