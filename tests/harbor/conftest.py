"""Clients of Harbor's API in process. Every answer that a test below this folder gets is compared with the description."""

from __future__ import annotations

import pytest

from chalicelib.config import Settings
from tests.harbor.client import Conforming, Handles, HarborClient
from tests.harbor.people import World


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


@pytest.fixture(scope="session")
def world(settings: Settings, harbor_admin: HarborClient, anonymous: HarborClient) -> World:
    """The registry with people in it."""
    return World(settings, harbor_admin, anonymous)
