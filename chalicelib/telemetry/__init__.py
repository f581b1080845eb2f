"""Telemetry: logs, metrics and traces of this process. The rest of the code says here what it knows, and nothing else of it.

A shell or `api` observes a request (`request`, `run`); whoever finds out more says so (`identified`, `refused`, `count`);
adapters say which calls they make (`aws_call`); whoever gives work to other threads takes the request along (`bound`). Only
this package imports Powertools and the X-Ray SDK. `docs/explanation/observability.md` says what comes of it.
"""

from __future__ import annotations

from chalicelib.telemetry.logs import failure, logger, odd_message
from chalicelib.telemetry.metrics import AWS_RETRIES, BYTES_RECEIVED, BYTES_REDIRECTED, HUNG_UP
from chalicelib.telemetry.observation import Call, Observation, Unmeasured, bound, trace_id
from chalicelib.telemetry.plan import Plan
from chalicelib.telemetry.watch import aws_call, configure, count, identified, refused, request, run

__all__ = [
    "AWS_RETRIES",
    "BYTES_RECEIVED",
    "BYTES_REDIRECTED",
    "HUNG_UP",
    "Call",
    "Observation",
    "Plan",
    "Unmeasured",
    "aws_call",
    "bound",
    "configure",
    "count",
    "failure",
    "identified",
    "logger",
    "odd_message",
    "refused",
    "request",
    "run",
    "trace_id",
]
