"""Labels of the registry and of projects."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import bootstrap
from chalicelib.aws.labels import DynamoLabels
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.oci.label import LabelChanged, LabelText
from chalicelib.rbac.project_records import ProjectRecords
from tests.client import Answer
from tests.harbor.client import HarborClient

Login = Callable[[str], HarborClient]
NOW = int(time.time())


def unique(prefix: str = "l") -> str:
    return f"{prefix}{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def project_id(api: object, settings: Settings) -> int:
    return bootstrap.projects(settings).create(unique("p"), is_public=False, by="admin", now=NOW).project_id


@pytest.fixture(scope="module")
def as_role(settings: Settings, project_id: int, anonymous: HarborClient) -> Login:
    """Somebody with a role in the project; "" without any."""
    project = bootstrap.wire(settings).principals.name_of(project_id)
    people = bootstrap.users(settings)
    made: dict[str, HarborClient] = {}

    def login(role: str) -> HarborClient:
        if role not in made:
            name = unique("u")
            people.create(name, "Secret-password-1", is_admin=False, now=NOW)
            if role:
                people.grant(str(project), name, role)
            made[role] = anonymous.basic(name, "Secret-password-1")
        return made[role]

    return login


def make(client: HarborClient, name: str, **more: object) -> Answer:
    return client.post("/labels", json={"name": name, "scope": "g", **more})


def id_of(answer: Answer) -> int:
    assert answer.status == 201, answer
    return int(str(answer.headers["location"]).rpartition("/")[2])


def test_a_label_is_made_read_changed_and_deleted(harbor_admin: HarborClient) -> None:
    name = unique()
    answer = make(harbor_admin, name, description="for tests", color="#0065AB")
    label_id = id_of(answer)
    assert answer.headers["location"] == f"/api/v2.0/labels/{label_id}"
    document = harbor_admin.get(f"/labels/{label_id}").json()
    assert (document["name"], document["description"], document["color"]) == (name, "for tests", "#0065AB")
    assert (document["scope"], document["project_id"]) == ("g", 0)
    assert harbor_admin.put(f"/labels/{label_id}", json={"name": f"{name}-2", "color": "#FFF"}).status == 200
    document = harbor_admin.get(f"/labels/{label_id}").json()
    assert (document["name"], document["color"], document["description"]) == (f"{name}-2", "#FFF", "")
    assert harbor_admin.delete(f"/labels/{label_id}").status == 200
    assert harbor_admin.get(f"/labels/{label_id}").status == 404
    assert harbor_admin.delete(f"/labels/{label_id}").status == 404


def test_a_name_is_given_once_a_scope(harbor_admin: HarborClient, project_id: int) -> None:
    name = unique()
    label_id = id_of(make(harbor_admin, name))
    again = make(harbor_admin, name)
    assert (again.status, again.error_code) == (409, "CONFLICT")
    id_of(make(harbor_admin, name, scope="p", project_id=project_id))
    assert make(harbor_admin, name, scope="p", project_id=project_id).status == 409
    other = id_of(make(harbor_admin, unique()))
    assert harbor_admin.put(f"/labels/{other}", json={"name": name}).status == 409
    assert harbor_admin.put(f"/labels/{label_id}", json={"name": name, "description": "kept"}).status == 200
    assert harbor_admin.delete(f"/labels/{label_id}").status == 200
    id_of(make(harbor_admin, name))


def test_the_list_is_filtered_sorted_and_paged(harbor_admin: HarborClient, project_id: int) -> None:
    start = unique()
    ids = [id_of(make(harbor_admin, f"{start}-{n}", scope="p", project_id=project_id)) for n in "cab"]
    url = f"/labels?scope=p&project_id={project_id}&name={start}"
    found = harbor_admin.get(url)
    assert [label["id"] for label in found.json()] == ids
    assert found.headers["x-total-count"] == "3"
    assert [label["name"][-1] for label in harbor_admin.get(f"{url}&sort=name").json()] == ["a", "b", "c"]
    page = harbor_admin.get(f"{url}&sort=-name&page=2&page_size=2")
    assert [label["name"][-1] for label in page.json()] == ["a"]
    assert 'rel="prev"' in page.headers["link"]
    exact = harbor_admin.get(f"/labels?scope=p&project_id={project_id}&q=name={start}-a")
    assert [label["id"] for label in exact.json()] == [ids[1]]
    assert len(harbor_admin.get(f"/labels?scope=p&project_id={project_id}&page_size=1").json()) == 1


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/labels", 400),
        ("/labels?scope=x", 400),
        ("/labels?scope=p", 400),
        ("/labels?scope=p&project_id=-1", 400),
        ("/labels?scope=p&project_id=999999999", 400),
        ("/labels?scope=p&project_id=x", 422),
        ("/labels?scope=g&q=nothing", 400),
        ("/labels?scope=g&page_size=0", 422),
        ("/labels?scope=g&page_size=101", 422),
        ("/labels/x", 422),
        ("/labels/999999999", 404),
        ("/labels/-1", 404),
    ],
)
def test_bad_requests_are_refused(harbor_admin: HarborClient, url: str, status: int) -> None:
    assert harbor_admin.get(url).status == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"scope": "g"}, 400),
        ({"name": "x", "scope": "q"}, 400),
        ({"name": "x", "scope": "p"}, 400),
        ({"name": "x", "scope": "p", "project_id": 999999999}, 400),
        ({"name": "", "scope": "g"}, 400),
        ({"name": "  ", "scope": "g"}, 400),
        ({"name": "n" * 129, "scope": "g"}, 400),
        ({"name": "n", "scope": "g", "color": "#" * 17}, 400),
        ({"name": "n", "scope": "g", "description": "d" * 1025}, 400),
        ({"name": 7, "scope": "g"}, 422),
        ({"name": "n", "scope": "p", "project_id": "7"}, 422),
    ],
)
def test_what_cannot_be_a_label_is_refused(harbor_admin: HarborClient, body: dict[str, object], status: int) -> None:
    assert harbor_admin.post("/labels", json=body).status == status


def test_unknown_fields_are_passed_over(harbor_admin: HarborClient) -> None:
    label_id = id_of(make(harbor_admin, unique(), id=1, deleted=True, level="s", colour="red"))
    assert harbor_admin.get(f"/labels/{label_id}").status == 200


def test_the_registrys_labels_are_the_administrators_and_anybody_lists_them(
    anonymous: HarborClient, harbor_admin: HarborClient, as_role: Login
) -> None:
    label_id = id_of(make(harbor_admin, unique()))
    assert make(anonymous, unique()).status == 401
    for role in ("", "projectAdmin"):
        assert make(as_role(role), unique()).status == 403
        assert as_role(role).put(f"/labels/{label_id}", json={"name": unique()}).status == 403
        assert as_role(role).delete(f"/labels/{label_id}").status == 403
    assert anonymous.get("/labels?scope=g").status == 200


@pytest.mark.parametrize(
    ("role", "may_write", "may_read"),
    [("maintainer", True, True), ("developer", False, True), ("limitedGuest", False, False), ("", False, False)],
)
def test_a_projects_labels_follow_its_roles(
    harbor_admin: HarborClient, as_role: Login, project_id: int, role: str, may_write: bool, may_read: bool
) -> None:
    client, mine = as_role(role), {"scope": "p", "project_id": project_id}
    label_id = id_of(make(harbor_admin, unique(), **mine))
    assert client.get(f"/labels?scope=p&project_id={project_id}").status == (200 if may_read else 403)
    assert client.get(f"/labels/{label_id}").status == (200 if may_read else 403)
    assert make(client, unique(), **mine).status == (201 if may_write else 403)
    assert client.put(f"/labels/{label_id}", json={"name": unique()}).status == (200 if may_write else 403)
    assert client.delete(f"/labels/{label_id}").status == (200 if may_write else 403)


def test_the_labels_of_a_deleted_project_go_with_it(harbor_admin: HarborClient, table: Table) -> None:
    name, again = unique("p"), unique()
    assert harbor_admin.post("/projects", json={"project_name": name}).status == 201
    number = harbor_admin.get(f"/projects/{name}").json()["project_id"]
    ids = [id_of(make(harbor_admin, f"{again}-{n}", scope="p", project_id=number)) for n in range(60)]
    assert harbor_admin.delete(f"/projects/{name}").status == 200
    ProjectRecords(DynamoProjects(table), DynamoMembers(table)).sweep()
    assert DynamoLabels(table).load(ids) == {}
    assert DynamoLabels(table).page(number, 0, 10, False) == ([], 0)
    assert harbor_admin.get(f"/labels/{ids[0]}").status == 404


def test_of_many_who_make_the_same_label_one_does(harbor_admin: HarborClient, project_id: int) -> None:
    name = unique()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: make(harbor_admin, name, scope="p", project_id=project_id), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


def test_a_label_that_somebody_else_changed_is_not_overwritten_unseen(table: Table, project_id: int) -> None:
    store = DynamoLabels(table)
    label = store.create(project_id, LabelText(unique()), now=1)
    assert label is not None
    assert store.change(label, LabelText(unique()), now=2)
    with pytest.raises(LabelChanged):
        store.change(label, LabelText(unique()), now=3)
    assert not store.delete(label)


def test_a_page_of_labels_costs_three_reads_beside_the_callers(
    harbor_admin: HarborClient, project_id: int, calls: Callable[[], dict[str, int]]
) -> None:
    id_of(make(harbor_admin, unique(), scope="p", project_id=project_id))
    harbor_admin.get("/labels?scope=g")
    calls()
    harbor_admin.get("/labels?scope=g")
    assert calls() == {"DynamoDB.Query": 2, "DynamoDB.BatchGetItem": 1}
