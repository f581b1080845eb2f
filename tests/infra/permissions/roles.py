"""What the roles of the Terraform module allow, read from an apply of them, with what they name, on an emulator."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.infra.permissions.calls import Call

ROOT = Path(__file__).resolve().parent.parent.parent.parent
_TARGETS = ("aws_iam_role_policy.duty", "aws_iam_role_policy.uploads_task", "aws_iam_role_policy.scans_task")
_KEPT = ("PATH", "HOME", "TMPDIR", "TF_CLI_CONFIG_FILE", "MOORAGE_TF_MIRROR")


@dataclass(frozen=True)
class Applied:
    """What Terraform made: names, and what each duty's role allows."""

    name: str
    bucket: str
    allowed: Mapping[str, frozenset[Call]]


def apply(folder: Path, endpoint: str, name: str, **variables: str) -> Applied:
    """Apply the roles and what they need. Skips the test, by name, where there is no Terraform."""
    if subprocess.run(["sh", "-c", "command -v terraform"], capture_output=True, check=False).returncode:
        pytest.skip("terraform is not installed, so the roles cannot be read")
    folder.mkdir()
    state = folder / "terraform.tfstate"
    settings = {
        "name": name, "upload_service": "fargate", "upload_image": "uploads", "scan_cluster": "true", "scan_image": "scans",
        **variables,
    }  # fmt: skip
    _terraform(folder, endpoint, "init", "-input=false")
    _terraform(
        folder, endpoint, "apply", "-auto-approve", "-input=false", "-parallelism=30", f"-state={state}",
        "-var-file=emulator.tfvars", *(f"-var={key}={value}" for key, value in settings.items()),
        *(f"-target={target}" for target in _TARGETS),
    )  # fmt: skip
    resources = json.loads(state.read_text())["resources"]
    bucket = next(made["bucket"] for kind, _, made in _instances(resources) if kind == "aws_s3_bucket.registry")
    allowed = {
        _duty(kind, key): frozenset(_calls(json.loads(made["policy"]), name, bucket))
        for kind, key, made in _instances(resources)
        if kind in _TARGETS
    }
    return Applied(name, bucket, allowed)


def _terraform(folder: Path, endpoint: str, command: str, *options: str) -> None:
    environ = {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "terraform", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1", "TF_DATA_DIR": str(folder / "data"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    }  # fmt: skip
    argv = [
        "sh",
        str(ROOT / "scripts" / "terraform"),
        f"-chdir={ROOT / 'infra' / 'terraform'}",
        command,
        "-no-color",
        *options,
    ]
    ran = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, f"terraform {command}: {ran.stdout[-1500:]}{ran.stderr[-2500:]}"


def _instances(resources: Iterable[Any]) -> list[tuple[str, str, Any]]:
    return [
        (f"{one['type']}.{one['name']}", str(instance.get("index_key", "")), instance["attributes"])
        for one in resources
        if one["mode"] == "managed"
        for instance in one["instances"]
    ]


def _duty(kind: str, key: str) -> str:
    return key if kind.endswith(".duty") else kind.rpartition(".")[2].removesuffix("_task")


def _calls(policy: Any, name: str, bucket: str) -> Iterable[Call]:
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            if (
                action == "sqs:SendMessageBatch"
            ):  # only with `emulator`: emulators ask for it by this name, IAM knows no such action
                continue
            for resource in _list(statement["Resource"]):
                yield Call(action, place(resource, name, bucket))


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def place(arn: str, name: str, bucket: str) -> str:
    """Name the resource of an ARN as `calls` does; what it does not know stays an ARN. Secrets have six characters at the end."""
    service, rest = (arn.split(":", 5) + [""] * 6)[2], (arn.split(":", 5) + [""] * 6)[5]
    if service == "dynamodb" and rest == f"table/{name}":
        return "table"
    if service == "s3":
        _, _, key = rest.partition("/")
        return "bucket" if rest == bucket else f"objects/{key.removesuffix('/*')}"
    if service == "secretsmanager":
        return f"secret/{rest.removeprefix(f'secret:{name}/')[:-7]}"
    if service == "sqs":
        return f"queue/{rest}"
    return arn
