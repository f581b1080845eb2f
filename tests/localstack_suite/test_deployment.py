"""The deployment on LocalStack beside what `tests/deploy` asks of it too: a second plan, and real bytes through its stages."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from localstack.community.deployment import Deployed
from localstack.launch import aws_environment
from localstack.terraform import Terraform
from tests import builders
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


def test_a_stage_that_is_not_deployed_is_forbidden_as_on_aws(nobody: Wire) -> None:
    assert nobody.raw("GET", "/v3/").status == 403
