"""The line of a request: what happened, and CloudWatch's metrics of it, in the embedded metric format (EMF).

One line at the end, made by Powertools' serializer, which is handed plain dictionaries: its `Metrics` keeps them in a set of the
whole process that threads would mix up, and takes 33 us for what takes 9 us so (`docs/adr/0011-telemetry.md`). Source: Amazon
CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.telemetry.observation import Observation, trace_id
from chalicelib.telemetry.plan import Plan

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE = "Moorage"
LATENCY, REQUESTS, ERRORS, DENIALS = "Latency", "Requests", "Errors", "Denials"
BYTES_RECEIVED, BYTES_REDIRECTED = "BytesReceived", "BytesRedirected"
AWS_RETRIES, AWS_THROTTLES = "AwsRetries", "AwsThrottles"
UNITS: Mapping[str, str] = {
    LATENCY: "Milliseconds",
    REQUESTS: "Count",
    ERRORS: "Count",
    DENIALS: "Count",
    "Pulls": "Count",
    "Pushes": "Count",
    "BlobRedirects": "Count",
    "BytesServed": "Bytes",
    BYTES_REDIRECTED: "Bytes",
    BYTES_RECEIVED: "Bytes",
    "UploadsBegun": "Count",
    "UploadsFinished": "Count",
    "UploadsFailed": "Count",
    AWS_RETRIES: "Count",
    AWS_THROTTLES: "Count",
    "ColdStarts": "Count",
}
"""Every metric there is, with its unit."""

REASONS = frozenset({"UNAUTHORIZED", "DENIED", "FORBIDDEN", "TOOMANYREQUESTS"})
"""Error codes that are denials."""
HUNG_UP = 499
"""Status of a request whose client closed the connection before its answer."""

_WITH_BYTES = frozenset({"patch_upload", "put_upload"})
_WITH_PASSWORDS = frozenset({"token", "login_pages"})
"""Operations whose bodies may bring credentials."""
_Figures = dict[str, float]


def figures(seen: Observation) -> _Figures:
    """Compute the metrics by service of an observation that is over, without those that are zero. Pure."""
    found: _Figures = {REQUESTS: 1, ERRORS: int(has_failed(seen)), DENIALS: int(bool(reason(seen)))}
    operation, status = seen.operation, seen.status
    if operation == "get_manifest" and status == 200:
        found |= {"Pulls": 1, "BytesServed": seen.served}
    elif operation == "put_manifest" and status == 201:
        found |= {"Pushes": 1, BYTES_RECEIVED: seen.received}
    elif operation == "get_blob" and status == 307:
        found |= {"BlobRedirects": 1}
    elif operation == "start_upload":
        is_whole = status == 201 and seen.received > 0
        found |= {"UploadsBegun": int(status == 202), "UploadsFinished": int(is_whole)}
        found[BYTES_RECEIVED] = seen.received if is_whole else 0
    elif operation in _WITH_BYTES:
        found |= {
            "UploadsFinished": int(operation == "put_upload" and status == 201),
            "UploadsFailed": int(status >= 400),
        }
        found[BYTES_RECEIVED] = seen.received if status < 400 else 0
    for name, number in (*seen.counts.items(), (AWS_RETRIES, seen.retries), (AWS_THROTTLES, seen.throttles)):
        found[name] = found.get(name, 0) + number
    return {name: value for name, value in found.items() if value or name == ERRORS}


def has_failed(seen: Observation) -> bool:
    """Say whether it failed for reasons of ours. 501 is an answer, and so is a client that hung up."""
    return seen.has_failed or (seen.status >= 500 and seen.status != 501)


def reason(seen: Observation) -> str:
    """Say why somebody was refused, "" when nobody was. Asking a client that sent none for credentials refuses nothing."""
    if seen.code not in REASONS:
        return ""
    is_challenge = seen.code == "UNAUTHORIZED" and seen.is_anonymous and seen.operation not in _WITH_PASSWORDS
    return "" if is_challenge else seen.code


def line(seen: Observation, plan: Plan) -> str:
    """Render an observation that is over."""
    found = figures(seen)
    latency: _Figures = {LATENCY: round(seen.duration_s * 1000, 3)}
    properties = _properties(seen, plan)
    if not plan.has_metrics:
        return _json({"service": plan.service, **properties, **latency, **found})
    service = {"service": plan.service}
    whole = _emf(found, service, properties)
    if found[ERRORS]:
        latency[ERRORS] = 1
    _join(whole, _emf(latency, {**service, "operation": seen.operation}, {}))
    if found.get(DENIALS):
        _join(whole, _emf({DENIALS: 1}, {**service, "reason": reason(seen)}, {}))
    return _json(whole)


def _properties(seen: Observation, plan: Plan) -> dict[str, Any]:
    told: dict[str, Any] = {"level": "INFO", "message": "request" if seen.method else "run", "duty": plan.duty}
    told |= seen.names
    told |= {"method": seen.method, "status": seen.status or "", "code": seen.code, "trace_id": trace_id(seen.trace)}
    told |= {"aws_calls": seen.aws_calls, "aws_ms": round(seen.aws_s * 1000, 3)}
    return {name: value for name, value in told.items() if value != ""}


def _emf(values: _Figures, dimensions: dict[str, str], properties: dict[str, Any]) -> dict[str, Any]:
    metrics = {name: {"Unit": UNITS[name], "Value": value} for name, value in values.items()}
    serialized: Any = _serializer().serialize_metric_set(metrics, dimensions, properties)
    whole: dict[str, Any] = serialized
    return whole


def _join(whole: dict[str, Any], other: dict[str, Any]) -> None:
    """Put the metrics of another set of dimensions into the same line."""
    meta = other.pop("_aws")
    whole["_aws"]["CloudWatchMetrics"] += meta["CloudWatchMetrics"]
    whole.update(other)


def load() -> None:
    """Import what the first line would else wait for."""
    _serializer()


@functools.cache
def _serializer() -> AmazonCloudWatchEMFProvider:
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (  # noqa: PLC0415 - 10 ms of a cold start
        AmazonCloudWatchEMFProvider,
    )

    return AmazonCloudWatchEMFProvider(namespace=NAMESPACE)


_json = functools.partial(json.dumps, separators=(",", ":"))
