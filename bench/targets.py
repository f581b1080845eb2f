"""The figures that Moorage must reach in this benchmark, judged from the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.calls import PUSH_NEW
from bench.meter import Sample
from bench.scenario import Sizes
from bench.table import OURS, Results
from bench.tags import delete_title
from bench.transfers import push_large_title, push_parallel_title

UPLOAD_PROCESS = "upload"


@dataclass(frozen=True)
class Verdict:
    """One figure beside what was measured."""

    what: str
    measured: float
    limit: float
    is_minimum: bool

    @property
    def holds(self) -> bool:
        return self.measured >= self.limit if self.is_minimum else self.measured <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.is_minimum else "<="
        return f"{'pass' if self.holds else 'FAIL'}  {self.what}: {self.measured:.2f} (wanted {sign} {self.limit:g})"


def judge(results: Results, sizes: Sizes) -> list[Verdict]:
    """A verdict for every figure whose operation was measured."""
    return [*_speed(results, sizes), *_cost(results, sizes)]


def _speed(results: Results, sizes: Sizes) -> Iterator[Verdict]:
    title = push_large_title(sizes)
    ours = results.median(title, OURS, lambda s: s.mb_per_s)
    for peer, times in (("docker-registry", 4.0), ("distribution", 2.0)):
        theirs = results.median(title, peer, lambda s: s.mb_per_s)
        if ours and theirs:
            yield Verdict(f"{title}: MB/s over {peer}", ours / theirs, times, is_minimum=True)


def _cost(results: Results, sizes: Sizes) -> Iterator[Verdict]:
    large, parallel = push_large_title(sizes), push_parallel_title(sizes)
    cpu = results.median(large, OURS, lambda s: s.cpu_s[UPLOAD_PROCESS] / (s.size_bytes / 1e9))
    if cpu is not None:
        yield Verdict("upload service: CPU seconds per GB", cpu, 2.2, is_minimum=False)
    for title, limit in ((large, 150), (parallel, 300)):
        peak = results.highest(title, OURS, lambda s: s.peak_mb[UPLOAD_PROCESS])
        if peak is not None:
            yield Verdict(f"upload service: peak MB, {title}", peak, limit, is_minimum=False)
    pushed = results.highest(PUSH_NEW, OURS, lambda s: sum(s.s3.values()))
    if pushed is not None:
        yield Verdict(f"{PUSH_NEW}: S3 calls", pushed, 24, is_minimum=False)
    deleted = results.highest(delete_title(sizes), OURS, _all_calls)
    if deleted is not None:
        yield Verdict(f"{delete_title(sizes)}: calls", deleted, 25, is_minimum=False)


def _all_calls(sample: Sample) -> float:
    return sum(sample.s3.values()) + sum(sample.dynamodb.values())
