"""LocalStack and the deployment on it: `python -m tests.localstack_suite.run` starts both and names them in the environment."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localstack.community.deployment import Deployed
from localstack.secret import client
from tests.wire import Wire

READY_FILE = "MOORAGE_TEST_DEPLOYMENT"
Aws = Callable[[str], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs LocalStack, which `make test` does not install."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.localstack)


@pytest.fixture(scope="session")
def aws() -> Aws:
    """Makes a client of one of LocalStack's services."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        pytest.skip("needs LocalStack: `make test-localstack`")
    return lambda service: client(endpoint, service)


@pytest.fixture(scope="session")
def deployed() -> Deployed:
    """The deployment."""
    file = os.environ.get(READY_FILE)
    if not file:
        pytest.skip("needs the deployment on LocalStack: `make test-localstack`")
    return Deployed(**json.loads(Path(file).read_text()))


@pytest.fixture
def admin(deployed: Deployed) -> Iterator[Wire]:
    """The protocol itself, as the administrator."""
    with Wire(deployed.url, (deployed.admin_user, deployed.admin_password)) as wire:
        yield wire


@pytest.fixture
def nobody(deployed: Deployed) -> Iterator[Wire]:
    """The protocol itself, without an account."""
    with Wire(deployed.url) as wire:
        yield wire


@pytest.fixture
def name() -> str:
    """A name that nothing has yet."""
    return f"t{secrets.token_hex(6)}"
