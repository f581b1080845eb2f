"""One request or run under observation: what is learned of it on its way, by whichever thread works for it.

It is found through a context variable, so nobody passes it on. Work that is given to other threads takes its context along
(`bound`, `chalicelib.parallel`).
"""

from __future__ import annotations

import contextvars
import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from chalicelib.telemetry.operations import OTHER, Asked, asked

T = TypeVar("T")
CALLS_KEPT = 100
"""So many calls are told one by one: an X-Ray document has 64 KB, and a large upload sends thousands of parts."""

_ROOT = re.compile(r"(?:^|;) *Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)")
_current: contextvars.ContextVar[Observation | None] = contextvars.ContextVar("observation", default=None)


class Headers(Protocol):
    """The headers of an answer, by their names in lower case or in any."""

    def get(self, name: str, /) -> Any:
        """Return a value, or None."""


class Call:
    """A call to AWS, with its repetitions; what is done inside `with` is measured."""

    def __init__(self, service: str, operation: str, resource: str) -> None:
        self.service, self.operation, self.resource = service, operation, resource
        self.retries = self.throttles = self.status = 0
        self.request_id = ""
        self.begun = self.ended = 0.0
        self._observation = _current.get()
        self.is_traced = self._observation is not None and self._observation.is_sampled

    def __enter__(self) -> Call:
        self.begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.perf_counter()
        (self._observation or BESIDES).add(self)

    def retried(self) -> None:
        """Say that the call is made again."""
        self.retries += 1

    def throttled(self) -> None:
        """Say that AWS found the calls too many."""
        self.throttles += 1

    def answered(self, status: int, headers: Headers, name: str = "x-amzn-requestid") -> None:
        """Say what came; `name` is the header with AWS's id of the request."""
        self.status = status
        if self.is_traced:
            self.request_id = str(headers.get(name) or "")


class Unmeasured:
    """Stands for a call that nobody measures."""

    def __enter__(self) -> Unmeasured:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was measured."""

    def retried(self) -> None:
        """Not counted."""

    def throttled(self) -> None:
        """Not counted."""

    def answered(self, status: int, headers: Headers, name: str = "") -> None:
        """Not looked at."""


UNMEASURED = Unmeasured()


_lock = Lock()
"""For the numbers of all observations: held for a few additions, it is cheaper than one for each."""


class Observation:
    """What is known of a request or run. Threads may add calls and counts at the same time.

    What most requests never change is an attribute of the class, since each costs time at every request.
    """

    principal = code = ""
    status = received = served = 0
    is_anonymous = has_failed = False
    aws_calls = retries = throttles = 0
    aws_s = duration_s = 0.0
    calls: Sequence[Call] = ()
    counts: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self, method: str, subject: str, correlation_id: str, trace: str = "", *, is_sampled: bool = False
    ) -> None:
        """`subject` is a request's path; of a run, which has no method, its operation."""
        self.method, self.subject, self.correlation_id = method, subject, correlation_id
        self.trace, self.is_sampled = trace, is_sampled
        self.begun = time.perf_counter()

    @functools.cached_property
    def asked(self) -> Asked:
        """What it is about: found when it is told."""
        if not self.method:
            return Asked(self.subject)
        try:
            return asked(self.method, self.subject)
        except Exception:  # noqa: BLE001 - what cannot be named is told all the same
            return Asked(OTHER)

    @property
    def operation(self) -> str:
        """One of a short list."""
        return self.asked.operation

    def add(self, call: Call) -> None:
        """Take a call that is over."""
        with _lock:
            self.aws_calls += 1
            self.aws_s += call.ended - call.begun
            self.retries += call.retries
            self.throttles += call.throttles
            if self.is_sampled and len(self.calls) < CALLS_KEPT:
                self.calls = (*self.calls, call)

    def count(self, metric: str, number: int) -> None:
        """Add to a metric of this request."""
        with _lock:
            self.counts = {**self.counts, metric: self.counts.get(metric, 0) + number}

    def answered(self, status: int, *, received: int = 0, served: int = 0, is_anonymous: bool = False) -> None:
        """Say how it ended. `received`, `served`: bytes of the request's body and of the answer's. `is_anonymous`: no credentials
        were sent, so that a 401 is a challenge and no denial."""
        self.status, self.received, self.served, self.is_anonymous = status, received, served, is_anonymous

    @property
    def names(self) -> dict[str, str]:
        """Who and what, for every line about it."""
        operation, project, repository = self.asked
        known = {
            "correlation_id": self.correlation_id,
            "principal": self.principal,
            "project": project,
            "repository": repository,
            "operation": operation,
        }
        return {name: value for name, value in known.items() if value}


class _Besides:
    """Counts the troubles of calls that belong to no request: the thread that writes the audit log. The next line tells them."""

    def __init__(self) -> None:
        self._retries = self._throttles = 0

    def add(self, call: Call) -> None:
        """Take a call that is over."""
        if call.retries or call.throttles:
            with _lock:
                self._retries += call.retries
                self._throttles += call.throttles

    def take(self) -> tuple[int, int]:
        """Retries and throttles since the last time."""
        if not (self._retries or self._throttles):
            return 0, 0
        with _lock:
            taken = self._retries, self._throttles
            self._retries = self._throttles = 0
        return taken


BESIDES = _Besides()


def trace_id(trace: str) -> str:
    """Find the trace's id in a header X-Amzn-Trace-Id; "" when there is none, or something else. Pure."""
    found = _ROOT.search(trace) if trace else None
    return found[1] if found else ""


def current() -> Observation | None:
    """What is under observation here, if anything."""
    return _current.get()


def enter(observation: Observation) -> contextvars.Token[Observation | None]:
    """Put something under observation in this context, until `leave`."""
    return _current.set(observation)


def leave(token: contextvars.Token[Observation | None]) -> None:
    """End what `enter` began."""
    _current.reset(token)


def bound(work: Callable[[], T]) -> Callable[[], T]:
    """Make work that another thread does for this request belong to it."""
    return functools.partial(contextvars.copy_context().run, work)
