"""What `rbac.ports.UserStore` promises, held against the fake and against DynamoDB."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.aws import keys, provision
from chalicelib.aws.principals import DynamoPrincipals
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.table import Table
from chalicelib.aws.users import DynamoUsers
from chalicelib.config import Settings
from chalicelib.rbac.model import Grant, User
from chalicelib.rbac.people import Saved, UserStore
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.project_ports import ProjectMaker
from tests.fakes.users import FakeUsers

NOW = 1_800_000_000


class Stores:
    """A store of users and what else is kept about them."""

    def __init__(self, users: UserStore, principals: PrincipalStore, projects: ProjectMaker) -> None:
        self.users, self.principals, self.projects = users, principals, projects


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        fake = FakeUsers()
        return Stores(fake, fake.principals, fake.principals)
    settings: Settings = replace(request.getfixturevalue("settings"), table=f"u{uuid.uuid4().hex}")
    provision.create_table(settings)
    table = Table(settings)
    return Stores(DynamoUsers(table), DynamoPrincipals(table), DynamoProjects(table))


@pytest.fixture
def store(stores: Stores) -> UserStore:
    return stores.users


def user(name: str = "ann", user_id: int = 2, **more: object) -> User:
    made = User(name, "$hash", email=f"{name}@example.com", realname=name.title(), created_at=NOW, user_id=user_id)
    return replace(made, **more)  # type: ignore[arg-type]


def test_nobody_is_there_at_first(store: UserStore) -> None:
    assert (store.find(2), store.named("ann"), store.name_of_email("ann@example.com")) == (None, None, None)
    assert store.page(0, 10, False) == ([], 0)
    assert (store.rows(), store.many(["ann"])) == ([], [])


def test_ids_are_never_given_twice(store: UserStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: store.allocate(), range(24)))
    assert sorted(given) == list(range(1, 25))


def test_user_is_found_by_all_that_leads_to_them(store: UserStore) -> None:
    ann = user(groups=(3, 4), source="ldap", subject="cn=ann", comment="x", updated_at=NOW)
    assert store.create(ann) is Saved.DONE
    assert store.find(2) == store.named("ann") == ann
    assert store.name_of_email("ANN@example.com") == "ann"
    assert store.many(["bob", "ann"]) == [ann]
    rows, total = store.page(0, 10, False)
    assert ([(row.name, row.user_id, row.email, row.realname, row.sysadmin_flag) for row in rows], total) == (
        [("ann", 2, "ann@example.com", "Ann", False)],
        1,
    )


def test_first_user_is_in_no_list(store: UserStore) -> None:
    store.create(user("admin", 1))
    assert store.page(0, 10, False) == ([], 0)
    changed = replace(user("admin", 1), realname="Boss", version=1)
    assert store.save(user("admin", 1), changed) is Saved.DONE
    assert store.remove(changed)
    assert store.find(1) is None


def test_name_and_email_belong_to_one_user(store: UserStore) -> None:
    store.create(user())
    assert store.create(user("ann", 3, email="other@example.com")) is Saved.NAME_TAKEN
    assert store.create(user("bob", 3, email="Ann@Example.com")) is Saved.EMAIL_TAKEN
    assert store.create(user("ann", 3)) is Saved.NAME_TAKEN
    assert (store.find(3), store.named("bob"), store.page(0, 10, False)[1]) == (None, None, 1)
    assert [store.create(user(f"u{i}", i, email="")) for i in (4, 5)] == [Saved.DONE] * 2


def test_of_many_who_want_a_name_one_gets_it(store: UserStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda i: store.create(user("ann", 10 + i, email=f"a{i}@example.com")), range(8)))
    assert sorted(one.value for one in saved) == ["done"] + ["name taken"] * 7
    assert store.page(0, 10, False)[1] == 1


def test_change_replaces_the_user_as_read_only(store: UserStore) -> None:
    ann = user()
    store.create(ann)
    changed = replace(ann, realname="Anna", sysadmin_flag=True, is_enabled=False, password_hash="$new", version=1)
    assert store.save(ann, changed) is Saved.DONE
    assert store.named("ann") == changed
    assert store.save(ann, replace(ann, realname="Lost", version=1)) is Saved.OUTDATED
    assert store.save(replace(changed, user_id=7), replace(changed, user_id=7, version=2)) is Saved.OUTDATED
    assert store.named("ann") == changed
    row = store.page(0, 10, False)[0][0]
    assert (row.realname, row.sysadmin_flag) == ("Anna", True)


def test_change_of_somebody_who_is_gone_is_outdated(store: UserStore) -> None:
    assert store.save(user(), replace(user(), version=1)) is Saved.OUTDATED
    assert not store.remove(user())


def test_email_moves_with_its_user(store: UserStore) -> None:
    ann, bob = user(), user("bob", 3)
    store.create(ann)
    store.create(bob)
    assert store.save(ann, replace(ann, email="BOB@example.com", version=1)) is Saved.EMAIL_TAKEN
    moved = replace(ann, email="new@example.com", version=1)
    assert store.save(ann, moved) is Saved.DONE
    assert (store.name_of_email("ann@example.com"), store.name_of_email("new@example.com")) == (None, "ann")
    louder = replace(moved, email="NEW@example.com", version=2)
    assert store.save(moved, louder) is Saved.DONE
    assert store.name_of_email("new@example.com") == "ann"
    assert store.save(louder, replace(louder, email="", version=3)) is Saved.DONE
    assert store.name_of_email("new@example.com") is None
    assert store.create(user("cat", 4, email="new@example.com")) is Saved.DONE


def test_removed_user_leaves_nothing_behind(stores: Stores) -> None:
    ann = user()
    stores.users.create(ann)
    team = stores.projects.create_project("team", is_public=False, by="x", now=NOW)
    assert team is not None
    stores.principals.save_grant("ann", "team", Grant(team.project_id, "developer"))
    assert stores.users.remove(ann)
    assert (stores.users.find(2), stores.users.name_of_email(ann.email)) == (None, None)
    assert stores.users.page(0, 10, False) == ([], 0)
    assert stores.principals.facts("ann", ["team"]).grants == {}
    assert not stores.users.remove(ann)


def test_user_of_a_used_name_has_no_grant_of_the_earlier_one(stores: Stores) -> None:
    team = stores.projects.create_project("team", is_public=False, by="x", now=NOW)
    assert team is not None
    stores.principals.save_grant("ann", "team", Grant(team.project_id, "developer"))
    assert stores.users.create(user()) is Saved.DONE
    assert stores.principals.facts("ann", ["team"]).grants == {}


def test_user_who_was_changed_meanwhile_is_not_removed(store: UserStore) -> None:
    ann = user()
    store.create(ann)
    changed = replace(ann, realname="Anna", version=1)
    store.save(ann, changed)
    assert not store.remove(ann)
    assert store.named("ann") == changed


def test_list_is_in_the_order_of_names_either_way(store: UserStore) -> None:
    for number in range(7):
        store.create(user(f"u{(number * 3) % 7}", number + 2))
    for is_descending in (False, True):
        names = [f"u{number}" for number in range(7)][:: -1 if is_descending else 1]
        for offset, limit in ((0, 3), (3, 3), (6, 3), (9, 3), (2, 5)):
            rows, total = store.page(offset, limit, is_descending)
            assert ([row.name for row in rows], total) == (names[offset : offset + limit], 7)


def test_user_stored_before_changes_were_counted_can_be_changed(table: Table) -> None:
    store, name = DynamoUsers(table), f"ann-{uuid.uuid4().hex}"
    ann = user(name, 10**9 + uuid.uuid4().int % 10**9)
    store.create(ann)
    table.write([table.update(keys.user(name), keys.USER, "REMOVE version", {})])
    known = store.named(name)
    assert known is not None
    assert store.save(known, replace(known, is_enabled=False, version=1)) is Saved.DONE


def test_user_of_a_provider_is_found_by_subject_and_nobody_elses(store: UserStore) -> None:
    subject = f"https://login.example.com {'x' * 255}"
    oz = user("oz", 5, source="oidc", subject=subject, email="")
    assert store.create(oz) is Saved.DONE
    assert store.name_of_subject(subject) == "oz"
    assert store.create(user("oz2", 6, source="oidc", subject=subject)) is Saved.NAME_TAKEN
    assert store.create(user("lee", 7, source="ldap", subject=subject)) is Saved.DONE
    assert store.remove(oz)
    assert store.name_of_subject(subject) is None
    assert store.create(user("oz2", 6, source="oidc", subject=subject)) is Saved.DONE
