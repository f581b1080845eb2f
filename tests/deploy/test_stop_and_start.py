"""What was deployed is kept: a second start is quick. And `terraform destroy` leaves nothing. These tests come last."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import builders
from tests.deploy.conftest import Deployment, start, stop
from tests.running import ROOT
from tests.wire import ACCEPT, Wire, digest_of


@pytest.fixture(autouse=True)
def _deployment_lives() -> None:
    """It does not: that is what these tests are about."""


def test_a_second_start_takes_seconds_and_has_everything(deployment: Deployment, tmp_path: Path) -> None:
    if deployment.process is None or deployment.log is None:
        pytest.skip("somebody else's deployment is not stopped")
    layer, config = secrets.token_bytes(7_000_000), secrets.token_bytes(100)
    manifest, name = builders.image(config=config, layers=(layer,)), "library/kept"
    with Wire(deployment.url, (deployment.user, deployment.password)) as admin:
        for content in (config, layer):
            admin.push_blob(name, content)
        admin.push_manifest(name, "latest", manifest)
    stop(deployment.process, deployment.log)
    log, started = tmp_path / "again.log", time.monotonic()
    process = start(deployment.data, tmp_path / "ready.json", log)
    took_s = time.monotonic() - started
    try:
        with Wire(deployment.url, (deployment.user, deployment.password)) as admin:
            assert admin.get(f"/v2/{name}/manifests/latest", ACCEPT).body == manifest
            assert admin.get(f"/v2/{name}/blobs/{digest_of(layer)}").body == layer
            admin.push_blob(name, secrets.token_bytes(1000))
    finally:
        stop(process, log)
    assert took_s < 30
    assert "terraform" not in log.read_text(), "nothing changed, so there is nothing to apply"


@pytest.mark.slow
def test_terraform_destroy_leaves_nothing(deployment: Deployment) -> None:
    if deployment.process is None or deployment.log is None:
        pytest.skip("somebody else's deployment is not destroyed")
    stop(deployment.process, deployment.log)
    done = subprocess.run(
        [sys.executable, "-m", "localstack.deploy", "--destroy"],
        cwd=ROOT, env={**os.environ, "MOORAGE_DATA": str(deployment.data), "MOORAGE_PORT": "0"},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not deployment.data.exists()
