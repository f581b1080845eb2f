"""One measurement of one registry: wall time, its own CPU and peak memory, and the exact calls it made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from bench.registries import CountedEndpoint, Counts, Registry

_SETTLE_S = 0.15


@dataclass(frozen=True)
class Sample:
    """What one run of one operation cost. CPU and memory are by process name."""

    seconds: float
    size_bytes: int
    requests: int
    cpu_s: dict[str, float]
    peak_mb: dict[str, float]
    s3: Counts
    dynamodb: Counts
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    note: str = ""
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def mb_per_s(self) -> float:
        """Decimal megabytes a second."""
        return self.size_bytes / 1e6 / self.seconds

    @property
    def total_cpu_s(self) -> float:
        return sum(self.cpu_s.values())

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Meter:
    """Measures operations of one registry on the S3 stub."""

    registry: Registry
    s3: CountedEndpoint

    def measure(self, work: Callable[[], object], *, size_bytes: int = 0, requests: int = 1) -> Sample:
        """Run the work once. What the registry still does just after it answered is counted too."""
        watched = self.registry.processes
        _settle()
        self.s3.reset(self.registry.bucket)
        if self.registry.aws:
            self.registry.aws.reset()
        for process in watched:
            process.reset_peak()
        before = {process.name: process.cpu_s() for process in watched}
        begun = time.perf_counter()
        work()
        seconds = time.perf_counter() - begun
        _settle()
        for process in watched:
            process.check()
        return Sample(
            seconds=seconds,
            size_bytes=size_bytes,
            requests=requests,
            cpu_s={process.name: process.cpu_s() - before[process.name] for process in watched},
            peak_mb={process.name: process.peak_mb() for process in watched},
            s3=self.s3.counts(self.registry.bucket),
            dynamodb=self.registry.aws.counts() if self.registry.aws else {},
        )


def in_parallel(works: list[Callable[[], object]]) -> None:
    """Run every work in a thread of its own; raise the first failure."""
    failures: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:  # carried to the caller's thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _settle() -> None:
    time.sleep(_SETTLE_S)
