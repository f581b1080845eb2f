"""How long `import app` takes in a folder that holds what the zip holds, and nothing else is to be seen (`-I -S`)."""

from __future__ import annotations

import re
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from scripts.wheelhouse import PackageError

RUNS = 15
LIMIT_MS = 350.0
_IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
begun = time.perf_counter()
import app
print(time.perf_counter() - begun)
"""


@dataclass(frozen=True)
class Share:
    """What took time, in milliseconds."""

    name: str
    ms: float


def best_ms(python: Path, folder: Path, runs: int = RUNS) -> float:
    """Import `app` several times, each in a new process; the best counts, since all above it is other load on the machine."""
    best = float("inf")
    for _ in range(runs):
        time.sleep(0.2)  # other load comes in bursts
        best = min(best, 1000 * float(_run(python, folder)))
    return best


def shares(python: Path, folder: Path) -> tuple[list[Share], list[Share]]:
    """Return own time by package, and the modules with the most time below them, largest first."""
    own: dict[str, float] = defaultdict(float)
    below: dict[str, float] = {}
    lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", _run(python, folder, "-X", "importtime"))
    for self_us, total_us, module in lines:
        own[module.partition(".")[0]] += int(self_us) / 1000
        below[module] = int(total_us) / 1000
    return _largest(own), _largest(below)


def _largest(times: dict[str, float]) -> list[Share]:
    return [Share(name, ms) for name, ms in sorted(times.items(), key=lambda item: -item[1])]


def _run(python: Path, folder: Path, *flags: str) -> str:
    argv = [str(python), "-I", "-S", "-B", *flags, "-c", _IMPORT, str(folder)]
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode:
        raise PackageError(f"`import app` fails with the zip alone: {ran.stderr.strip()[-600:]}")
    return ran.stderr if flags else ran.stdout
