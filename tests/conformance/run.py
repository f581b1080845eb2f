"""`make conformance`: the official suite, with authentication on, against a stack of its own.

Any failure and any skip ends with 1. Reports stay in `.conformance/<run>/` (report.html, junit.xml, results.yaml).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.conformance import verdict
from tests.running import CLIENTS, ROOT, Running, StackError, running_registry

RESULTS = ROOT / ".conformance"
_TIMEOUT_S = 900
# The development version wants Docker-Content-Digest on the answer that a client ends at. For blobs that is S3, which
# sends its own headers only; the redirect itself carries it. The suite has a switch for exactly these checks:
_FROM_THE_BLOB_HOST = {"OCI_API_BLOBS_DIGEST_HEADER": "false"}
RUNS: Mapping[str, Mapping[str, str]] = {
    "1.1": {"OCI_VERSION": "1.1"},
    "1.1-no-token-cache": {"OCI_VERSION": "1.1", "OCI_CACHE_AUTH": "false"},
    "dev": {"OCI_VERSION": "dev", **_FROM_THE_BLOB_HOST},
}


def main() -> int:
    """Run all configurations; give the exit code."""
    suite = shutil.which("conformance", path=f"{CLIENTS}{os.pathsep}{os.environ.get('PATH', '')}")
    if suite is None:
        print("conformance: the suite is not built: run `make clients` (it needs Go).", file=sys.stderr)
        return 2
    found = 0
    with tempfile.TemporaryDirectory(prefix="moorage-conformance-") as folder:
        try:
            with running_registry(Path(folder)) as registry:
                found = sum(len(run_suite(suite, registry, name, more)) for name, more in RUNS.items())
        except StackError as error:
            print(f"conformance: {error}", file=sys.stderr)
            return 2
    print(f"conformance: {'passed' if not found else f'{found} problems'}; reports are in {RESULTS}")
    return 1 if found else 0


def run_suite(suite: str, registry: Running, name: str, more: Mapping[str, str]) -> list[str]:
    """Run one configuration; give the problems it found."""
    folder, started = RESULTS / name, time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environ = {
        "PATH": os.environ.get("PATH", ""),
        "OCI_REGISTRY": registry.host,
        "OCI_TLS": "disabled" if registry.url.startswith("http://") else "enabled",
        "OCI_REPO1": "conformance/one",
        "OCI_REPO2": "conformance/two",
        "OCI_USERNAME": registry.user,
        "OCI_PASSWORD": registry.password,
        "OCI_RESULTS_DIR": str(folder),
        **more,
    }
    with (folder / "output.txt").open("wb") as output:
        ended = subprocess.run(
            [suite], cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    checks = verdict.read(folder / "junit.xml")
    found = verdict.problems(checks)
    if ended.returncode != 0 and not found:
        found = [f"the suite ended with {ended.returncode} although no check says why: see output.txt"]
    print(f"conformance {name}: {verdict.summary(checks)} in {time.monotonic() - started:.0f} s")
    for problem in found:
        print(f"  {problem}")
    return found


if __name__ == "__main__":
    sys.exit(main())
