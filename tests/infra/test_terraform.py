"""`infra/terraform`, as far as it can be judged without an account: its form, its documents, and its plans with every switch.

What a plan must be is asserted in `infra/terraform/tests`, by the names of resources. Here rules hold for whatever is in any of
those plans, so that a resource that nobody thought of is found.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.terraform_source import MODULE, Block, module, outputs, variables
from tests.infra.terraform import Told, needs_terraform, run, test_module

Resource = dict[str, Any]

ANYTHING_GOES = {
    "tags": "any map of strings can be tags, and AWS says what it does not like",
    "xray_image": "an image is found or not when it is pulled; empty means none",
}
"""Variables that are neither switches nor have a rule, and why."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the module, ready to use; skips when there is no provider to be had."""
    copy = tmp_path_factory.mktemp("module")
    shutil.copytree(MODULE, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    done = run(copy, "init", "-input=false", "-backend=false")
    if done.returncode != 0 and re.search(r"Failed to query|could not connect|no such host", done.stderr):
        pytest.skip("the AWS provider is in no mirror of this machine, and Terraform's registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture(scope="module")
def told(folder: Path) -> Told:
    return test_module(folder, "-verbose")


@pytest.fixture(scope="module")
def plans(told: Told) -> list[list[Resource]]:
    """What each plan would make; a refused plan ends half-way."""
    whole = [plan for key, plan in told.plans.items() if not key[0].endswith("variables.tftest.hcl")]
    assert len(whole) >= 20
    return [[change for change in plan if change["mode"] == "managed"] for plan in whole]


def made(plan: list[Resource], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for change in plan:
        if change["type"] == kind:
            yield change["name"], change["change"]["after"]


@needs_terraform
def test_sources_have_the_form_of_terraform_fmt() -> None:
    done = run(MODULE, "fmt", "-check", "-diff", "-recursive")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_terraform
def test_the_module_is_valid(folder: Path) -> None:
    done = run(folder, "validate")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_terraform
def test_every_plan_is_as_asserted(told: Told) -> None:
    failed = [key for key, status in told.statuses.items() if status != "pass"]
    assert failed == [], "\n\n".join(f"{file}: {error}" for file, errors in told.errors.items() for error in errors)


@pytest.mark.slow
@needs_terraform
def test_every_bucket_is_private_owned_encrypted_and_has_a_policy(plans: list[list[Resource]]) -> None:
    seen = 0
    for plan in plans:
        buckets = {name for name, _ in made(plan, "aws_s3_bucket")}
        seen += len(buckets)
        for companion in ("public_access_block", "ownership_controls", "server_side_encryption_configuration", "policy"):
            assert {name for name, _ in made(plan, f"aws_s3_bucket_{companion}")} == buckets
        for _, block in made(plan, "aws_s3_bucket_public_access_block"):
            flags = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
            assert all(block[flag] for flag in flags)
        assert list(made(plan, "aws_s3_bucket_acl")) == []
    assert seen > len(plans)


@pytest.mark.slow
@needs_terraform
def test_every_queue_has_a_dead_letter_queue_or_is_one(plans: list[list[Resource]]) -> None:
    for plan in plans:
        queues = dict(made(plan, "aws_sqs_queue"))
        for name, queue in queues.items():
            assert name.endswith("_dlq") or queue["redrive_policy"], name
            assert queue["kms_master_key_id"] or queue["sqs_managed_sse_enabled"], name
            assert not name.endswith("_dlq") or queue["message_retention_seconds"] == 14 * 86400
        assert any(name.endswith("_dlq") for name in queues)


@pytest.mark.slow
@needs_terraform
def test_every_log_group_ends(plans: list[list[Resource]]) -> None:
    for plan in plans:
        groups = list(made(plan, "aws_cloudwatch_log_group"))
        assert groups
        assert all(group["retention_in_days"] for _, group in groups)


@pytest.mark.slow
@needs_terraform
def test_every_table_and_topic_is_encrypted_where_there_is_a_key(plans: list[list[Resource]]) -> None:
    seen = 0
    for plan in plans:
        if not list(made(plan, "aws_kms_key")):
            continue
        seen += 1
        assert all(topic["kms_master_key_id"] for _, topic in made(plan, "aws_sns_topic"))
        assert all(table["server_side_encryption"][0]["enabled"] for _, table in made(plan, "aws_dynamodb_table"))
        assert all(group["kms_key_id"] for _, group in made(plan, "aws_cloudwatch_log_group"))
        assert all(secret["kms_key_id"] for _, secret in made(plan, "aws_secretsmanager_secret"))
    assert seen


@pytest.mark.slow
@needs_terraform
def test_every_function_has_a_log_group_an_alias_and_a_role_policy(plans: list[list[Resource]]) -> None:
    for plan in plans:
        duties = {change["index"] for change in plan if change["type"] == "aws_lambda_function"}
        assert duties
        for companion in ("aws_lambda_alias", "aws_iam_role_policy", "aws_iam_role", "aws_cloudwatch_log_group"):
            assert {c.get("index") for c in plan if c["type"] == companion} >= duties, companion


@pytest.mark.slow
@needs_terraform
def test_only_tls_is_open_to_the_world(plans: list[list[Resource]]) -> None:
    for plan in plans:
        for name, rule in made(plan, "aws_vpc_security_group_ingress_rule"):
            if rule.get("cidr_ipv4") == "0.0.0.0/0":
                assert (rule["from_port"], rule["to_port"], rule["ip_protocol"]) == (443, 443, "tcp"), name
        assert not [change for change in plan if change["type"] in ("aws_nat_gateway", "aws_iam_user", "aws_iam_access_key")]


@pytest.mark.slow
@needs_terraform
def test_no_secret_has_a_value_in_the_state(plans: list[list[Resource]]) -> None:
    for plan in plans:
        assert list(made(plan, "aws_secretsmanager_secret_version")) == []


def test_every_variable_has_a_type_a_description_and_a_rule() -> None:
    found = variables()
    assert len(found) > 60
    for variable in found:
        (name,) = variable.labels
        assert variable.attributes.get("type"), name
        assert re.fullmatch(r"[A-Z].*[.]", variable.text("description")), name
        rules = [block for block in variable.blocks if block.kind == "validation"]
        assert rules or variable.attributes["type"] == "bool" or name in ANYTHING_GOES, f"{name} takes anything"
        assert all(re.match(r"(Set|Leave|There is no package)\b", rule.text("error_message")) for rule in rules), name


def test_every_output_has_a_description() -> None:
    for output in outputs():
        assert re.fullmatch(r"[A-Z].*[.]", output.text("description")), output.labels


def test_no_name_is_declared_twice() -> None:
    names = [(block.kind, *block.labels) for block in module() if block.labels]
    assert len(names) == len(set(names))


def test_every_variable_is_set_in_a_plan_that_is_tested() -> None:
    tests = "\n".join(path.read_text() for path in (MODULE / "tests").glob("*.tftest.hcl"))
    untested = [v.labels[0] for v in variables() if not re.search(rf"^\s+{v.labels[0]}\s*=", tests, re.MULTILINE)]
    assert untested == []


def test_every_policy_is_judged() -> None:
    tests = "\n".join(path.read_text() for path in (MODULE / "tests").glob("*.tftest.hcl"))
    documents = [block.labels[1] for block in module() if block.labels[:1] == ("aws_iam_policy_document",)]
    assert len(documents) > 10
    assert [name for name in documents if f"data.aws_iam_policy_document.{name}" not in tests] == []
    inline = [block.labels for block in module() if "jsonencode" in block.attributes.get("policy", "")]
    assert inline == [], "policies are documents, so that tests see their statements"


def test_every_alarm_that_tells_people_can_be_switched_off() -> None:
    for block in resources("aws_cloudwatch_metric_alarm"):
        told_people = "aws_sns_topic.alarms" in block.attributes.get("alarm_actions", "")
        assert told_people == (block.labels[1] == "watch"), block.labels


def resources(kind: str) -> list[Block]:
    return [block for block in module() if block.labels[:1] == (kind,)]


def test_every_exception_of_the_policy_scanner_has_a_reason() -> None:
    inline = [line for path in MODULE.glob("*.tf") for line in path.read_text().splitlines() if "checkov:skip" in line]
    assert len(inline) > 20
    assert [line for line in inline if not re.fullmatch(r"  #checkov:skip=CKV2?_AWS_\d+:\S.{20,}", line)] == []
    lines = (MODULE / "checkov.yaml").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if line.startswith("  - CKV"):
            assert before.startswith(("  # ", "  - CKV")), line
