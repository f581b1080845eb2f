"""Run the comparison: `python -m bench [--quick] [--only NAME] [--peers none] [--markdown FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bench import moorage, programs, targets
from bench.calls import CALLS
from bench.latency import LATENCY
from bench.processes import BenchError
from bench.registries import CountedEndpoint, Registry, find_peers, start_s3
from bench.scenario import Bench, Scenario, Sizes
from bench.table import Results, render
from bench.tags import DELETED, TAGS
from bench.transfers import IMAGE, LARGE, PARALLEL

SCENARIOS = (LARGE, IMAGE, PARALLEL, LATENCY, TAGS, CALLS, DELETED)
RESULTS = programs.HERE / "results" / "latest.json"
QUICK = Sizes(large_bytes=256 << 20, rounds=1, tags=1_000, tags_deleted=200, connections=(1, 8), load_s=1.0)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(60 * options.minutes)
    try:
        return _run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    sizes, load = QUICK if options.quick else Sizes(), os.getloadavg()[0]
    if load > 0.5:
        print(
            f"bench: other programs are using this machine (load average {load:.1f}); times will suffer.",
            file=sys.stderr,
        )
    if options.rounds:
        sizes = Sizes(**{**sizes.__dict__, "rounds": options.rounds})
    with _folder() as folder:
        tools = programs.build_tools(folder / "bin")
        s3 = start_s3(tools, folder, options.delay_ms)
        s3.warm_up(sizes.large_bytes)
        registries, notes = _registries(options, tools, s3, folder)
        try:
            results = _measure(Bench(s3, tools, sizes), registries, options.only)
        finally:
            for registry in registries:
                registry.close()
            s3.process.stop()
    report = _report(results, registries, notes, sizes, load)
    print(report)
    _save(results, report)
    if options.markdown:
        options.markdown.write_text(report + "\n")
    verdicts = targets.judge(results, sizes)
    print("\n" + "\n".join(map(str, verdicts)))
    return 0 if all(verdict.holds for verdict in verdicts) or not options.check else 2


def _registries(
    options: argparse.Namespace, tools: programs.Tools, s3: CountedEndpoint, folder: Path
) -> tuple[list[Registry], list[str]]:
    peers, notes = find_peers(s3, folder)
    if options.peers == "none":
        peers, notes = [], ["The peers were left out (--peers none)."]
    ours: list[Registry] = [] if options.peers == "only" else [moorage.Moorage(tools, s3, folder)]
    return [*ours, *peers], notes


def _measure(bench: Bench, registries: list[Registry], only: list[str]) -> Results:
    results = Results()
    for registry in registries:
        registry.start()
    for number in range(bench.sizes.rounds):
        for scenario in SCENARIOS:
            if (only and scenario.name not in only) or (scenario.once and number):
                continue
            for registry in registries:
                _progress(number, scenario, registry)
                results.add(scenario.kind, registry.name, scenario.run(bench, registry))
        bench.next_round()
    return results


def _progress(number: int, scenario: Scenario, registry: Registry) -> None:
    print(
        f"{time.strftime('%H:%M:%S')} round {number + 1}: {scenario.name}: {registry.name}", file=sys.stderr, flush=True
    )


def _report(results: Results, registries: list[Registry], notes: list[str], sizes: Sizes, load: float) -> str:
    versions = ", ".join(f"{registry.name} {registry.version}".strip() for registry in registries)
    lines = [
        f"{versions}; {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}; "
        f"{sizes.rounds} interleaved round(s), medians; load average before the run {load:.1f}.",
        "One S3 stub serves all of them over loopback. Moorage runs with authentication, durable upload sessions and metadata; "
        "the peers run without authentication. CPU and memory are the registry's own processes: neither S3 nor the DynamoDB "
        "emulator is in them, both share the cores, so requests/s of Moorage are limited by the emulator.",
        *notes,
    ]
    return "\n\n".join([*lines, render(results)])


def _save(results: Results, report: str) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    run = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "report": report, "samples": results.as_json()}
    RESULTS.write_text(json.dumps(run, indent=1))
    print(f"written: {RESULTS}", file=sys.stderr)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for everything a run writes, on a tmpfs with room if there is one, removed at the end."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 6 << 30
    with tempfile.TemporaryDirectory(
        "", "moorage-bench-", memory if has_room else None, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="256 MB, fewer tags, one round")
    parser.add_argument("--only", action="append", default=[], choices=[scenario.name for scenario in SCENARIOS])
    parser.add_argument("--peers", choices=("all", "none", "only"), default="all", help="none: Moorage alone")
    parser.add_argument("--rounds", type=int, default=0, help="instead of 3 (or 1 with --quick)")
    parser.add_argument("--delay-ms", type=int, default=0, help="latency added to every S3 request")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    parser.add_argument("--check", action="store_true", help="fail when a figure of bench/targets.py is missed")
    parser.add_argument("--minutes", type=int, default=40, help="give up after this time")
    return parser.parse_args()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise BenchError("the run took longer than --minutes allows")


if __name__ == "__main__":
    sys.exit(main())
