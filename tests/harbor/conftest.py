"""Clients of Harbor's API in process. Every answer that a test below this folder gets is compared with the description."""

from __future__ import annotations

import pytest

from tests.harbor.client import Conforming, Handles, HarborClient


@pytest.fixture(scope="session")
def api(api: Handles) -> Conforming:
    """The registry in process, watched."""
    return Conforming(api)


@pytest.fixture(scope="session")
def anonymous(api: Conforming) -> HarborClient:
    """Nobody."""
    return HarborClient(api)


@pytest.fixture(scope="session")
def harbor_admin(anonymous: HarborClient) -> HarborClient:
    """The administrator."""
    return anonymous.basic("admin", "admin-secret")
