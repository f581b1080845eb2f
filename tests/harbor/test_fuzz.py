"""schemathesis throws requests at every operation, right and wrong ones, as four users: no answer may be a defect, and none may
contradict the description.

The examples are the same at every run. A failure ends with the request that made it. `MOORAGE_FUZZ=200` tries more per operation.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.harbor import description
from chalicelib.harbor.description import Operation
from tests.harbor.thrown import requests
from tests.harbor.world import World, make_world

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("MOORAGE_FUZZ", "20"))
OPERATIONS = list(description.operations())


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """The world at hand, if there is one: it goes after each operation that changes something."""
    return []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_no_request_breaks_an_operation(settings: Settings, worlds: list[World], operation: Operation) -> None:
    if not worlds:
        worlds.append(make_world(settings))
    throw(worlds[-1], operation)
    if operation.method != "GET" and operation.later is None:
        worlds.clear()


def throw(world: World, operation: Operation) -> None:
    """Send requests for one operation; the client compares the answers with the description."""

    @settings_of(operation)
    @given(st.sampled_from(["admin"] * len(world.callers) + sorted(world.callers)), requests(operation, world.known))
    def send(caller: str, sent: Any) -> None:
        note(f"as {caller}: {sent}")
        answer = world.callers[caller].send(
            sent.method, sent.url, params=sent.params, headers=sent.headers, body=sent.body
        )
        assert (answer.status == 501) == (operation.later is not None), "501 is for later features"

    send()


def settings_of(operation: Operation) -> settings:
    return settings(
        max_examples=2 if operation.later else EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
