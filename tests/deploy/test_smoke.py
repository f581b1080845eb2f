"""The smoke test of a deployment, on the deployment: through API Gateway, the authorizer, functions, and S3's event."""

from __future__ import annotations

import pytest

from localstack.launch import CREDENTIALS
from scripts.smoke.registry import MIB, Plan
from scripts.smoke.report import FAIL, SKIPPED
from scripts.smoke_aws import check_all
from tests.deploy.conftest import Deployment

NO_TLS = {"tls", "tls-old"}


def test_the_smoke_test_passes(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold starts wait for each other on a small machine, so they have longer here than on AWS."""
    for name, value in {**CREDENTIALS, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    plan = Plan(
        deployment.url,
        deployment.user,
        deployment.password,
        size_bytes=18 * MIB,
        slow_s=1,
        warm_ms=2_000,
        cold_ms=60_000,
        scan_jobs_url=deployment.outputs["queues"]["scan_jobs"],
    )
    outcomes = check_all(plan)
    assert {o.check: o.detail for o in outcomes if o.state == FAIL} == {}
    assert {o.check for o in outcomes if o.state == SKIPPED} == NO_TLS
