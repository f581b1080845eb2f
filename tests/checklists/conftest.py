"""One registry for all checklists, and fresh repositories in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.running import Running, running_registry
from tests.wire import Wire


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The running stack."""
    with running_registry(tmp_path_factory.mktemp("checklists")) as running:
        yield running


@pytest.fixture(scope="session")
def wire(registry: Running) -> Iterator[Wire]:
    """The protocol, as the administrator."""
    with Wire(registry.url, (registry.user, registry.password)) as speaking:
        yield speaking


@pytest.fixture(scope="session")
def nobody(registry: Running) -> Iterator[Wire]:
    """The protocol without an account: what it sends is exactly what a test says."""
    with Wire(registry.url) as speaking:
        yield speaking


def new_name() -> str:
    """A repository that nobody used yet."""
    return f"checklists/{secrets.token_hex(6)}"


@pytest.fixture
def name() -> str:
    """A fresh repository."""
    return new_name()


@pytest.fixture
def other() -> str:
    """A second one."""
    return new_name()
