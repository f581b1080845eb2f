"""Observing: what begins with a request or a run and ends with its line and its trace. Nothing here makes a request fail."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
from collections.abc import Callable
from types import TracebackType

from chalicelib.telemetry import logs, metrics, traces
from chalicelib.telemetry.observation import (
    BESIDES,
    UNMEASURED,
    Call,
    Observation,
    Unmeasured,
    current,
    enter,
    leave,
)
from chalicelib.telemetry.operations import OTHER, Asked, asked
from chalicelib.telemetry.plan import Plan, choose, chosen

_is_cold = [True]


def configure(plan: Plan) -> None:
    """Decide what this process tells, and load what that takes: best done at its start, before the first request waits for it."""
    choose(plan)
    if plan.has_metrics:
        metrics.load()
    if plan.has_traces:
        traces.load()


class Watch:
    """Observes what happens inside `with`. One inside another is the same request, and the outer one tells of it."""

    def __init__(self, find: Callable[[], Asked], method: str, correlation_id: str, trace: str) -> None:
        self._find, self._method, self._correlation_id, self._trace = find, method, correlation_id, trace
        self._token: contextvars.Token[Observation | None] | None = None

    def __enter__(self) -> Observation:
        around = current()
        if around is not None:
            return around
        plan = chosen()
        try:
            found = self._find()
            is_sampled = traces.is_sampled(self._trace, plan, int(time.monotonic()))
        except Exception:  # noqa: BLE001 - what cannot be named is observed all the same
            found, is_sampled = Asked(OTHER), False
        self._seen = Observation(found, self._method, self._correlation_id, self._trace, is_sampled=is_sampled)
        self._token = enter(self._seen)
        return self._seen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is None:
            return
        try:
            _conclude(self._seen, chosen(), error)
        except Exception:  # noqa: BLE001 - a request does not fail for what is told about it
            _complain()
        finally:
            leave(self._token)


def request(method: str, path: str, *, correlation_id: str, trace: str = "") -> Watch:
    """Observe a request. The path has no query. `trace` is the header X-Amzn-Trace-Id, in Lambda the function's own."""
    return Watch(lambda: asked(method, path), method, correlation_id, trace)


def run(operation: str, *, correlation_id: str, trace: str = "") -> Watch:
    """Observe a run of a function that answers no requests. An error that leaves it is logged, unless `refused` said why."""
    return Watch(lambda: Asked(operation), "", correlation_id, trace)


def identified(name: str) -> None:
    """Say who sent the request, once the credentials were found good."""
    seen = current()
    if seen is not None and name:
        seen.principal = name


def refused(code: str) -> None:
    """Say with which error code the request is answered."""
    seen = current()
    if seen is not None:
        seen.code = code


def count(metric: str, number: int) -> None:
    """Add to a metric of the request (`metrics.UNITS` has all of them)."""
    seen = current()
    if seen is not None and number:
        seen.count(metric, number)


def aws_call(service: str, operation: str, resource: str = "") -> Call | Unmeasured:
    """Observe a call to AWS, repetitions included, inside `with`. `resource` is the table, bucket or queue."""
    return UNMEASURED if chosen().is_silent else Call(service, operation, resource)


def _conclude(seen: Observation, plan: Plan, error: BaseException | None) -> None:
    seen.duration_s = time.perf_counter() - seen.begun
    if isinstance(error, Exception) and not seen.code:
        seen.has_failed = True
        if not seen.method:
            logs.logger().error("run failed", exc_info=error)
    if plan.is_silent:
        return
    if _is_cold[0]:
        _is_cold[0] = False
        seen.count("ColdStarts", int(not plan.is_container))
    retries, throttles = BESIDES.take()
    seen.retries, seen.throttles = seen.retries + retries, seen.throttles + throttles
    if plan.has_lines:
        sys.stdout.write(metrics.line(seen, plan) + "\n")
        sys.stdout.flush()
    if seen.is_sampled:
        ended_at = time.time()  # noqa: TID251 - a measurement: nothing is decided by it
        traces.send(seen, plan, has_failed=metrics.has_failed(seen), ended_at=ended_at)


def _complain() -> None:
    with contextlib.suppress(Exception):  # then nobody can be told
        logs.logger().exception("telemetry failed")
