"""A CI job at the registry: what its trust policy grants on repositories and tags is what it may do, over the whole API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from chalicelib import bootstrap
from chalicelib.api import Api
from chalicelib.aws import keys
from chalicelib.aws.table import Table
from chalicelib.aws.trust import DynamoTrust
from chalicelib.config import Settings
from chalicelib.oci.digest import Digest
from chalicelib.rbac import trust
from tests import builders
from tests.client import Client, basic
from tests.upstream.issuer import Issuer, serving

IMAGE = builders.image()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as made:
        yield made


@pytest.fixture
def project(api: Api, admin: Client, settings: Settings, table: Table, issuer: Issuer) -> str:
    """A project with an image under `kept` and `tmp-1`, which trusts the jobs of acme/app on main."""
    name = f"ci{uuid.uuid4().hex[:12]}"
    made = bootstrap.projects(settings).create(name, is_public=False, by="admin", now=int(time.time()))
    for content in (builders.EMPTY, b"layer"):
        assert admin.push_blob(f"{name}/app", content, Digest.of(content)).status == 201
    for tag in ("kept", "tmp-1"):
        assert admin.send("PUT", f"/v2/{name}/app/manifests/{tag}", IMAGE).status == 201
    policy = {
        "name": "main", "issuer": issuer.url, "audience": settings.public_url,
        "claims": {"repository": "acme/app", "ref": "refs/heads/main"},
        "grants": [
            {"repository": "app", "tag": "v*", "actions": ["pull", "push"]},
            {"repository": "app", "tag": "tmp-*", "actions": ["delete"]},
        ],
    }  # fmt: skip
    DynamoTrust(table).add(made.project_id, trust.parse(policy))
    return name


@pytest.fixture
def job(settings: Settings, project: str, issuer: Issuer) -> Client:
    """A trusted job that asked for everything it may on `app`."""
    api = bootstrap.registry(replace(settings, upstream_reach="local"))
    token = issuer.token(int(time.time()), aud=settings.public_url, repository="acme/app", ref="refs/heads/main")
    return Client(api, basic(f"ci${project}", token)).login(f"repository:{project}/app:*")


def test_a_job_pushes_and_pulls_the_tags_it_may_and_no_other(job: Client, project: str) -> None:
    url = f"/v2/{project}/app/manifests"
    assert job.get(f"{url}/kept").status == 200
    assert job.push_blob(f"{project}/app", b"more", Digest.of(b"more")).status == 201
    assert job.send("PUT", f"{url}/v1", IMAGE).status == 201
    assert job.send("PUT", f"{url}/{Digest.of(IMAGE)}", IMAGE).status == 201
    for refused in ("kept", "latest", "v1?tag=latest", f"{Digest.of(IMAGE)}?tag=kept"):
        answer = job.send("PUT", f"{url}/{refused}", IMAGE)
        assert (answer.status, answer.error_code) == (403, "DENIED"), refused
    assert job.get(f"/v2/{project}/app/tags/list").json()["tags"] == ["kept", "tmp-1", "v1"]


def test_a_job_deletes_the_tags_it_may_and_no_manifest_with_others(job: Client, project: str) -> None:
    url = f"/v2/{project}/app/manifests"
    for refused in ("kept", str(Digest.of(IMAGE))):
        assert job.send("DELETE", f"{url}/{refused}").status == 403
    assert job.send("DELETE", f"/v2/{project}/app/blobs/{Digest.of(b'layer')}").status == 403
    assert job.send("DELETE", f"{url}/tmp-1").status == 202
    assert job.get(f"/v2/{project}/app/tags/list").json()["tags"] == ["kept"]


def test_a_job_may_nothing_elsewhere(job: Client, project: str) -> None:
    assert job.get(f"/v2/{project}/other/manifests/v1").status == 401
    assert job.get("/v2/_catalog").status == 401
    assert job.send("PUT", f"/v2/{project}/other/manifests/v1", IMAGE).status == 401


def test_push_is_attributed_to_the_policy(job: Client, project: str, table: Table) -> None:
    assert job.send("PUT", f"/v2/{project}/app/manifests/v2", IMAGE).status == 201
    (known,) = table.query(keys.project(project), keys.PROJECT)
    rows = table.query(keys.repository(int(known.project_id), "app"), "H#v2")
    assert [row.by for row in rows] == [f"ci${project}+main"]


def test_an_issuer_on_this_machine_is_not_asked_in_production(api: Api, project: str, settings: Settings, issuer: Issuer) -> None:
    token = issuer.token(int(time.time()), aud=settings.public_url, repository="acme/app", ref="refs/heads/main")
    answer = Client(api, basic(f"ci${project}", token)).get(f"/service/token?scope={quote(f'repository:{project}/app:pull')}")
    assert (answer.status, issuer.requests) == (503, [])
