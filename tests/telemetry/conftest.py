"""What telemetry tells, as a list of parsed lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.telemetry import watch
from tests.telemetry import emf

Told = Callable[[], list[dict[str, Any]]]
PLAN = telemetry.Plan("acme", "registry", has_metrics=True, region="us-east-1")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Told]:
    """Metrics on. Returns the lines of requests since the last time; each is checked against the specification."""
    watch._is_cold[0] = False
    telemetry.configure(PLAN)

    def take() -> list[dict[str, Any]]:
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        return [emf.checked(line) for line in lines if "_aws" in json.loads(line)]

    take()
    yield take
    telemetry.configure(telemetry.Plan())
