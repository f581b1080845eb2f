"""`make test-localstack`: LocalStack, the deployment on it, and the suites, one after the other; `--all` adds what takes longest.

Terraform applies while the storage suite runs: most of an apply is waiting.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from localstack.community.deployment import apply, package, served
from localstack.community.running import LocalStack, running
from localstack.launch import CREDENTIALS, ROOT, StartError
from tests.localstack_suite.suites import DEPLOYED, STORAGE, Suite


def main() -> int:
    """Run. 0: everything passed; 1: a test failed; 2: a person must put something right first, said in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.localstack_suite.run", description=__doc__)
    parser.add_argument("--all", action="store_true", help="with what is left out for its length")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        package()
        with tempfile.TemporaryDirectory(prefix="moorage-localstack-", ignore_cleanup_errors=True) as folder:
            return _run(Path(folder), with_long=options.all)
    except StartError as error:
        print(f"test-localstack: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(folder: Path, *, with_long: bool) -> int:
    started = time.monotonic()
    with running(folder / "localstack") as localstack, ThreadPoolExecutor(1) as beside:
        _say(f"LocalStack ({localstack.how}) serves at {localstack.url}", started)
        applying = beside.submit(apply, localstack, folder / "deployment")
        failed = _pytest(STORAGE, _environment(localstack), with_long=with_long)
        _say("storage suite done", started)
        failed |= _run_deployed(localstack, folder / "deployment", applying, started, with_long=with_long)
    _say("failed" if failed else "everything passed", started)
    return int(failed)


def _run_deployed(
    localstack: LocalStack, folder: Path, applying: Future[object], started: float, *, with_long: bool
) -> bool:
    terraform, variables = applying.result()  # type: ignore[misc]
    _say("terraform applied", started)
    with served(localstack, folder, terraform, variables) as deployed:
        ready = folder / "ready.json"
        deployed.write(ready)
        named = {
            "MOORAGE_TEST_DEPLOYMENT": str(ready),
            "MOORAGE_TEST_REGISTRY": f"{deployed.url},{deployed.admin_user},{deployed.admin_password}",
        }
        failed = _pytest(DEPLOYED, _environment(localstack) | named, with_long=with_long)
    if failed:
        print((folder / "edge.log").read_text()[-3000:], localstack.log()[-3000:], sep="\n", file=sys.stderr)
    return failed


def _pytest(suite: Suite, environment: Mapping[str, str], *, with_long: bool) -> bool:
    """Run a suite; says whether something failed."""
    left_out = dict(suite.excluded) if with_long else {**suite.excluded, **suite.long}
    for test, reason in left_out.items():
        print(f"  left out: {test}: {reason}")
    command: Sequence[str] = [
        sys.executable, "-m", "pytest", "-q", "--override-ini", "timeout=300", *suite.paths,
        *(suite.long_paths if with_long else ()), *(f"--deselect={test}" for test in left_out),
    ]  # fmt: skip
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode != 0


def _environment(localstack: LocalStack) -> dict[str, str]:
    return {**CREDENTIALS, "AWS_ENDPOINT_URL": localstack.url, "AWS_REGION": "us-east-1"}


def _say(what: str, started: float) -> None:
    print(f"[{time.monotonic() - started:5.1f} s] {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
