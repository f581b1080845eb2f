"""Moorage's bills: per pull, per push, per idle month. Constants are Terraform's (infra/terraform) or assumptions, as marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scripts.cost.bill import Bill
from scripts.cost.prices import HOURS, Counts, Prices

Position = tuple[str, str, float]
ZONES = 2
SECRETS = 5  # secrets.tf
ALARM_METRICS, ALARM_METRICS_OF_UPLOADS = 37, 5  # alarms.tf
HOURLY_SCHEDULES = 4  # schedules.tf
IDLE_METRICS, METRICS_IN_USE = 9, 25  # docs/explanation/observability.md: what schedules write, and a registry in use
ENDPOINTS, ENDPOINTS_OF_SCANS = 4, 1  # endpoints.tf: ecr.api, ecr.dkr, logs, secretsmanager; sqs
RULES = 4  # waf.tf
QUEUE_POLLS = 5 * HOURS * 3600 / 20  # Lambda's five pollers of a queue, 20 seconds each
GB = 1e9


@dataclass(frozen=True)
class Shape:
    """A deployment: Terraform's variables that cost something. `upload_domain` and `domain` save CloudFront."""

    door: str = "rest"
    upload_service: str = "off"
    task_network: str = "endpoints"
    has_domain: bool = False
    tasks: int = 1
    task_vcpu: float = 0.5
    task_gb: float = 1.0
    architecture: str = "arm64"
    encryption: str = "customer"
    alarms: bool = True
    dashboard: bool = True
    metrics: bool = True
    tracing: bool = True
    access_logs: bool = True
    snap_start: bool = False
    waf: bool = False
    scans: bool = False

    @property
    def has_containers(self) -> bool:
        """Whether upload containers and a load balancer run."""
        return self.upload_service == "fargate"

    @property
    def has_cloudfront(self) -> bool:
        """A load balancer has TLS only with a domain; without one CloudFront is before it."""
        return self.has_containers and not self.has_domain


@dataclass(frozen=True)
class Use:
    """What is assumed of the work; every field can be set on the command line.

    An image has `blobs` layers and configs, together `image_gb`. Durations are what Lambda bills. `cold` is the share of pulls
    that meet a function whose caches do not know the image.
    """

    blobs: int = 6
    image_gb: float = 0.257
    cold: float = 0.5
    registry_ms: float = 15
    token_ms: float = 40
    authorizer_ms: float = 5
    container_ms: float = 2
    registry_gb: float = 1.0
    authorizer_gb: float = 0.5
    log_line_bytes: float = 750
    platform_log_bytes: float = 450
    access_log_bytes: float = 600
    answer_bytes: float = 3000
    traced: float = 0.05
    upload_cpu_s_per_gb: float = 2.2
    kms_per_get: float = 0.01


def pull(prices: Prices, counts: Mapping[str, Counts], shape: Shape, use: Use) -> Bill:
    """One `docker pull` by somebody who has none of it: GET /v2/, token, HEAD and GET of the manifest, GET of each blob."""
    spent = counts["pull_warm"].mixed(counts["pull_cold"], use.cold)
    return Bill(prices, [*_requests(shape, use, use.blobs + 2), *_storage(spent, shape, use, reads=use.blobs)])


def push(prices: Prices, counts: Mapping[str, Counts], shape: Shape, use: Use) -> Bill:
    """One `docker push` of an image that is new: GET /v2/, token, HEAD, POST and HEAD of each blob, the manifest; and each blob's
    PATCH and PUT at the upload service. Without an upload service Lambda takes those too, and no blob above 4 MiB."""
    spent = counts["push_warm"].mixed(counts["push_cold"], use.cold)
    bytes_requests = 2 * use.blobs
    through_lambda = 0 if shape.has_containers else bytes_requests
    positions = [*_requests(shape, use, 3 * use.blobs + 1 + through_lambda), *_storage(spent, shape, use, reads=0)]
    if shape.has_containers:
        positions += _upload(shape, use, bytes_requests)
    return Bill(prices, positions)


def idle(prices: Prices, shape: Shape, *, metrics: int = IDLE_METRICS) -> Bill:
    """A month in which nobody comes, without what is stored; `metrics` is how many have data."""
    positions: list[Position] = [
        ("secrets", "secret", SECRETS),
        ("schedules", "schedule", HOURLY_SCHEDULES * HOURS),
        ("schedules", "lambda_request", HOURLY_SCHEDULES * HOURS),
        ("schedules", f"lambda_gb_second_{shape.architecture}", HOURLY_SCHEDULES * HOURS * 0.5),
        ("secrets", "secret_request", 2 * HOURLY_SCHEDULES * HOURS),
    ]
    if shape.encryption == "customer":
        positions += [("KMS key", "kms_key", 1), ("KMS key", "kms_request", 2 * HOURLY_SCHEDULES * HOURS)]
    if shape.metrics:
        positions.append(("metrics", "metric", metrics))
    if shape.alarms:
        positions.append(("alarms", "alarm_metric", ALARM_METRICS + ALARM_METRICS_OF_UPLOADS * shape.has_containers))
    if shape.dashboard:
        positions.append(("dashboard", "dashboard", 1))
    if shape.snap_start:
        positions.append(("SnapStart", "snap_start_gb_second", _waited_for_gb(shape) * HOURS * 3600))
    if shape.waf:
        positions += _web_acls(shape)
    return Bill(prices, [*positions, *_containers(shape)])


