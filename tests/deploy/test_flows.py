"""What happens behind the doors: provisioning, Harbor's API, S3's events, the schedules, and whose rights functions have."""

from __future__ import annotations

import io
import json
import secrets
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.exceptions import ClientError

from localstack.secret import read_secret
from tests import builders
from tests.deploy.conftest import HOST_SECRET, Deployment
from tests.wire import Wire, digest_of

SCHEDULED = ("sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit", "rotate_keys")
_PROBE = b"""
import os, sys, importlib.util
def handler(event, context):
    return {"environment": dict(os.environ), "path": sys.path, "version": list(sys.version_info[:2]),
            "found": [name for name in ("ministack", "pytest", "boto3", "chalice") if importlib.util.find_spec(name)]}
"""


def invoke(deployment: Deployment, duty: str, event: Any = {}) -> Any:
    """Call a function's alias as AWS's services do, and return its answer."""
    answer = deployment.aws("lambda").invoke(
        FunctionName=deployment.outputs["functions"][duty], Qualifier="live", Payload=json.dumps(event)
    )
    body = json.load(answer["Payload"])
    assert "FunctionError" not in answer, body
    return body


@pytest.fixture
def console(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{deployment.outputs['console_url']}/api/v2.0",
        auth=(deployment.user, deployment.password),
        trust_env=False,
        timeout=60,
    ) as client:
        yield client


def test_the_administrators_password_is_in_its_secret_and_nowhere_in_terraforms_state(deployment: Deployment) -> None:
    assert read_secret(deployment.aws_url, deployment.outputs["admin_password_secret"]) == deployment.password
    for file in deployment.data.glob("terraform.tfstate*"):
        text = file.read_text()
        assert deployment.password not in text
        assert '"jwk"' not in text


def test_provisioning_again_changes_nothing(deployment: Deployment, console: httpx.Client) -> None:
    names = ("moorage/token-keys", "moorage/registry-keys", deployment.outputs["admin_password_secret"])
    before = [read_secret(deployment.aws_url, name) for name in names]
    assert invoke(deployment, "provision") == {"made_admin": False}
    assert [read_secret(deployment.aws_url, name) for name in names] == before
    assert console.get("/users/current").json()["username"] == "admin"


def test_the_management_api_works_through_its_own_rest_api(console: httpx.Client) -> None:
    name = f"console-{secrets.token_hex(4)}"
    assert console.get("/health").json()["status"] == "healthy"
    made = console.post("/projects", json={"project_name": name, "metadata": {"public": "false"}})
    assert made.status_code == 201, made.text
    listed = console.get("/projects", params={"page_size": 100})
    assert name in [project["name"] for project in listed.json()]
    assert listed.headers["x-total-count"] == str(len(listed.json()))
    assert console.head("/projects", params={"project_name": name}).status_code == 200
    robot = console.post("/robots", json=a_robot(name))
    assert robot.status_code == 201, robot.text
    assert console.delete(f"/robots/{robot.json()['id']}").status_code == 200
    assert console.delete(f"/projects/{name}").status_code == 200


def a_robot(project: str) -> dict[str, Any]:
    access = [{"resource": "repository", "action": action} for action in ("pull", "push")]
    permission = {"kind": "project", "namespace": project, "access": access}
    return {"name": f"r{secrets.token_hex(3)}", "level": "project", "duration": 1, "permissions": [permission]}


def test_a_login_in_the_browser_gets_a_session(deployment: Deployment) -> None:
    with httpx.Client(base_url=deployment.outputs["console_url"], trust_env=False, timeout=60) as browser:
        browser.get("/api/v2.0/systeminfo")
        answer = browser.post("/c/login", data={"principal": deployment.user, "password": deployment.password})
        assert answer.status_code == 200, answer.text
        assert browser.get("/api/v2.0/users/current").json()["username"] == "admin"


