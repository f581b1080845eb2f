"""How long `import app` takes in a folder like the Lambda zip: `python -m bench.import_time [--limit-ms 350]`.

The folder holds the packages of requirements.txt, app.py and chalicelib, compiled with unchecked hashes as the zip is; the
interpreter sees nothing else (`-S`). The best of several runs counts: everything above it is other load on the machine.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.processes import BenchError
from bench.programs import PROJECT

_RUNS = 15
_IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
begun = time.perf_counter()
import app
print(time.perf_counter() - begun)
"""
_CLI_ONLY = {"pip", "setuptools", "wheel", "inquirer", "click", "pyyaml", "blessed", "readchar"}
"""What only Chalice's command line needs; the zip leaves it out."""


def main() -> int:
    options = _options()
    try:
        with tempfile.TemporaryDirectory(prefix="moorage-import-") as name:
            folder = Path(name)
            _fill(folder)
            best_ms = 1000 * min(_seconds(folder) for _ in range(_RUNS))
            packages, modules = _heavy(folder)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    holds = best_ms <= options.limit_ms
    verdict, load = "pass" if holds else "FAIL", os.getloadavg()[0]
    print(
        f"{verdict}  import app: {best_ms:.0f} ms, best of {_RUNS} (wanted <= {options.limit_ms:.0f} ms; load {load:.1f})"
    )
    print("\nms by package (own time):", ", ".join(f"{package} {ms:.0f}" for package, ms in packages))
    print("heaviest imports (with what they import):", ", ".join(f"{module} {ms:.0f}" for module, ms in modules))
    return 0 if holds else 2


def _fill(folder: Path) -> None:
    """Copy what the zip holds, from the packages installed here (they are locked), and compile it."""
    for package in _requirements():
        _copy_package(package, folder)
    shutil.copy(PROJECT / "app.py", folder)
    shutil.copytree(PROJECT / "chalicelib", folder / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    argv = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    compiled = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if compiled.returncode:
        raise BenchError(f"The packaged function does not compile: {compiled.stdout.strip()[:300]}")


def _requirements() -> list[str]:
    text = (PROJECT / "requirements.txt").read_text()
    names = re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)
    return [name for name in names if name.lower() not in _CLI_ONLY]


def _copy_package(package: str, folder: Path) -> None:
    try:
        files = importlib.metadata.distribution(package).files or []
    except importlib.metadata.PackageNotFoundError:
        return  # its marker names another platform
    for file in files:
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(file.locate()), target)


def _seconds(folder: Path) -> float:
    time.sleep(0.2)  # other load comes in bursts
    return float(_run(folder))


def _run(folder: Path, *flags: str) -> str:
    argv = [sys.executable, "-S", "-E", *flags, "-c", _IMPORT, str(folder)]
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode:
        raise BenchError(f"`import app` failed in a folder like the Lambda zip: {ran.stderr.strip()[-600:]}")
    return ran.stderr if flags else ran.stdout


def _heavy(folder: Path) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Own time by package, and the single modules with the most time below them, in ms, largest first."""
    own: dict[str, float] = defaultdict(float)
    below: dict[str, float] = {}
    for self_us, total_us, module in re.findall(
        r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", _run(folder, "-X", "importtime")
    ):
        own[module.partition(".")[0]] += int(self_us) / 1000
        below[module] = int(total_us) / 1000
    largest = sorted(below.items(), key=lambda item: -item[1])
    return sorted(own.items(), key=lambda item: -item[1])[:14], largest[:30]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.import_time", description=__doc__)
    parser.add_argument("--limit-ms", type=float, default=350)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
