"""The deployment on LocalStack: API Gateway's stages, authorizer and gateway responses as they were applied, and real bytes."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from localstack.community.deployment import Deployed
from localstack.launch import aws_environment
from localstack.secret import read_secret
from localstack.terraform import Terraform
from tests import builders
from tests.localstack_suite.conftest import Aws
from tests.wire import Wire, digest_of

DRIFTS = {"aws_cloudwatch_metric_alarm": {"tags_all"}}
"""What a second plan wants to change on LocalStack 4.14, and on AWS does not: it keeps no tags of alarms."""
MIB = 1024 * 1024


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_second_plan_wants_nothing_but_the_named_drifts(deployed: Deployed) -> None:
    aws = aws_environment(deployed.aws_url, deployed.s3_url)
    plan = Terraform(Path(deployed.data), aws, deployed.variables).plan()
    unexpected = {}
    for resource in plan["resource_changes"]:
        change = resource["change"]
        before, after = change["before"] or {}, change["after"] or {}
        differing = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        is_named = change["actions"] == ["update"] and differing <= DRIFTS.get(resource["type"], set())
        if change["actions"] not in (["no-op"], ["read"]) and not is_named:
            unexpected[resource["address"]] = (change["actions"], sorted(differing))
    assert unexpected == {}
    assert not [name for name, output in plan["output_changes"].items() if output["actions"] != ["no-op"]]


def test_the_administrators_password_is_in_its_secret_and_not_in_the_state(deployed: Deployed) -> None:
    assert read_secret(deployed.aws_url, deployed.outputs["admin_password_secret"]) == deployed.admin_password
    assert deployed.admin_password not in Path(deployed.data, "terraform.tfstate").read_text()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_without_a_credential_the_applied_gateway_response_challenges(
    nobody: Wire, deployed: Deployed, method: str
) -> None:
    answer = nobody.raw(method, "/v2/library/x/manifests/latest")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == f'Bearer realm="{deployed.url}/service/token",service="moorage"'
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.body == b"" if method == "HEAD" else answer.error_code == "UNAUTHORIZED"


@pytest.mark.parametrize("credential", ["Bearer garbage", "Bearer a.b.c", "Basic !!!", "Digest x"])
def test_the_applied_authorizer_refuses_what_is_no_credential(nobody: Wire, credential: str) -> None:
    answer = nobody.raw("GET", "/v2/", {"Authorization": credential})
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")
    assert "www-authenticate" in answer.headers


def test_a_function_cannot_make_the_challenge_behind_a_rest_api(nobody: Wire, deployed: Deployed) -> None:
    answer = nobody.raw("GET", "/v2/", basic("admin", "wrong"))
    assert answer.status == 401
    assert "www-authenticate" not in answer.headers, (
        "API Gateway renames it; so the authorizer must refuse, not the function"
    )
    assert "x-amzn-remapped-www-authenticate" in answer.headers


def test_a_body_beyond_lambdas_limit_gets_the_applied_gateway_response(admin: Wire) -> None:
    admin.log_in(admin.raw("GET", "/v2/"))
    answer = admin.request("PUT", "/v2/library/x/manifests/latest", body=bytes(5 * MIB))
    assert (answer.status, answer.error_code) == (413, "SIZE_INVALID")


@pytest.mark.parametrize("size", [0, 1, 100_000, 7 * MIB])
def test_a_layer_comes_back_byte_for_byte(admin: Wire, name: str, size: int) -> None:
    """Up through the upload service, down through a presigned URL that LocalStack checks."""
    content = secrets.token_bytes(size)
    digest = admin.push_blob(f"library/{name}", content)
    assert admin.get(f"/v2/library/{name}/blobs/{digest}").body == content


def test_a_pushed_image_comes_back_by_tag_and_by_digest(admin: Wire, name: str) -> None:
    repository, config, layer = f"library/{name}", name.encode(), secrets.token_bytes(300_000)
    for content in (config, layer):
        admin.push_blob(repository, content)
    manifest = builders.image(config=config, layers=(layer,))
    admin.push_manifest(repository, "latest", manifest)
    for reference in ("latest", digest_of(manifest)):
        assert admin.manifest(repository, reference).body == manifest
        head = admin.request("HEAD", f"/v2/{repository}/manifests/{reference}")
        assert head.headers["docker-content-digest"] == digest_of(manifest)
        assert head.headers["content-length"] == str(len(manifest))


def test_anybody_pulls_from_a_public_project_with_a_token(admin: Wire, nobody: Wire, name: str) -> None:
    repository, config = f"library/{name}", name.encode()
    admin.push_blob(repository, config)
    manifest = builders.image(config=config, layers=())
    admin.push_manifest(repository, "latest", manifest)
    token = nobody.raw("GET", f"/service/token?service=moorage&scope=repository:{repository}:pull").json["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert nobody.raw("GET", f"/v2/{repository}/manifests/latest", bearer).body == manifest
    assert nobody.raw("PUT", f"/v2/{repository}/manifests/other", bearer, manifest).status in (401, 403)


def test_the_management_api_works_through_its_own_rest_api(deployed: Deployed, name: str) -> None:
    account, api = (deployed.admin_user, deployed.admin_password), f"{deployed.outputs['console_url']}/api/v2.0"
    with httpx.Client(base_url=api, auth=account, trust_env=False, timeout=60) as console:
        assert console.post("/projects", json={"project_name": name}).status_code == 201
        listed = console.get("/projects", params={"name": name, "page_size": 10})
        assert [project["name"] for project in listed.json()] == [name]
        assert listed.headers["x-total-count"] == "1"
        assert console.delete(f"/projects/{name}").status_code == 200


def test_a_stage_that_is_not_deployed_is_forbidden_as_on_aws(nobody: Wire) -> None:
    assert nobody.raw("GET", "/v3/").status == 403


@pytest.mark.parametrize("duty", ["sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit", "rotate_keys"])
def test_scheduled_functions_run_by_their_alias(aws: Aws, deployed: Deployed, duty: str) -> None:
    answer = aws("lambda").invoke(FunctionName=deployed.outputs["functions"][duty], Qualifier="live", Payload=b"{}")
    body: Any = json.load(answer["Payload"])
    assert "FunctionError" not in answer, body


def test_provisioning_again_changes_nothing(aws: Aws, deployed: Deployed) -> None:
    names = ("moorage/token-keys", "moorage/registry-keys", deployed.outputs["admin_password_secret"])
    before = [read_secret(deployed.aws_url, name) for name in names]
    answer = aws("lambda").invoke(
        FunctionName=deployed.outputs["functions"]["provision"], Qualifier="live", Payload=b"{}"
    )
    assert json.load(answer["Payload"]) == {"made_admin": False}
    assert [read_secret(deployed.aws_url, name) for name in names] == before
