"""Check a deployed registry: what AWS does to requests and answers, and emulators do not show.

    aws secretsmanager get-secret-value --secret-id moorage/admin-password --query SecretString --output text |
        python3 scripts/smoke_aws.py https://abc123.execute-api.eu-central-1.amazonaws.com --password-stdin

Needs Python 3.11 and nothing else. The password comes from MOORAGE_SMOKE_PASSWORD or standard input, never from an argument,
which other users of the machine could see. Pushes about four times --size-mb to a new repository of the project and removes it.
Exit code: 0 when all checks passed or were skipped with a reason, 1 when one failed, 2 when it could not begin.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.smoke import blobs, door, events, manifests, service, uploads
from scripts.smoke.check import Check, run
from scripts.smoke.registry import MIB, Plan, Registry
from scripts.smoke.report import Outcome, as_json, exit_code, table

CHECKS: Sequence[Check] = [
    check
    for suite in (
        door.FIRST,
        manifests.SUITE,
        blobs.SUITE,
        uploads.SUITE,
        service.SUITE,
        events.SUITE,
        door.SUITE,
        service.LAST,
    )
    for check in suite.checks
]


class CannotBegin(Exception):
    """The operator must put something right first; the message is one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the checks and print what they found."""
    options = _parser().parse_args(arguments)
    try:
        plan = _plan(options)
    except CannotBegin as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 2
    chosen = [check for check in CHECKS if not options.only or check.name in options.only]
    outcomes = check_all(plan, chosen, is_quiet=options.json)
    print(as_json(plan.url, outcomes) if options.json else "\n" + table(outcomes))
    return exit_code(outcomes)


def check_all(plan: Plan, checks: Sequence[Check] = CHECKS, *, is_quiet: bool = True) -> list[Outcome]:
    """Make the checks in order; what they pushed is removed even when somebody interrupts them."""
    registry, outcomes = Registry(plan), []
    last = [check for check in checks if check in service.LAST.checks]
    try:
        for outcome in run([check for check in checks if check not in last], registry):
            outcomes.append(outcome)
            if not is_quiet:
                print(f"{outcome.state:8}{outcome.check}", file=sys.stderr, flush=True)
    finally:
        outcomes += run(service.LAST.checks, registry)
        registry.wire.close()
    return outcomes


def _plan(options: argparse.Namespace) -> Plan:
    """Judge the options. Raises `CannotBegin`."""
    url = options.registry if "://" in options.registry else f"https://{options.registry}"
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname or place.path.rstrip("/") not in ("", "/v2"):
        raise CannotBegin(f"name the registry as https://<host>, not {options.registry!r}")
    password = (
        sys.stdin.readline().rstrip("\n") if options.password_stdin else os.environ.get("MOORAGE_SMOKE_PASSWORD", "")
    )
    if not password:
        raise CannotBegin("give the password in MOORAGE_SMOKE_PASSWORD, or on standard input with --password-stdin")
    return Plan(
        url=f"{place.scheme}://{place.netloc}",
        user=options.user,
        password=password,
        project=options.project,
        size_bytes=options.size_mb * MIB,
        slow_s=options.slow_s,
        has_uploads=not options.no_upload_service,
        warm_ms=options.warm_ms,
        cold_ms=options.cold_ms,
        scan_jobs_url=options.scan_jobs_url,
        scan_wait_s=options.scan_wait_s,
        cafile=options.cafile,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smoke_aws.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("registry", help="the registry's address: terraform output -raw registry_url")
    parser.add_argument("--user", default="admin", help="a user who may push to and delete from the project (admin)")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument("--project", default="library", help="project to push to (library)")
    parser.add_argument("--size-mb", type=int, default=200, help="MiB of each large upload (200)")
    parser.add_argument("--slow-s", type=float, default=150, help="seconds of the slow upload (150); 0 leaves it out")
    parser.add_argument("--no-upload-service", action="store_true", help='the registry has upload_service = "off"')
    parser.add_argument("--warm-ms", type=int, default=500, help="what a warm HEAD of a manifest may take (500)")
    parser.add_argument("--cold-ms", type=int, default=10_000, help="what one in ten at once may take (10000)")
    parser.add_argument(
        "--scan-jobs-url", default="", help="address of the queue scan-jobs; needs AWS credentials in the environment"
    )
    parser.add_argument("--scan-wait-s", type=float, default=90, help="how long a scan job may take to appear (90)")
    parser.add_argument("--cafile", help="certificates to trust, for a private authority")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CHECK",
        choices=[c.name for c in CHECKS],
        help="make only this check (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
