"""How long `import app` takes in the folder of the Lambda zip, and what takes it: `python -m bench.import_time [--limit-ms 350]`.

The folder is made by `scripts.package`, for this machine and the Python that runs this; the interpreter sees nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from scripts import cold_start
from scripts.package import fill
from scripts.wheelhouse import PackageError, Target


def main() -> int:
    options = _options()
    python = Path(sys.executable)
    try:
        with tempfile.TemporaryDirectory(prefix="moorage-import-") as name:
            folder = Path(name)
            fill(folder, Target("host", sys.version_info[:2]))
            best_ms = cold_start.best_ms(python, folder)
            packages, modules = cold_start.shares(python, folder)
    except PackageError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    holds = best_ms <= options.limit_ms
    verdict, load = "pass" if holds else "FAIL", os.getloadavg()[0]
    print(
        f"{verdict}  import app: {best_ms:.0f} ms, best of {cold_start.RUNS} "
        f"(wanted <= {options.limit_ms:.0f} ms; load {load:.1f})"
    )
    print("\nms by package (own time):", ", ".join(f"{one.name} {one.ms:.0f}" for one in packages[:14]))
    print("heaviest imports (with what they import):", ", ".join(f"{one.name} {one.ms:.0f}" for one in modules[:30]))
    return 0 if holds else 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.import_time", description=__doc__)
    parser.add_argument("--limit-ms", type=float, default=cold_start.LIMIT_MS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
