"""Observing: what begins with a request or a run and ends with its line and its trace. Nothing here makes a request fail."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
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
from chalicelib.telemetry.plan import Plan, choose, chosen, is_silent

_is_cold = [True]


def configure(plan: Plan) -> None:
    """Decide what this process tells, and load what that takes: best done at its start, before the first request waits for it."""
    choose(plan)
    if plan.has_metrics:
        metrics.load()
    if plan.has_traces:
        traces.load()


class Watch(Observation):
    """An observation of what happens inside `with`. One inside another is the same request, and the outer one tells of it."""

    _token: contextvars.Token[Observation | None] | None = None

    def __enter__(self) -> Observation:
        around = current()
        if around is not None:
            return around
        self._token = enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is None:
            return
        try:
            _conclude(self, error)
        except Exception:  # noqa: BLE001 - a request does not fail for what is told about it
            _complain()
        finally:
            leave(self._token)


def request(method: str, path: str, *, correlation_id: str, trace: str = "") -> Watch:
    """Observe a request. The path has no query. `trace` is the header X-Amzn-Trace-Id, in Lambda the function's own."""
    return Watch(method, path, correlation_id, trace, is_sampled=_is_sampled(trace))


def run(operation: str, *, correlation_id: str, trace: str = "") -> Watch:
    """Observe a run of a function that answers no requests. An error that leaves it is logged, unless `refused` said why."""
    return Watch("", operation, correlation_id, trace, is_sampled=_is_sampled(trace))


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
    return UNMEASURED if is_silent() else Call(service, operation, resource)


def _is_sampled(trace: str) -> bool:
    plan = chosen()
    return plan.has_traces and current() is None and traces.is_sampled(trace, plan, int(time.monotonic()))


def _conclude(seen: Observation, error: BaseException | None) -> None:
    if isinstance(error, Exception) and not seen.code:
        seen.has_failed = True
        if not seen.method:
            logs.logger().error("run failed", exc_info=error)
    if is_silent():
        return
    plan, seen.duration_s = chosen(), time.perf_counter() - seen.begun
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
