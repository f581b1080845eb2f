"""Terraform's side of the deployment: how long it takes, what it tells, and what a second plan wants."""

from __future__ import annotations

from typing import Any

from tests.deploy.conftest import Deployment
from tests.wire import Wire

DRIFTS = {
    # MiniStack tells Terraform's provider, which asks in CBOR, of an alarm without these; it does keep them.
    "aws_cloudwatch_metric_alarm": {
        "actions_enabled", "alarm_actions", "alarm_description", "ok_actions", "treat_missing_data"
    },
}  # fmt: skip
"""What a second plan wants to change on the emulator, and on AWS does not: attributes by kind of resource."""


def changed(before: Any, after: Any) -> set[str]:
    """The attributes that differ."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_a_deployment_takes_a_few_minutes(deployment: Deployment) -> None:
    assert deployment.started_in_s < 300


def test_a_second_plan_wants_nothing_but_what_the_emulator_tells_wrongly(deployment: Deployment) -> None:
    plan = deployment.terraform().plan()
    unexpected = {}
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] in (["no-op"], ["read"]):
            continue
        differing = changed(change["before"] or {}, change["after"] or {}) - DRIFTS.get(resource["type"], set())
        if change["actions"] != ["update"] or differing:
            unexpected[resource["address"]] = (change["actions"], differing)
    assert unexpected == {}


def test_outputs_lead_to_the_registry(deployment: Deployment, nobody: Wire) -> None:
    outputs = deployment.outputs
    assert outputs["registry_url"] == deployment.url
    assert deployment.host in outputs["docker_login"]
    assert nobody.raw("GET", f"{outputs['console_url']}/service/token?service=moorage").status in (200, 401)
