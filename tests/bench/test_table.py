"""The benchmark's table and its verdicts say what was measured."""

from __future__ import annotations

from bench.meter import Sample
from bench.scenario import Kind, Sizes
from bench.table import Results, render
from bench.targets import judge
from bench.transfers import push_large_title


def _sample(mb_per_s: float, process: str = "upload", cpu_s: float = 2.0, peak_mb: float = 100) -> Sample:
    return Sample(
        seconds=1000 / mb_per_s,
        size_bytes=10**9,
        requests=1,
        cpu_s={process: cpu_s},
        peak_mb={process: peak_mb},
        s3={"PutObject": 3},
        dynamodb={"GetItem": 2},
    )


def _results(ours: list[Sample], theirs: list[Sample]) -> tuple[Results, str]:
    title = push_large_title(Sizes())
    results = Results()
    for sample in ours:
        results.add(Kind.TRANSFER, "moorage", {title: sample})
    for sample in theirs:
        results.add(Kind.TRANSFER, "docker-registry", {title: sample})
    return results, title


def test_the_table_shows_medians_ranges_and_ratios() -> None:
    results, title = _results([_sample(400), _sample(500), _sample(450)], [_sample(100), _sample(90), _sample(80)])
    text = render(results)
    assert title in text
    assert "450 (400-500)" in text
    assert "90 (80-100)" in text
    assert "5.0x" in text
    assert "3: 3 PutObject" in text


def test_a_figure_that_is_missed_fails() -> None:
    results, _ = _results([_sample(400, cpu_s=3.0, peak_mb=151)], [_sample(101)])
    missed = {verdict.what for verdict in judge(results, Sizes()) if not verdict.holds}
    assert missed == {
        "push 1 GB in one PATCH: MB/s over docker-registry",
        "upload service: CPU seconds per GB",
        "upload service: peak MB, push 1 GB in one PATCH",
    }


def test_a_figure_that_was_not_measured_is_not_judged() -> None:
    results, _ = _results([], [_sample(100)])
    assert judge(results, Sizes()) == []
