"""A variable that cannot work fails at plan, with a sentence that says what to set.

The variables are judged in a module of their own, without a provider: a plan of it takes milliseconds. That the whole module
refuses them too is in `infra/terraform/tests/variables.tftest.hcl`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.terraform_source import MODULE, local_values, variables
from tests.infra.terraform import Told, needs_terraform, test_module

pytestmark = needs_terraform

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage:1.0"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
ZONE = {"hosted_zone_id": "Z0123456789ABCDEFGHIJ"}
DOMAIN = {"domain_name": "registry.example.com", "certificate_arn": CERTIFICATE}
UPLOADS = {"upload_service": "fargate", "upload_image": ECR}
EUROPE = {"region": "eu-west-1", "upload_service": "fargate", "upload_image": ECR.replace("us-east-1", "eu-west-1")}
HOST = "up.example.com"

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("name", {"name": "Moorage"}, "Set name to 3 to 20 small letters"),
    ("name", {"name": "a-name-that-is-too-long"}, "Set name to 3 to 20"),
    ("region", {"region": "Frankfurt"}, "Set region to a region of AWS with all that is made here"),
    ("region", {"region": "us-east-9"}, "such as us-east-1 or eu-central-1: af-south-1,"),
    ("region", {"region": "cn-north-1"}, "Set region to a region of AWS with all that is made here"),
    ("door", {"door": "window"}, "Set door to rest, http or alb"),
    ("domain_name", {**DOMAIN, "domain_name": "https://registry.example.com"}, "Set domain_name to a host name such as"),
    ("domain_name", {**DOMAIN, "domain_name": "registry_1.example.com"}, "Set domain_name to a host name"),
    ("disable_default_endpoint", {"disable_default_endpoint": True}, "Set domain_name when disable_default_endpoint is true"),
    ("public_url_override", {"public_url_override": "registry.example.com"}, "Set public_url_override to an address such as"),
    ("console_url_override", {"console_url_override": "https://a.example/"}, "Set console_url_override to an address such as"),
    ("s3_public_url", {"s3_public_url": "localhost:4566"}, "on AWS leave it empty"),
    ("upload_service", {"upload_service": "lambda"}, "Set upload_service to fargate, external or off"),
    ("upload_url", {"upload_service": "external", "upload_url": HOST}, "Set upload_url to an address such as"),
    ("upload_url", {"upload_service": "external"}, "Set upload_url to the address of your upload service"),
    ("package_path", {"package_path": "no-such.zip"}, "run make package, or set package_path"),
    ("architecture", {"architecture": "riscv"}, "Set architecture to arm64 or x86_64"),
    ("lambda_memory_mb", {"lambda_memory_mb": {"registry": 128}}, "whole megabytes from 256 to 10240"),
    ("lambda_timeout_s", {"lambda_timeout_s": {"registry": 2}}, "from 5 to 29: a cold start takes seconds"),
    ("lambda_timeout_s", {"lambda_timeout_s": {"console": 60}}, "API Gateway waits 29"),
    ("lambda_timeout_s", {"lambda_timeout_s": {"background": 10}}, "Set background of lambda_timeout_s from 60 to 900"),
    ("lambda_timeout_s", {"lambda_timeout_s": {"dispatch_scans": 1}}, "Set dispatch_scans of lambda_timeout_s from 10"),
    ("reserved_concurrency", {"reserved_concurrency": {"console": 0}}, "0 would stop the function"),
    ("pinned_versions", {"pinned_versions": {"registry": "latest"}}, "the number of a published version"),
    ("pinned_versions", {"pinned_versions": {"regsitry": "7"}}, "Set the keys of pinned_versions to duties"),
    ("dispatch_concurrency", {"dispatch_concurrency": 1}, "Set dispatch_concurrency from 2 to 1000"),
    ("scan_timeout_s", {"scan_timeout_s": 1}, "Set scan_timeout_s from 60 to 43200"),
    ("authorizer_cache_s", {"authorizer_cache_s": 3601}, "Set authorizer_cache_s from 0 to 3600"),
    ("throttle", {"throttle": {"burst": 10000}}, "Set rate of throttle to 1 or more, and burst from 1 to 5000"),
    ("log_level", {"log_level": "info"}, "Set log_level to DEBUG, INFO, WARNING or ERROR"),
    ("upstream_reach", {"upstream_reach": "everywhere"}, "Set upstream_reach to public or private"),
    ("permissions_boundary_arn", {"permissions_boundary_arn": "admins"}, "the ARN of an IAM policy"),
    ("log_retention_days", {"log_retention_days": 31}, "Set log_retention_days to a number of days that CloudWatch knows"),
    ("alarm_emails", {"alarm_emails": ["ops"]}, "Set alarm_emails to addresses such as"),
    ("alarm_thresholds", {"alarm_thresholds": {"scan_age_minutes": 0}}, "above 0; to have no alarms at all set alarms to false"),
    ("alarm_thresholds", {"alarm_thresholds": {"error_percent": 150}}, "below 100: they are percent"),
    ("alarm_thresholds", {"alarm_thresholds": {"token_p95_ms": 9000}}, "to no more than registry_p99_ms and token_p99_ms"),
    ("bucket_name", {"bucket_name": "my.bucket"}, "no dots: TLS certificates end at them"),
    ("encryption", {"encryption": "none"}, "Set encryption to customer or aws"),
    ("deleted_retention_days", {"deleted_retention_days": 0}, "Set deleted_retention_days from 1 to 365"),
    ("abort_uploads_days", {"abort_uploads_days": 7}, "an upload may take 7 days"),
    ("secret_recovery_days", {"secret_recovery_days": 3}, "Set secret_recovery_days to 0, or from 7 to 30"),
    ("key_deletion_days", {"key_deletion_days": 1}, "Set key_deletion_days from 7 to 30"),
    ("vpc_cidr", {"vpc_cidr": "10.0.0.0/28"}, "Set vpc_cidr to an IPv4 block from /16 to /22"),
    ("vpc_cidr", {"vpc_cidr": "everything"}, "Set vpc_cidr to an IPv4 block"),
    ("az_count", {"az_count": 1}, "a load balancer needs two zones"),
    ("task_network", {"task_network": "nat"}, "Set task_network to endpoints or public"),
    ("upload_image", {"upload_service": "fargate"}, "Set upload_image to the upload service's image, such as"),
    ("upload_image", {"door": "alb"}, "Set upload_service to fargate (and upload_image) when door is alb"),
    ("upload_image", {**UPLOADS, "upload_image": "docker.io/moorage"}, "or task_network to public"),
    ("upload_cpu", {"upload_cpu": 300}, "Set upload_cpu to 256, 512, 1024, 2048 or 4096"),
    ("upload_memory_mb", {"upload_memory_mb": 512}, "Set upload_memory_mb to what Fargate has for upload_cpu"),
    ("upload_tasks", {"upload_tasks": {"min": 3, "max": 2}}, "max to no less than min"),
    ("upload_drain_s", {"upload_drain_s": 5}, "Set upload_drain_s from 30 to 3600"),
    ("upload_domain_name", {**UPLOADS, "upload_domain_name": "up"}, "Set upload_domain_name to a host name such as"),
    ("upload_domain_name", {"upload_domain_name": HOST, "certificate_arn": CERTIFICATE}, "Set upload_service to fargate"),
    ("upload_domain_name", {**UPLOADS, **DOMAIN, "door": "alb", "upload_domain_name": HOST}, "Leave upload_domain_name empty"),
    ("upload_domain_name", {**UPLOADS, **DOMAIN, "upload_domain_name": DOMAIN["domain_name"]}, "to another host than"),
    ("hosted_zone_id", {"domain_name": "registry.example.com"}, "Set hosted_zone_id to the Route 53 zone of your domain, or"),
    ("hosted_zone_id", {"hosted_zone_id": "example.com"}, "such as Z0123456789ABCDEFGHIJ"),
    ("certificate_arn", {"certificate_arn": CERTIFICATE, "region": "eu-west-1"}, "in the region of this deployment"),
    ("cdn", {"cdn": "maybe"}, "Set cdn to auto, on or off"),
    ("cdn", {**UPLOADS, "cdn": "off"}, "a load balancer has TLS only with a domain"),
    ("cdn", {"cdn": "on"}, "there is nothing to put CloudFront before"),
    ("cdn_certificate_arn", {"cdn_certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1")}, "certificate in us-east-1"),
    (
        "cdn_certificate_arn",
        {**EUROPE, **ZONE, "cdn": "on", "upload_domain_name": HOST},
        "CloudFront takes certificates from no other region",
    ),
    ("cdn_read_timeout_s", {"cdn_read_timeout_s": 5}, "Set cdn_read_timeout_s from 30 to 180"),
    ("cdn_price_class", {"cdn_price_class": "cheap"}, "Set cdn_price_class to PriceClass_100"),
    ("waf", {"door": "http", "waf": True}, "AWS WAF does not work with HTTP APIs"),
    (
        "waf",
        {**EUROPE, "waf": True},
        "Set cdn_web_acl_arn to a web ACL of scope CLOUDFRONT",
    ),
    ("cdn_web_acl_arn", {"cdn_web_acl_arn": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b"}, "of scope CLOUDFRONT"),
    ("waf_rate_limit", {"waf_rate_limit": 10}, "Set waf_rate_limit from 100"),
    ("scan_image", {"scan_cluster": True}, "Set scan_image to the scan worker's image, such as"),
    ("scan_image", {"scan_cluster": True, "scan_image": "docker.io/scans"}, "or task_network to public"),
    ("scan_cpu", {"scan_cpu": 1000}, "Set scan_cpu to 256"),
    ("scan_memory_mb", {"scan_memory_mb": 100}, "Set scan_memory_mb to what Fargate has for scan_cpu"),
    ("scan_disk_gb", {"scan_disk_gb": 500}, "Set scan_disk_gb from 21 to 200"),
    ("scan_tasks_max", {"scan_tasks_max": 0}, "Set scan_tasks_max from 1 to 100"),
]  # fmt: skip

TAKEN: list[dict[str, Any]] = [
    {},
    {"name": "a-b", "region": "us-gov-west-1", "alarm_emails": ["ops+moorage@example.com"]},
    {**UPLOADS, **DOMAIN, "door": "alb"},
    {**UPLOADS, "upload_domain_name": HOST, **ZONE, "waf": True},
    {**UPLOADS, "task_network": "public", "upload_image": "docker.io/moorage:1", "scan_cluster": True, "scan_image": "x"},
    {"upload_service": "external", "upload_url": "https://up.example.com", "reserved_concurrency": {"registry": 1}},
]  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("variables")
    write_module(folder)
    (folder / "tests").mkdir()
    for number, (_, values, _) in enumerate(REFUSED):
        write_case(folder, f"refused_{number}", values)
    for number, values in enumerate(TAKEN):
        write_case(folder, f"taken_{number}", values)
    return test_module(folder)


def write_module(folder: Path) -> None:
    """The variables, and those local values that their rules name."""
    for path in MODULE.glob("variables*.tf"):
        (folder / path.name).write_text(path.read_text())
    elsewhere = [path for path in MODULE.glob("*.tf") if not path.name.startswith("variables")]
    known, wanted, pending = local_values(elsewhere), {}, [rule for variable in variables() for rule in conditions(variable)]
    while pending:
        for name in set(re.findall(r"\blocal\.(\w+)", pending.pop())) & set(known) - set(wanted):
            wanted[name] = known[name]
            pending.append(known[name])
    lines = [f"  {name} = {value}" for name, value in wanted.items()]
    (folder / "locals.tf").write_text("\n".join(["locals {", *lines, "}", ""]))
    (folder / "package.zip").touch()


def conditions(variable: Any) -> list[str]:
    return [rule.attributes["condition"] for rule in variable.blocks if rule.kind == "validation"]


def write_case(folder: Path, case: str, values: dict[str, Any]) -> None:
    lines = [f"    {name} = {json.dumps(value)}" for name, value in {"package_path": "package.zip", **values}.items()]
    text = ['run "case" {', "  command = plan", "  variables {", *lines, "  }", "}", ""]
    (folder / "tests" / f"{case}.tftest.hcl").write_text("\n".join(text))


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[f"{name}-{number}" for number, (name, _, _) in enumerate(REFUSED)])
def test_a_bad_variable_is_refused_with_a_sentence_that_says_what_to_set(told: Told, number: int) -> None:
    _, _, sentence = REFUSED[number]
    said = told.errors.get(f"tests/refused_{number}.tftest.hcl", [])
    assert len(said) == 1, said
    assert sentence in said[0].replace("\n", " ")
    assert re.match(r"(Set|Leave|There is no package)\b", said[0])


@pytest.mark.parametrize("number", range(len(TAKEN)))
def test_values_that_work_together_are_taken(told: Told, number: int) -> None:
    file = f"tests/taken_{number}.tftest.hcl"
    assert told.errors.get(file, []) == []
    assert told.statuses[file, "case"] == "pass"


def test_every_rule_is_broken_by_a_case_above(told: Told) -> None:
    said = "\n".join(line for lines in told.errors.values() for line in lines)
    rules = [rule.text("error_message") for variable in variables() for rule in variable.blocks if rule.kind == "validation"]
    assert [rule for rule in rules if rule.partition("${")[0] not in said] == []
    assert {name for name, _, _ in REFUSED} == {variable.labels[0] for variable in variables() if conditions(variable)}
