"""What `rbac.ports.PrincipalStore` promises, held against the fake and against DynamoDB."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.aws import keys
from chalicelib.aws.principals import DynamoPrincipals, user_item
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.table import Table
from chalicelib.rbac.model import Facts, Failures, Grant, User
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.project_ports import ProjectMaker
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.routes import MAX_SCOPES
from tests.fakes.principals import FakePrincipals

NOW = 1_800_000_000


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> PrincipalStore:
    return FakePrincipals() if request.param == "fake" else DynamoPrincipals(request.getfixturevalue("table"))


@pytest.fixture
def maker(request: pytest.FixtureRequest, store: PrincipalStore) -> ProjectMaker:
    return store if isinstance(store, FakePrincipals) else DynamoProjects(request.getfixturevalue("table"))


@pytest.fixture
def ann() -> User:
    return User(f"ann-{uuid.uuid4().hex}", "$hash", created_at=NOW)


def known(store: PrincipalStore, user: User) -> None:
    """Make a user the store knows."""
    if isinstance(store, FakePrincipals):
        store.users[user.name] = user
    elif isinstance(store, DynamoPrincipals):
        store._table.write([store._table.put(user_item(user))])


@pytest.fixture
def team() -> str:
    return f"team-{uuid.uuid4().hex}"


def test_nothing_is_known_of_nobody(store: PrincipalStore, team: str) -> None:
    assert store.facts("", []) == Facts()
    assert store.facts("", [team]) == Facts()
    assert store.facts("nobody-at-all", [team], origin=f"192.0.2.1-{uuid.uuid4()}") == Facts()


def test_facts_hold_user_failures_projects_and_grants_of_what_was_asked(
    store: PrincipalStore, maker: ProjectMaker, ann: User, team: str
) -> None:
    known(store, ann)
    made, other = (
        maker.create_project(name, is_public=p, by="x", now=NOW) for name, p in ((team, False), ("o" + team, True))
    )
    assert made and other
    store.save_grant(ann.name, team, Grant(made.project_id, "guest"))
    store.save_grant(ann.name, "o" + team, Grant(other.project_id, "developer"))
    store.add_failure(ann.name, "192.0.2.1", seen=Failures(), now=NOW, keep_s=900)
    assert store.facts(ann.name, [team, "missing", team], origin="192.0.2.1") == Facts(
        ann, Failures(1, NOW + 900), {team: made}, {team: Grant(made.project_id, "guest")}
    )
    assert store.facts(ann.name, ["o" + team]).projects == {"o" + team: other}
    assert store.facts("", [team]) == Facts(projects={team: made})


def test_grant_is_replaced_and_removed(store: PrincipalStore, ann: User, team: str) -> None:
    for grant in (Grant(1, "guest"), Grant(1, "maintainer")):
        store.save_grant(ann.name, team, grant)
        assert store.facts(ann.name, [team]).grants == {team: grant}
    for _ in range(2):
        store.save_grant(ann.name, team, None)
        assert store.facts(ann.name, [team]).grants == {}


def test_failures_are_counted_by_origin_and_their_time_is_the_first_ones(store: PrincipalStore, ann: User) -> None:
    counts = [store.add_failure(ann.name, "192.0.2.1", seen=Failures(), now=NOW + i, keep_s=900) for i in range(3)]
    store.add_failure(ann.name, "192.0.2.2", seen=Failures(), now=NOW, keep_s=900)
    assert counts == [1, 2, 3]
    assert store.facts(ann.name, [], origin="192.0.2.1").failures == Failures(3, NOW + 900)
    assert store.facts(ann.name, []).failures == Failures()


def test_failures_of_all_users_are_counted_by_origin(store: PrincipalStore, ann: User) -> None:
    origin = f"192.0.2.{uuid.uuid4()}"
    for _ in range(2):
        store.add_failure("", origin, seen=Failures(), now=NOW, keep_s=900)
    assert store.facts("", (), origin=origin).origin_failures == Failures(2, NOW + 900)
    facts = store.facts(ann.name, (), origin=origin)
    assert (facts.failures, facts.origin_failures) == (Failures(), Failures(2, NOW + 900))
    assert store.facts(ann.name, ()).origin_failures == Failures()


def test_nobody_has_an_address_nobody_gave(store: PrincipalStore) -> None:
    assert store.name_of_email(f"{uuid.uuid4().hex}@example.com") is None


def test_failures_begin_anew_when_their_time_is_over(store: PrincipalStore, ann: User) -> None:
    for _ in range(3):
        store.add_failure(ann.name, "192.0.2.1", seen=Failures(), now=NOW, keep_s=900)
    seen = store.facts(ann.name, [], origin="192.0.2.1").failures
    later = NOW + 900
    assert store.add_failure(ann.name, "192.0.2.1", seen=seen, now=later, keep_s=900) == 1
    assert store.add_failure(ann.name, "192.0.2.1", seen=seen, now=later + 1, keep_s=900) == 2
    assert store.facts(ann.name, [], origin="192.0.2.1").failures == Failures(2, later + 900)


def test_no_failure_is_lost_when_many_come_at_once(store: PrincipalStore, ann: User) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(
            pool.map(lambda _: store.add_failure(ann.name, "::1", seen=Failures(), now=NOW, keep_s=900), range(24))
        )
    assert sorted(counts) == list(range(1, 25))


def test_project_is_made_once_and_ids_are_never_used_twice(
    store: PrincipalStore, maker: ProjectMaker, team: str
) -> None:
    first = maker.create_project(team, is_public=True, by="x", now=NOW)
    second = maker.create_project("b" + team, is_public=False, by="x", now=NOW)
    assert first and second
    assert first.is_public and not second.is_public
    assert second.project_id > first.project_id
    assert maker.create_project(team, is_public=False, by="y", now=NOW) is None
    assert store.facts("", [team]).projects[team] == first


def test_projects_made_by_many_at_once_are_one(store: PrincipalStore, maker: ProjectMaker, team: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: Projects(store, maker).ensure(team, is_public=False, by="x", now=NOW), range(16))
        )
    assert len(set(made)) == 1
    assert store.facts("", [team]).projects[team] == made[0]


class Counting(Table):
    """A table that counts its calls."""

    calls: list[str]

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        return super()._call(operation, request)


def test_largest_token_request_is_one_batch_and_items_end_by_ttl(table: Table, settings: Any, ann: User) -> None:
    counting = Counting(settings)
    counting.calls = []
    store = DynamoPrincipals(counting)
    store.facts(ann.name, [f"p{number}" for number in range(MAX_SCOPES)], origin="192.0.2.1")
    store.facts("", ())
    assert counting.calls == ["BatchGetItem"]
    store.add_failure(ann.name, "192.0.2.1", seen=Failures(), now=NOW, keep_s=900)
    assert counting.calls[1:] == ["UpdateItem"]
    item = table.get(keys.user(ann.name), keys.failures("192.0.2.1"))
    assert item is not None
    assert item.ttl == NOW + 900
