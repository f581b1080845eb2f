"""Which tests run against LocalStack, and which do not, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Suite:
    """Paths for pytest. `excluded` never run here; `long` ones run with `--all`, as `long_paths` do."""

    paths: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    long: Mapping[str, str] = field(default_factory=dict)
    long_paths: tuple[str, ...] = ()


_MANY_CALLS = "thousands of calls, of which LocalStack answers about fifty a second"
_EACH_CALL = "a run for every call that may fail"

STORAGE = Suite(
    paths=(
        "tests/contracts",
        "tests/aws",
        "tests/upload_service",
        "tests/test_schedules.py",
        "tests/rbac/test_admin.py",
    ),
    excluded={
        "tests/contracts/test_objects.py::test_parts_become_an_object_in_their_order[aws]": (
            "completes a multipart upload twice: S3 answers the same again, LocalStack NoSuchUpload"
        ),
        "tests/aws/test_crowds.py": "five hundred threads at once measure the emulator, not Moorage",
        "tests/aws/test_books.py": _MANY_CALLS,
    },
    long={
        "tests/upload_service/test_memory.py": "measures the upload service, whatever stores its bytes",
        "tests/upload_service/test_service.py::test_killed_at_any_moment_no_acknowledged_byte_is_lost": "many kills",
    }
    | {
        f"tests/aws/test_deletions.py::{test}": _EACH_CALL
        for test in (
            "test_the_removal_of_a_repository_that_dies_at_any_call_is_finished_by_the_schedule",
            "test_a_push_during_the_removal_of_its_repository_stays_whole",
            "test_a_deletion_that_dies_at_any_call_is_finished_by_the_schedule",
        )
    },
)
"""Adapters and the upload service, on DynamoDB Local behind LocalStack's front, and on LocalStack's S3 and Secrets Manager."""

_NO_IAM = "the community edition stores roles and policies and enforces none"

DEPLOYED = Suite(
    paths=(
        "tests/localstack_suite",
        "tests/deploy/test_doors.py",
        "tests/deploy/test_flows.py",
        "tests/deploy/test_clients.py",
    ),
    excluded={
        "tests/deploy/test_flows.py::test_the_authorizer_may_not": _NO_IAM,
        "tests/deploy/test_flows.py::test_nobody_without_credentials_gets_anything_from_the_account": _NO_IAM,
        "tests/deploy/test_flows.py::test_functions_see_nothing_of_this_machine": (
            "invokes at once, while LocalStack's function is still Pending as on AWS; test_functions.py asks the same"
        ),
    },
    long_paths=("tests/checklists",),
)
"""Events, functions, and the deployment through its API Gateway, with real clients; the specification's checklists with `--all`.

Not here: `tests/deploy/test_kills.py` and `test_stop_and_start.py`, which kill and restart MiniStack's processes, and
`test_plan.py`, whose drifts are MiniStack's; `test_deployment.py` names LocalStack's.
"""