def month(prices: Prices, stored_gb: float, *, deleted_gb: float = 0, table_gb: float = 0) -> Bill:
    """A month of storage; `deleted_gb` are kept for `deleted_retention_days`, on average."""
    return Bill(
        prices,
        [
            ("S3", "s3_gb", stored_gb + deleted_gb),
            ("DynamoDB", "dynamodb_gb", table_gb),
            ("DynamoDB backup", "dynamodb_pitr_gb", table_gb),
        ],
    )


def _requests(shape: Shape, use: Use, registry: int) -> Iterator[Position]:
    """`registry` requests with a token, GET /v2/ without one, and one for the token."""
    gb_second = f"lambda_gb_second_{shape.architecture}"
    if shape.door == "rest":
        # The 401 of GET /v2/ is API Gateway's own: AWS does not bill requests that an authorizer refuses.
        yield "API Gateway", "rest_request", registry + 1
        yield "Lambda", "lambda_request", registry + 2
        yield "Lambda", gb_second, registry * _gb_s(use.registry_gb, use.registry_ms)
        yield "Lambda", gb_second, _gb_s(use.authorizer_gb, use.authorizer_ms)
    elif shape.door == "http":
        yield "API Gateway", "http_request", registry + 2
        yield "Lambda", "lambda_request", registry + 2
        yield "Lambda", gb_second, (registry + 1) * _gb_s(use.registry_gb, use.registry_ms)
    else:
        yield from _balanced(shape, use, registry + 2)
        yield "Lambda", "lambda_request", 1
        yield "containers", f"fargate_vcpu_hour_{shape.architecture}", (registry + 1) * use.container_ms / 3_600_000
    yield "Lambda", gb_second, _gb_s(use.registry_gb, use.token_ms)
    yield "logs", "log_gb", _log_bytes(shape, use, registry + 2) / GB
    if shape.tracing:
        yield "X-Ray", "trace", use.traced * (registry + 2)
    if shape.waf and shape.door != "http":
        yield "WAF", "waf_request", registry + 2


def _balanced(shape: Shape, use: Use, requests: int) -> Iterator[Position]:
    """Requests through the load balancer: a GB is a unit, and so are 90,000 new connections; one of both decides."""
    by_bytes, by_connections = requests * use.answer_bytes / GB, 2 / 90_000
    yield "load balancer", "lcu_hour", max(by_bytes, by_connections)
    if shape.has_cloudfront:
        yield "CloudFront", "cloudfront_request", requests


def _upload(shape: Shape, use: Use, requests: int) -> list[Position]:
    positions: list[Position] = [
        ("load balancer", "lcu_hour", use.image_gb),
        ("containers", f"fargate_vcpu_hour_{shape.architecture}", use.image_gb * use.upload_cpu_s_per_gb / 3600),
        ("logs", "log_gb", requests * use.log_line_bytes * shape.metrics / GB),
    ]
    if shape.has_cloudfront:
        positions += [
            ("CloudFront", "cloudfront_request", requests),
            ("CloudFront", "cloudfront_to_origin_gb", use.image_gb),
        ]
    return positions


def _storage(spent: Counts, shape: Shape, use: Use, *, reads: int) -> Iterator[Position]:
    """DynamoDB, S3 and KMS. `reads` are the clients' own GETs of the addresses they were given."""
    yield "DynamoDB", "dynamodb_read", spent.read_units
    yield "DynamoDB", "dynamodb_write", spent.write_units
    yield "S3", "s3_write", spent.s3_writes
    yield "S3", "s3_read", spent.s3_reads + reads
    if shape.encryption == "customer":
        yield "KMS", "kms_request", use.kms_per_get * (spent.s3_writes + spent.s3_reads + reads)


def _containers(shape: Shape) -> Iterator[Position]:
    endpoints = (ENDPOINTS if shape.has_containers else ENDPOINTS - 1) + ENDPOINTS_OF_SCANS * shape.scans
    if (shape.has_containers or shape.scans) and shape.task_network == "endpoints":
        yield "interface endpoints", "endpoint_hour", endpoints * ZONES * HOURS
    if shape.scans:
        yield "scan queue", "sqs_request", QUEUE_POLLS
    if shape.has_containers:
        addresses = ZONES * shape.has_domain + shape.tasks * (shape.task_network == "public")
        yield "load balancer", "alb_hour", HOURS
        yield "public addresses", "public_ip_hour", addresses * HOURS
        yield "containers", f"fargate_vcpu_hour_{shape.architecture}", shape.tasks * shape.task_vcpu * HOURS
        yield "containers", f"fargate_gb_hour_{shape.architecture}", shape.tasks * shape.task_gb * HOURS


def _web_acls(shape: Shape) -> list[Position]:
    acls = (shape.door == "rest" or (shape.has_containers and shape.has_domain)) + shape.has_cloudfront
    return [("WAF", "web_acl", acls), ("WAF", "web_acl_rule", RULES * acls)]


def _waited_for_gb(shape: Shape) -> float:
    """Memory of one version of each function that a person waits for: functions.tf."""
    return {"rest": 2.5, "http": 2.0, "alb": 1.0}[shape.door]


def _log_bytes(shape: Shape, use: Use, requests: int) -> float:
    lambdas = requests if shape.door != "alb" else 1
    access = use.access_log_bytes * requests * (shape.access_logs and shape.door != "alb")
    return use.log_line_bytes * requests * shape.metrics + use.platform_log_bytes * lambdas + access


def _gb_s(gb: float, ms: float) -> float:
    return gb * ms / 1000
