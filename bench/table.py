"""Results as a table: medians with their range, and Moorage's ratio to each peer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bench.meter import Sample
from bench.registries import Counts
from bench.scenario import Kind

OURS = "moorage"
Row = list[str]


@dataclass
class Results:
    """Samples by operation and registry, in the order they were first measured."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)

    def add(self, kind: Kind, registry: str, measured: Mapping[str, Sample]) -> None:
        for title, sample in measured.items():
            self.kinds.setdefault(title, kind)
            self.samples.setdefault(title, {}).setdefault(registry, []).append(sample)

    def median(self, title: str, registry: str, of: Callable[[Sample], float]) -> float | None:
        """The median over the rounds, or None if this was not measured."""
        samples = self.samples.get(title, {}).get(registry)
        return statistics.median(of(sample) for sample in samples) if samples else None

    def highest(self, title: str, registry: str, of: Callable[[Sample], float]) -> float | None:
        samples = self.samples.get(title, {}).get(registry)
        return max(of(sample) for sample in samples) if samples else None

    def as_json(self) -> dict[str, dict[str, list[dict[str, object]]]]:
        return {
            title: {registry: [sample.as_json() for sample in samples] for registry, samples in by_registry.items()}
            for title, by_registry in self.samples.items()
        }


def render(results: Results) -> str:
    """Markdown tables, one per kind; they read well in a terminal too."""
    parts = []
    for kind, heading, header, cells in (
        (Kind.TRANSFER, "Bytes", _TRANSFER_HEADER, _transfer),
        (Kind.RATE, "Requests", _RATE_HEADER, _rate),
        (Kind.SINGLE, "Calls", _SINGLE_HEADER, _single),
    ):
        rows: list[Row] = []
        for title, found in results.kinds.items():
            if found is kind or (kind is Kind.SINGLE and found is Kind.TRANSFER):
                for registry, samples in results.samples[title].items():
                    ours = results.samples[title].get(OURS, []) if registry != OURS else []
                    rows.append([title, registry, *cells(samples, ours)])
        if rows:
            parts.append(f"### {heading}\n\n{_markdown([header, *_without_repeats(rows)])}")
    return "\n\n".join(parts)


_TRANSFER_HEADER = [
    "operation",
    "registry",
    "MB/s (min-max)",
    "Moorage is",
    "CPU s/GB",
    "peak MB",
    "S3 calls",
    "DynamoDB calls",
]
_RATE_HEADER = [
    "operation",
    "registry",
    "requests/s (min-max)",
    "p50 ms",
    "p99 ms",
    "CPU ms/request",
    "Moorage's CPU is",
    "S3/req",
    "DynamoDB/req",
]
_SINGLE_HEADER = ["operation", "registry", "ms", "CPU ms", "S3 calls", "DynamoDB and Secrets Manager calls"]


def _transfer(samples: list[Sample], ours: list[Sample]) -> Row:
    last = samples[-1]
    speed = statistics.median(s.mb_per_s for s in samples)
    ratio = f"{statistics.median(s.mb_per_s for s in ours) / speed:.1f}x" if ours else ""
    gigabytes = last.size_bytes / 1e9
    return [
        _spread([s.mb_per_s for s in samples], 0),
        ratio,
        _by_process(samples, lambda s: {name: cpu / gigabytes for name, cpu in s.cpu_s.items()}, 2, statistics.median),
        _by_process(samples, lambda s: s.peak_mb, 0, max),
        str(sum(last.s3.values())),
        str(sum(last.dynamodb.values())),
    ]


def _rate(samples: list[Sample], ours: list[Sample]) -> Row:
    def cpu_ms(sample: Sample) -> float:
        return 1000 * sample.total_cpu_s / sample.requests

    cost = statistics.median(map(cpu_ms, samples))
    last = samples[-1]
    return [
        _spread([s.requests / s.seconds for s in samples], 0),
        f"{statistics.median(s.p50_ms for s in samples):.1f}",
        f"{statistics.median(s.p99_ms for s in samples):.1f}",
        f"{cost:.2f}",
        f"{statistics.median(map(cpu_ms, ours)) / cost:.1f}x" if ours and cost else "",
        f"{sum(last.s3.values()) / last.requests:.2f}",
        f"{sum(last.dynamodb.values()) / last.requests:.2f}" if last.dynamodb else "0",
    ]


def _single(samples: list[Sample], _ours: list[Sample]) -> Row:
    last = samples[-1]
    return [
        _spread([1000 * s.seconds for s in samples], 0),
        _cpu_ms(1000 * statistics.median(s.total_cpu_s for s in samples)),
        _counts(last.s3),
        _counts(last.dynamodb),
    ]


def _cpu_ms(value: float) -> str:
    """The kernel counts in steps of 10 ms."""
    return f"{value:.0f}" if value >= 10 else "<10"


def _spread(values: list[float], digits: int) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})" if len(values) > 1 else middle


def _by_process(
    samples: list[Sample],
    of: Callable[[Sample], Mapping[str, float]],
    digits: int,
    fold: Callable[[Iterable[float]], float],
) -> str:
    names = list(of(samples[0]))
    folded = {name: fold([of(sample)[name] for sample in samples]) for name in names}
    if len(folded) == 1:
        return f"{next(iter(folded.values())):.{digits}f}"
    total = fold([sum(of(sample).values()) for sample in samples])
    return f"{total:.{digits}f} (" + ", ".join(f"{name} {value:.{digits}f}" for name, value in folded.items()) + ")"


def _counts(counts: Counts) -> str:
    if not counts:
        return "0"
    return f"{sum(counts.values())}: " + ", ".join(f"{number} {name}" for name, number in counts.items())


def _without_repeats(rows: list[Row]) -> list[Row]:
    """Write a title once; the registries follow below it."""
    out, before = [], ""
    for title, *cells in rows:
        out.append([title if title != before else "", *cells])
        before = title
    return out


def _markdown(rows: list[Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