def test_a_pushed_manifest_becomes_a_scan_job(deployment: Deployment, admin: Wire, repository: str) -> None:
    """S3 tells the queue, the queue calls the function, the function writes to the other queue."""
    config = secrets.token_bytes(20)
    admin.push_blob(repository, config)
    # Above 64 KiB, or a manifest is kept in the table alone.
    manifest = builders.image(config=config, layers=(), annotations={"filler": "x" * 70_000})
    admin.push_manifest(repository, "latest", manifest)
    sqs, url = deployment.aws("sqs"), deployment.outputs["queues"]["scan_jobs"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if repository in message["Body"] and digest_of(manifest) in message["Body"].replace("/sha256/", "/sha256:"):
                return
    raise AssertionError("no scan job came")


@pytest.mark.parametrize("duty", SCHEDULED)
def test_scheduled_functions_run_under_their_roles(deployment: Deployment, duty: str) -> None:
    answer = invoke(deployment, duty)
    assert isinstance(answer, dict)


def test_every_schedule_names_its_function(deployment: Deployment) -> None:
    scheduler = deployment.aws("scheduler")
    found = scheduler.list_schedules(GroupName="moorage")["Schedules"]
    assert {schedule["Name"].replace("-", "_") for schedule in found} == set(SCHEDULED)
    for schedule in found:
        function = deployment.outputs["functions"][schedule["Name"].replace("-", "_")]
        assert schedule["Target"]["Arn"].endswith(f":{function}:live")


def test_pushes_go_on_after_the_keys_were_rotated(deployment: Deployment, admin: Wire, repository: str) -> None:
    invoke(deployment, "rotate_keys")
    content = secrets.token_bytes(2000)
    assert admin.get(f"/v2/{repository}/blobs/{admin.push_blob(repository, content)}").body == content


@pytest.fixture(scope="module")
def probe(deployment: Deployment) -> Any:
    """What a function sees that runs under the authorizer's role."""
    functions, name = deployment.aws("lambda"), f"probe-{secrets.token_hex(4)}"
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("probe.py", _PROBE)
    role = deployment.aws("iam").get_role(RoleName=deployment.outputs["function_roles"]["authorizer"])["Role"]["Arn"]
    functions.create_function(
        FunctionName=name, Runtime="python3.13", Role=role, Handler="probe.handler", Code={"ZipFile": held.getvalue()},
        Environment={"Variables": {"GIVEN": "by Terraform"}},
    )  # fmt: skip
    try:
        yield json.load(functions.invoke(FunctionName=name)["Payload"])
    finally:
        functions.delete_function(FunctionName=name)


def test_functions_see_nothing_of_this_machine(probe: Any) -> None:
    assert probe["version"] == [3, 13]
    assert probe["found"] == [], "a package that the zip lacks would be found here, and not on AWS"
    assert not any("site-packages" in place for place in probe["path"])
    assert probe["environment"]["GIVEN"] == "by Terraform"
    assert HOST_SECRET not in probe["environment"]
    assert "HOME" not in probe["environment"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("s3", "put_object", {"Bucket": "{bucket}", "Key": "manifests/x", "Body": b""}),
        ("s3", "get_object", {"Bucket": "{bucket}", "Key": "blobs/x"}),
        ("dynamodb", "put_item", {"TableName": "{table}", "Item": {"pk": {"S": "x"}, "sk": {"S": "x"}}}),
        ("dynamodb", "delete_table", {"TableName": "{table}"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "moorage/token-keys"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "moorage/admin-password"}),
        ("sqs", "send_message", {"QueueUrl": "{queue}", "MessageBody": "x"}),
        ("lambda", "invoke", {"FunctionName": "moorage-provision"}),
    ],
)
def test_the_authorizer_may_not(
    deployment: Deployment, probe: Any, service: str, operation: str, arguments: Any
) -> None:
    known = {"{bucket}": deployment.outputs["bucket"], "{table}": deployment.outputs["table"]}
    known["{queue}"] = deployment.outputs["queues"]["scan_jobs"]
    given = probe["environment"]
    assert given["AWS_ACCESS_KEY_ID"].startswith("ASIA"), "a session of its role, not the owner's keys"
    client = botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=deployment.aws_url,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=given["AWS_SESSION_TOKEN"],
    )
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**{name: known.get(str(value), value) for name, value in arguments.items()})
    assert "AccessDenied" in refused.value.response["Error"]["Code"], refused.value


def test_nobody_without_credentials_gets_anything_from_the_account(deployment: Deployment) -> None:
    bucket = deployment.outputs["bucket"]
    assert httpx.get(f"{deployment.aws_url}/{bucket}?list-type=2").status_code == 403
    role = deployment.outputs["task_roles"]["uploads"]
    assert httpx.get(f"{deployment.aws_url}/_moorage/task-credentials/{role}").status_code == 404
