"""A CI job with nothing but its own token: every client logs in, pushes what the policy grants, and is told what it does not."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest

from chalicelib.aws import keys
from chalicelib.aws.table import Table
from chalicelib.aws.trust import DynamoTrust
from chalicelib.config import Settings
from chalicelib.rbac import trust
from tests.clients import images
from tests.clients.conftest import MakeClient, push_over_http
from tests.clients.test_access import EVERY_CLIENT, REFUSED
from tests.running import Running
from tests.upstream.issuer import Issuer, serving
from tests.wire import Wire


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer(algorithm="RS256")) as made:
        yield made


@pytest.fixture
def project(registry: Running, admin: Wire, issuer: Issuer) -> str:
    """A private project that lets the jobs of acme/app push `app` under `v*`."""
    if not registry.s3_url:
        pytest.skip("the table of a registry that was running before is not known")
    name = f"ci{secrets.token_hex(5)}"
    push_over_http(admin, images.image(), f"{name}/app:old")
    table = Table(Settings(dynamodb_endpoint_url=registry.s3_url))
    (found,) = table.query(keys.project(name), keys.PROJECT)
    policy = {
        "name": "main", "issuer": issuer.url, "audience": registry.url, "claims": {"repository": "acme/app"},
        "grants": [{"repository": "app", "tag": "v*", "actions": ["pull", "push"]}],
    }  # fmt: skip
    DynamoTrust(table).add(int(found.project_id), trust.parse(policy))
    return name


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_a_job_logs_in_with_its_token(
    make_client: MakeClient, name: str, registry: Running, issuer: Issuer, project: str, admin: Wire
) -> None:
    client, image = make_client(name), images.image()
    token = issuer.token(int(time.time()), aud=registry.url, repository="acme/app")
    client.try_log_in(f"ci${project}", token).expect_success()

    client.push(image, f"{project}/app:v1")
    assert client.pull(f"{project}/app:v1").diff_ids == image.diff_ids
    assert client.pull(f"{project}/app:old").diff_ids

    refused = client.try_push(image, f"{project}/app:latest")
    assert refused.code != 0
    assert REFUSED.search(refused.output), refused.output
    assert token not in refused.output
    assert admin.get(f"/v2/{project}/app/manifests/latest").status == 404


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_a_job_nobody_trusts_does_not(
    make_client: MakeClient, name: str, registry: Running, issuer: Issuer, project: str
) -> None:
    client = make_client(name)
    token = issuer.token(int(time.time()), aud=registry.url, repository="evil/app")
    done = client.try_log_in(f"ci${project}", token)
    pushed = client.try_push(images.image(), f"{project}/app:v1")
    assert pushed.code != 0
    assert token not in done.output + pushed.output
