"""The official conformance suite against the deployed registry: API Gateway, Lambda under its role, the upload service."""

from __future__ import annotations

from tests.clients.commands import find
from tests.conformance.run import RUNS, run_suite
from tests.deploy.conftest import Deployment


def test_the_official_suite_finds_nothing(deployment: Deployment) -> None:
    assert run_suite(find("conformance"), deployment, "deployed", RUNS["1.1"]) == []
