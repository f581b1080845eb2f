"""The roles in Terraform hold what the code calls and no more: each duty is run for real, and each of its calls is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.infra.permissions import exercise
from tests.infra.permissions.calls import Call
from tests.infra.permissions.roles import Applied, apply
from tests.infra.permissions.stack import deployment, recording_emulator

pytestmark = pytest.mark.slow
NAME = "drift"
DUTIES = (
    "authorizer", "console", "dispatch_scans", "provision", "purge_audit", "registry", "rotate_keys", "scans", "sweep_projects",
    "sweep_releases", "sweep_uploads", "uploads", "uploads-alb",
)  # fmt: skip
BY_AWS = {
    "logs:": "Lambda itself writes a function's log",
    "xray:": "Lambda's daemon sends the traces; the code speaks to it over UDP",
    "kms:": "the services use the key for whoever calls them, as its conditions say (kms:ViaService)",
}
"""Actions, by their beginnings, that AWS's services do with the roles: no request of the code shows them."""
UNSEEN: Mapping[tuple[str, Call], str] = {
    (
        "dispatch_scans",
        Call("sqs:ReceiveMessage", f"queue/{NAME}-manifest-events"),
    ): "Lambda polls the queue with this role",
    (
        "dispatch_scans",
        Call("sqs:DeleteMessage", f"queue/{NAME}-manifest-events"),
    ): "Lambda polls the queue with this role",
    (
        "dispatch_scans",
        Call("sqs:GetQueueAttributes", f"queue/{NAME}-manifest-events"),
    ): "Lambda polls the queue with this role",
    (
        "scans",
        Call("sqs:ChangeMessageVisibility", f"queue/{NAME}-scan-jobs"),
    ): "a job is kept after 40 s; none here takes so long",
    ("scans", Call("s3:GetObject", "objects/blobs")): "an engine reads layers; the worker has none yet and says so",
    (
        "uploads",
        Call("dynamodb:DeleteItem", "table"),
    ): "a closing PUT that lost a race against its twin unlinks the blob",
    **{
        (
            duty,
            Call("sqs:SendMessage", f"queue/{NAME}-schedules-dlq"),
        ): "Lambda sends what a scheduled function failed at"
        for duty in ("purge_audit", "rotate_keys", "sweep_projects", "sweep_releases", "sweep_uploads")
    },
}
"""What a role allows beyond what was seen, and why."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with recording_emulator(tmp_path_factory.mktemp("recorder") / "emulator") as url:
        yield url


@pytest.fixture(scope="module")
def applied(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Applied, Applied]:
    """The roles of a deployment with REST APIs, and of one behind a load balancer alone."""
    folder = tmp_path_factory.mktemp("terraform")
    with ThreadPoolExecutor(2) as both:
        first = both.submit(apply, folder / "rest", endpoint, NAME)
        second = both.submit(apply, folder / "alb", endpoint, f"{NAME}-alb", door="alb")
        return first.result(), second.result()


@pytest.fixture(scope="module")
def allowed(applied: tuple[Applied, Applied]) -> Mapping[str, frozenset[Call]]:
    """By duty; behind a load balancer only the container is another one."""
    return {**applied[0].allowed, "uploads-alb": applied[1].allowed["uploads"]}


@pytest.fixture(scope="module")
def seen(
    applied: tuple[Applied, Applied], endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, frozenset[Call]]:
    """What every duty called while all of its code had something to do."""
    with deployment(applied[0], endpoint, tmp_path_factory.mktemp("stack") / "duties") as stack:
        exercise.everything(stack)
        return {duty: frozenset(Call(*call) for call in calls) for duty, calls in stack.seen().items()}


def test_every_role_is_held_against_its_duty(allowed: Mapping[str, frozenset[Call]]) -> None:
    assert tuple(sorted(allowed)) == DUTIES


@pytest.mark.parametrize("duty", DUTIES)
def test_a_role_allows_every_call(
    duty: str, allowed: Mapping[str, frozenset[Call]], seen: Mapping[str, frozenset[Call]]
) -> None:
    assert seen[duty] - allowed[duty] == set(), "add it to infra/terraform/permissions.tf (or task_roles.tf)"


@pytest.mark.parametrize("duty", DUTIES)
def test_a_role_allows_nothing_else(
    duty: str, allowed: Mapping[str, frozenset[Call]], seen: Mapping[str, frozenset[Call]]
) -> None:
    unseen = {call for call in allowed[duty] - seen[duty] if not call.action.startswith(tuple(BY_AWS))}
    assert unseen == {call for owner, call in UNSEEN if owner == duty}, "take it away, or write down in UNSEEN why not"


def test_what_a_role_does_not_allow_is_noticed(seen: Mapping[str, frozenset[Call]]) -> None:
    """The record is of real requests: presigned URLs, transactions and batches among them, and nobody's unsigned ones."""
    assert Call("s3:GetObject", "objects/blobs") in seen["registry"], "a presigned URL that a client followed"
    assert Call("dynamodb:ConditionCheckItem", "table") in seen["registry"], "a part of a transaction"
    assert Call("sqs:SendMessage", f"queue/{NAME}-scan-jobs") in seen["dispatch_scans"], "a batch"
    assert seen["authorizer"] == {Call("secretsmanager:GetSecretValue", "secret/registry-keys")}
    assert not [call for duty in DUTIES for call in seen[duty] if call.action.endswith(":?")], "a request nobody knows"
