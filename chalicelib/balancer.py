"""An Application Load Balancer's event as a REST API's, and the answer back: the console behind a load balancer.

Source: Elastic Load Balancing, "Use Lambda functions as targets": no stage, a query that nobody decoded, `multiValueHeaders` when
the target group has them on, and then answers must have them too; 1 MB each way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib import telemetry
from chalicelib.http import client_address

Event = Mapping[str, Any]


def is_balancer(event: Event) -> bool:
    """Say whether an event came from a load balancer."""
    return "elb" in (event.get("requestContext") or {})


def as_rest_event(event: Event, *, proxies: int) -> dict[str, Any]:
    """Make the event that a REST API would have sent. `proxies` is how many of us a request passed, the balancer included."""
    headers = _several(event, "multiValueHeaders", "headers")
    named = {name.lower(): values for name, values in headers.items()}
    trace = (named.get("x-amzn-trace-id") or [""])[-1]
    query: dict[str, list[str]] = {}
    for name, values in _several(event, "multiValueQueryStringParameters", "queryStringParameters").items():
        query.setdefault(unquote_plus(name), []).extend(unquote_plus(value) for value in values)
    return {
        "path": event["path"],
        "httpMethod": event["httpMethod"],
        "headers": {name: values[-1] for name, values in headers.items() if values},
        "multiValueHeaders": headers,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": event["httpMethod"],
            "path": event["path"],
            "requestId": telemetry.trace_id(trace) or trace,
            "identity": {"sourceIp": client_address(named.get("x-forwarded-for", ()), "", proxies=max(1, proxies))},
        },
        "body": event.get("body") or None,
        "isBase64Encoded": bool(event.get("isBase64Encoded")),
    }


def as_balancer_answer(answer: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """Render an answer for the balancer that sent `event`: all headers as lists, or all as one value."""
    several = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    several |= {name: list(values) for name, values in (answer.get("multiValueHeaders") or {}).items()}
    made = {key: answer[key] for key in ("statusCode", "body", "isBase64Encoded") if key in answer}
    if "multiValueHeaders" in event:
        return {**made, "multiValueHeaders": several}
    return {**made, "headers": {name: ", ".join(values) for name, values in several.items()}}


def _several(event: Event, plural: str, single: str) -> dict[str, list[str]]:
    found = event.get(plural)
    if found:
        return {name: list(values) for name, values in found.items()}
    return {name: [value] for name, value in (event.get(single) or {}).items()}
