"""The smoke test on the door of a load balancer: the container serves `/v2/`, the token service is at another host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.launch import aws_environment
from scripts.smoke.registry import Plan
from scripts.smoke.report import FAIL, SKIPPED, exit_code
from scripts.smoke_aws import check_all
from tests.conftest import free_port
from tests.running import running_registry
from tests.scripts.faults import MIB
from tests.upload_service.service import Service

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    console, door = free_port(), free_port()
    addresses = {
        "MOORAGE_PUBLIC_URL": f"http://127.0.0.1:{door}",
        "MOORAGE_CONSOLE_URL": f"http://127.0.0.1:{console}",
        "MOORAGE_UPLOAD_URL": f"http://127.0.0.1:{door}",
    }
    with running_registry(tmp_path, {**addresses, "MOORAGE_PORT": str(console)}) as running:
        if running.process is None:
            pytest.skip("another registry was named, which has its own door")
        aws = aws_environment(running.s3_url.replace("//localhost", "//127.0.0.1"), running.s3_url)
        service = Service({**aws, **addresses, "MOORAGE_SERVE_REGISTRY": "on"}, tmp_path / "service.log", port=door)
        try:
            yield Plan(addresses["MOORAGE_PUBLIC_URL"], running.user, running.password, size_bytes=18 * MIB, slow_s=1)
        finally:
            service.kill()


def test_it_passes_behind_a_load_balancer(plan: Plan) -> None:
    outcomes = check_all(plan)
    assert {o.check: o.detail for o in outcomes if o.state == FAIL} == {}
    assert {o.check for o in outcomes if o.state == SKIPPED} == {"tls", "tls-old", "scan-event"}
    assert exit_code(outcomes) == 0
