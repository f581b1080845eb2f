"""What logs, metrics and traces cost a warm request: CPU time in the handler with them and without, interleaved in one process.

`python -m bench.telemetry_cpu`. Fails when a request costs more than 0.3 ms with all of it. The emulator runs in a process of its
own and is not counted; lines go to /dev/null, documents to a UDP socket that nobody reads.
"""

from __future__ import annotations

import importlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from bench.handler_cpu import _handler, _operations
from bench.processes import BenchError
from localstack.launch import Emulator, StartError

LIMIT_MS = 0.3
_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="
_MODES = {"off": (False, ""), "on": (True, _TRACE + "0"), "on, sampled": (True, _TRACE + "1")}
_ROUNDS, _CALLS, _WARM_UP = 31, 40, 60


def main() -> int:
    try:
        with (
            tempfile.TemporaryDirectory(prefix="moorage-telemetry-") as folder,
            Emulator.start(Path(folder), snapshot_s=3600) as emulator,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon,
        ):
            daemon.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{daemon.getsockname()[1]}"
            os.environ.update(
                emulator.environment(),
                MOORAGE_UPLOAD_URL="off",
                MOORAGE_PUBLIC_URL="http://127.0.0.1:5000",
                AWS_XRAY_DAEMON_ADDRESS=address,
                MOORAGE_DUTY="registry",
            )
            handler = _handler()
            wanted = {operation.name: operation.event for operation in _operations(handler)}
            names = ("GET manifest by tag", "HEAD blob")
            holds = [_judge(handler, name, wanted[name], address) for name in names]
    except (BenchError, StartError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0 if all(holds) else 2


def _judge(handler: Any, name: str, event: dict[str, Any], address: str) -> bool:
    """Measure one operation in all modes and print its lines."""
    costs: dict[str, list[float]] = {mode: [] for mode in _MODES}
    with _silence():
        for count in (_WARM_UP, *[_CALLS] * _ROUNDS):
            for mode, (is_on, trace) in _MODES.items():
                _switch(is_on, trace, address)
                begun = time.process_time()
                for _ in range(count):
                    handler(event, None)
                costs[mode].append(1000 * (time.process_time() - begun) / count)
    _switch(False, "", address)
    holds = True
    print(f"      {name:22s} off          {statistics.median(costs['off'][1:]):6.3f} ms CPU")
    for mode in list(_MODES)[1:]:
        added = statistics.median(
            [cost - without for cost, without in zip(costs[mode][1:], costs["off"][1:], strict=True)]
        )
        is_cheap = added <= LIMIT_MS
        holds = holds and is_cheap
        verdict = "pass" if is_cheap else "FAIL"
        print(f"{verdict}  {name:22s} {mode:12s} {added:+6.3f} ms CPU  wanted <= {LIMIT_MS} ms", flush=True)
    return holds


def _switch(is_on: bool, trace: str, address: str) -> None:
    telemetry = importlib.import_module("chalicelib.telemetry")
    plan = telemetry.Plan(duty="registry", has_metrics=is_on, has_traces=is_on, xray_daemon=address, region="us-east-1")
    telemetry.configure(plan)
    os.environ["_X_AMZN_TRACE_ID"] = trace


@contextmanager
def _silence() -> Iterator[TextIO]:
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        yield nothing


if __name__ == "__main__":
    sys.exit(main())
