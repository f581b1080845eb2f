"""Every change over the management API is an event, said in Harbor's words, and no secret is ever in one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import Event
from chalicelib.harbor import description
from chalicelib.harbor.accounts import Accounts, Known
from chalicelib.harbor.call import Call, created, done
from chalicelib.harbor.changes import CHANGES, UNCHANGING, Subject, described
from chalicelib.harbor.description import Operation, Values
from chalicelib.http import Request, Response
from chalicelib.rbac.model import Caller, Facts, Project
from tests.fakes.audit import FakeRecorder
from tests.harbor.client import Conforming, HarborClient

OPERATIONS = {o.id: o for o in description.operations() if o.method in ("POST", "PUT", "PATCH", "DELETE")}
ANN = Caller("ann", False, None, {})
DIGEST = "sha256:" + "a" * 64
PATH = {
    "project_name": "team",
    "project_name_or_id": "team",
    "repository_name": "app/web",
    "reference": DIGEST,
    "tag_name": "v1",
    "meta_name": "public",
}
BODIES: dict[str, Any] = {
    "createRole": {"name": "auditor"},
    "updateRole": {"name": "auditor"},
    "createTrustPolicy": {"name": "release"},
    "updateTrustPolicy": {"name": "release"},
    "createProject": {"project_name": "team"},
    "createProjectMember": {"role_id": 2, "member_user": {"username": "bob"}},
    "createTag": {"name": "v2"},
    "addLabel": {"id": 5},
    "CreateLabel": {"name": "good", "scope": "p", "project_id": 7},
    "createUser": {"username": "bob", "password": "Secret-12345"},
    "createUserGroup": {"group_name": "staff", "group_type": 3},
    "importLdapUser": {"ldap_uid_list": ["ann", "bob"]},
    "CreateRobot": {"name": "ci", "level": "project", "permissions": [{"namespace": "team"}], "secret": "Secret-12345"},
}
WANTED = {
    "createRole": "create_role auditor 0",
    "updateRole": "update_role role_id-3 9",
    "deleteRole": "delete_role role_id-3 9",
    "createTrustPolicy": "create_trust-policy release 7",
    "updateTrustPolicy": "update_trust-policy release 7",
    "deleteTrustPolicy": "delete_trust-policy 3 7",
    "createProject": "create_project team 7",
    "updateProject": "update_project team 7",
    "deleteProject": "delete_project team 7",
    "createProjectMember": "create_member bob 7",
    "updateProjectMember": "update_member member-7-3 7",
    "deleteProjectMember": "delete_member member-7-3 7",
    "addProjectMetadatas": "update_project team 7",
    "updateProjectMetadata": "update_project team 7",
    "deleteProjectMetadata": "update_project team 7",
    "setScannerOfProject": "update_project team 7",
    "updateRepository": "update_repository team/app/web 7",
    "deleteRepository": "delete_repository team/app/web 7",
    "CopyArtifact": "create_artifact team/app/web 7",
    "deleteArtifact": f"delete_artifact team/app/web@{DIGEST} 7",
    "createTag": "create_tag team/app/web:v2 7",
    "deleteTag": "delete_tag team/app/web:v1 7",
    "addLabel": f"create_artifact-label team/app/web@{DIGEST} 5 7",
    "removeLabel": f"delete_artifact-label team/app/web@{DIGEST} 3 7",
    "CreateLabel": "create_label good 7",
    "UpdateLabel": "update_label label_id-3 9",
    "DeleteLabel": "delete_label label_id-3 9",
    "createUser": "create_user bob 0",
    "updateUserProfile": "update_user user_id-3 9",
    "deleteUser": "delete_user user_id-3 9",
    "setUserSysAdmin": "update_user user_id-3 9",
    "setUserEnabled": "update_user user_id-3 9",
    "updateUserPassword": "update_user user_id-3 9",
    "setCliSecret": "update_user user_id-3 9",
    "createUserGroup": "create_usergroup staff 0",
    "updateUserGroup": "update_usergroup group_id-3 9",
    "deleteUserGroup": "delete_usergroup group_id-3 9",
    "importLdapUser": "create_user ann, bob 0",
    "CreateRobot": "create_robot robot$team+ci 7",
    "UpdateRobot": "update_robot robot_id-3 9",
    "RefreshSec": "update_robot robot_id-3 9",
    "DeleteRobot": "delete_robot robot_id-3 9",
    "updateQuota": "update_quota team 7",
    "updateConfigurations": "update_configuration configuration 0",
    "putSystemCVEAllowlist": "update_configuration CVE allowlist 0",
    "createPurgeSchedule": "create_purge-audit schedule 0",
    "updatePurgeSchedule": "update_purge-audit schedule 0",
    "stopPurge": "stop_purge-audit 3 0",
}


class FakeAuthority:
    """Knows one project, `team`, by its name and as number 3."""

    def name_of(self, name_or_id: str, *, is_name: bool) -> str:
        return "team" if name_or_id == "3" and not is_name else name_or_id

    def facts(self, caller: Caller, projects: list[str]) -> Facts:
        return Facts(projects={"team": Project("team", 7, False)} if projects == ["team"] else {})


class FakeNames:
    def find(self, kind: str, number: int) -> Known | None:
        return Known(f"{kind}-{number}", 9)

    def member(self, project_id: int, member_id: int) -> str:
        return f"member-{project_id}-{member_id}"


def call_of(operation: Operation, body: Any) -> Call:
    path = {p.name: PATH.get(p.name, 3) for p in operation.parameters if p.place == "path"}
    request = Request(operation.method, "/", client_ip="192.0.2.1")
    return Call(request, ANN, operation.id, Values(path=path, body=body), 1_800_000_000)


def record(operation: Operation, body: Any, handler: Callable[[Call], Response]) -> list[Event]:
    recorder = FakeRecorder()
    change = described(operation.id, operation.method, operation.tag)
    if change is not None:
        accounts = Accounts(FakeAuthority(), FakeNames(), recorder)  # type: ignore[arg-type]
        try:
            accounts.call(handler, call_of(operation, body), change)
        except RegistryError:
            pass
    return recorder.events


def answered(call: Call) -> Response:
    if call.operation == "CreateRobot":
        body = json.dumps({"id": 1, "name": "robot$team+ci", "secret": "Secret-12345"}).encode()
        return created("/robots/1", body)
    return done()


@pytest.mark.parametrize("operation", [o for o in OPERATIONS.values() if o.later is None], ids=lambda o: o.id)
def test_every_change_is_an_event(operation: Operation) -> None:
    events = record(operation, BODIES.get(operation.id, {}), answered)
    if operation.id in UNCHANGING:
        assert events == []
        return
    (event,) = events
    assert (event.operator, event.client_ip, event.is_success) == ("ann", "192.0.2.1", True)
    if operation.id in CHANGES:
        assert f"{event.type} {event.resource} {event.project_id}" == WANTED[operation.id]
    assert event.resource
    assert event.description.startswith(f"{event.operation} {event.resource_type}: {event.resource}")


def test_the_table_names_operations_that_are_there() -> None:
    assert set(CHANGES) == set(WANTED)
    assert set(CHANGES) | UNCHANGING <= set(OPERATIONS)


def test_what_the_table_does_not_name_is_told_from_the_path() -> None:
    change = described("createSomething", "POST", "trust policy")
    assert change is not None
    request = Request("POST", "/")
    call = Call(request, ANN, "x", Values(path={"project_name_or_id": "team", "policy_id": 4}, body={}), 1)
    assert (change.operation, change.resource_type, change.name(call, Subject("team", 7))) == (
        "create",
        "trust_policy",
        "team/4",
    )
    assert described("listThings", "GET", "thing") is None


@pytest.mark.parametrize(("code", "is_recorded"), [("FORBIDDEN", True), ("DENIED", True), ("CONFLICT", True)])
def test_refusals_are_events(code: str, is_recorded: bool) -> None:
    def refused(call: Call) -> Response:
        raise RegistryError(code)

    (event,) = record(OPERATIONS["deleteProject"], None, refused)
    assert (event.type, event.resource, event.project_id, event.is_success) == ("delete_project", "team", 7, False)


@pytest.mark.parametrize("code", ["UNAUTHORIZED", "NOT_FOUND", "BAD_REQUEST", "UNPROCESSABLE_ENTITY", "UNAVAILABLE"])
def test_requests_that_were_nothing_are_no_events(code: str) -> None:
    def refused(call: Call) -> Response:
        raise RegistryError(code)

    assert record(OPERATIONS["deleteProject"], None, refused) == []


SECRET_MEMBERS = [
    ("createUser", {"username": "bob"}, ("password", "comment", "realname", "email")),
    ("updateUserPassword", {}, ("old_password", "new_password")),
    ("setCliSecret", {}, ("secret",)),
    ("CreateRobot", {"name": "ci", "level": "system"}, ("secret", "description")),
    ("RefreshSec", {}, ("secret",)),
    ("UpdateRobot", {"name": "ci"}, ("secret",)),
    ("updateConfigurations", {}, ("oidc_client_secret", "ldap_search_password", "uaa_client_secret")),
    ("createProject", {"project_name": "team"}, ("metadata", "registry_id")),
    ("createRegistry", {"name": "hub"}, ("credential", "url")),
    ("CreateWebhookPolicyOfProject", {"name": "hook"}, ("targets",)),
    ("createScanner", {"name": "trivy"}, ("access_credential",)),
]


@given(secret=st.text(min_size=12, max_size=60).map("S3cret#{}".format), is_refused=st.booleans(), is_deep=st.booleans())
def test_no_secret_is_in_an_event(secret: str, is_refused: bool, is_deep: bool) -> None:
    def handler(call: Call) -> Response:
        if is_refused:
            raise RegistryError("CONFLICT", message=secret)
        if call.operation == "CreateRobot":
            return created("/robots/1", json.dumps({"name": "robot$ci", "secret": secret}).encode())
        return done()

    for operation, named, members in SECRET_MEMBERS:
        body = {**named, **{member: {"name": secret} if is_deep else secret for member in members}}
        for event in record(OPERATIONS[operation], body, handler):
            assert secret not in repr(event)
            assert secret not in json.dumps(event, ensure_ascii=False)


def test_over_http_a_change_its_refusal_and_a_failed_login_are_recorded(
    api: Conforming, settings: Settings, harbor_admin: HarborClient
) -> None:
    recorder = FakeRecorder()
    client = HarborClient(bootstrap.assemble(settings, recorder), harbor_admin.authorization)
    name = f"l{uuid.uuid4().hex[:10]}"
    location = client.post("/labels", json={"name": name, "scope": "g", "color": "#fff"}).headers["location"]
    assert client.post("/labels", json={"name": name, "scope": "g"}).status == 409
    assert client.get("/labels", params={"scope": "g"}).status == 200
    assert client.delete(location).status == 200
    assert client.basic("nobody", "wrong").get("/labels", params={"scope": "g"}, client_ip="192.0.2.7").status == 401
    short = [f"{e.type} {e.resource} {e.operator} {e.client_ip} {e.is_success}" for e in recorder.events]
    assert short == [
        f"create_label {name} admin 192.0.2.1 True",
        f"create_label {name} admin 192.0.2.1 False",
        f"delete_label {name} admin 192.0.2.1 True",
        "login_user nobody nobody 192.0.2.7 False",
    ]


def test_a_projects_log_tells_its_story(api: Conforming, settings: Settings, harbor_admin: HarborClient) -> None:
    project, secret = f"p{uuid.uuid4().hex[:10]}", "Very-Secret-123"
    location = harbor_admin.post("/projects", json={"project_name": project, "public": False}).headers["location"]
    number = location.rpartition("/")[2]
    robot = harbor_admin.post(
        "/robots",
        json={
            "name": "ci",
            "level": "project",
            "duration": 1,
            "permissions": [
                {"kind": "project", "namespace": project, "access": [{"resource": "repository", "action": "pull"}]}
            ],
        },
    ).json()
    bootstrap.users(settings).create(f"{project}-dev", "Correct-horse-1", now=1)
    member = harbor_admin.post(
        f"/projects/{project}/members", json={"role_id": 2, "member_user": {"username": f"{project}-dev"}}
    ).headers["location"]
    harbor_admin.put(member, json={"role_id": 3})
    harbor_admin.delete(member)
    harbor_admin.put(f"/projects/{number}", json={"metadata": {"public": "true"}})
    harbor_admin.patch(f"/robots/{robot['id']}", json={"secret": secret})
    harbor_admin.delete(f"/robots/{robot['id']}")
    harbor_admin.post("/labels", json={"name": "good", "scope": "p", "project_id": int(number)})
    rows = harbor_admin.get(f"/projects/{project}/auditlog-exts", params={"sort": "op_time", "page_size": 100}).json()
    assert [f"{row['operation']}_{row['resource_type']} {row['resource']}" for row in rows] == [
        f"create_project {project}",
        f"create_robot {robot['name']}",
        f"create_member {project}-dev",
        f"update_member {project}-dev",
        f"delete_member {project}-dev",
        f"update_project {project}",
        f"update_robot {robot['name']}",
        f"delete_robot {robot['name']}",
        "create_label good",
    ]
    assert {(row["username"], row["operation_result"], row["client_address"]) for row in rows} == {
        ("admin", True, "192.0.2.1")
    }
    for hidden in (secret, robot["secret"]):
        assert hidden not in json.dumps(rows)
    assert harbor_admin.delete(f"/projects/{number}").status == 200
    found = harbor_admin.get("/auditlog-exts", params={"q": f"resource={project},operation=delete"}).json()
    assert [row["resource_type"] for row in found] == ["project"]
