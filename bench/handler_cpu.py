"""CPU time of one warm request inside the Lambda handler, DynamoDB client included, without any HTTP server.

`python -m bench.handler_cpu [--profile NAME]`. The emulator of DynamoDB runs in a process of its own and is not counted.
"""

from __future__ import annotations

import argparse
import base64
import cProfile
import importlib
import json
import os
import pstats
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import content
from bench.client import ADMIN_PASSWORD
from bench.content import MANIFEST_TYPE, Blob
from bench.processes import BenchError
from localstack.launch import Emulator, StartError
from localstack.proxy_event import HttpRequest, proxy_event

_REPOSITORY = "bench/handler"
_SCOPE = f"repository:{_REPOSITORY}:pull,push"
_BATCHES, _CALLS, _WARM_UP = 7, 100, 30


@dataclass(frozen=True)
class _Operation:
    name: str
    event: dict[str, Any]
    status: int
    limit_ms: float | None  # the figure to hold; None: for information


def main() -> int:
    options = _options()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="moorage-handler-") as folder,
            Emulator.start(Path(folder), snapshot_s=3600) as emulator,
        ):
            os.environ.update(
                emulator.environment(), MOORAGE_UPLOAD_URL="off", MOORAGE_PUBLIC_URL="http://127.0.0.1:5000"
            )
            handler = _handler()
            operations = _operations(handler)
            if options.profile:
                return _profile(handler, {operation.name: operation for operation in operations}, options.profile)
            held = [_judge(handler, operation) for operation in operations]
    except (BenchError, StartError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0 if all(held) else 2


def _handler() -> Any:
    """`app.app` of this checkout on an empty, provisioned registry."""
    bootstrap = importlib.import_module("chalicelib.bootstrap")
    settings = importlib.import_module("chalicelib.config").Settings.from_environ(os.environ)
    bootstrap.provision(settings, ADMIN_PASSWORD, now=int(time.time()))
    return importlib.import_module("app").app


def _operations(handler: Any) -> list[_Operation]:
    basic = {"Authorization": "Basic " + base64.b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()}
    token = _event("GET", f"/service/token?service=moorage&scope={_SCOPE}", basic)
    bearer = {"Authorization": "Bearer " + json.loads(_call(handler, token, 200)["body"])["token"]}
    image = content.image((content.KB,))
    for blob in image.blobs:
        _push(handler, bearer, blob)
    base = f"/v2/{_REPOSITORY}"
    typed = {**bearer, "Content-Type": MANIFEST_TYPE}
    _call(handler, _event("PUT", f"{base}/manifests/latest", typed, image.manifest.content), 201)
    blob_path = f"{base}/blobs/{image.layers[0].digest}"
    accepting = {**bearer, "Accept": MANIFEST_TYPE}
    return [
        _Operation("GET manifest by tag", _event("GET", f"{base}/manifests/latest", accepting), 200, 1.6),
        _Operation("HEAD manifest by tag", _event("HEAD", f"{base}/manifests/latest", accepting), 200, None),
        _Operation("GET blob", _event("GET", blob_path, bearer), 307, 0.4),
        _Operation("HEAD blob", _event("HEAD", blob_path, bearer), 307, 0.4),
        _Operation("GET token", token, 200, None),
        _Operation("GET /v2/", _event("GET", "/v2/", bearer), 200, None),
        _Operation("list tags", _event("GET", f"{base}/tags/list?n=100", bearer), 200, None),
        _Operation("PUT manifest", _event("PUT", f"{base}/manifests/latest", typed, image.manifest.content), 201, None),
    ]


def _event(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> dict[str, Any]:
    path, _, query = url.partition("?")
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return proxy_event(HttpRequest(method, path, query, lines, body), "registry")


def _push(handler: Any, bearer: dict[str, str], blob: Blob) -> None:
    begun = _call(handler, _event("POST", f"/v2/{_REPOSITORY}/blobs/uploads/", bearer), 202)
    location = {name.lower(): value for name, value in begun["headers"].items()}["location"].removeprefix(
        "http://127.0.0.1:5000"
    )
    closing = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
    typed = {**bearer, "Content-Type": "application/octet-stream"}
    _call(handler, _event("PUT", closing, typed, blob.content), 201)


def _call(handler: Any, event: dict[str, Any], status: int) -> dict[str, Any]:
    answer: dict[str, Any] = handler(event, None)
    if answer["statusCode"] != status:
        where = f"{event['httpMethod']} {event['requestContext']['path']}"
        raise BenchError(f"{where} answered {answer['statusCode']}, not {status}: {str(answer.get('body'))[:300]}")
    return answer


def _judge(handler: Any, operation: _Operation) -> bool:
    """Measure one operation and print its line."""
    for _ in range(_WARM_UP):
        _call(handler, operation.event, operation.status)
    batches = []
    for _ in range(_BATCHES):
        begun = time.process_time()
        for _ in range(_CALLS):
            handler(operation.event, None)
        batches.append(1000 * (time.process_time() - begun) / _CALLS)
    middle = statistics.median(batches)
    holds = operation.limit_ms is None or middle <= operation.limit_ms
    verdict = "    " if operation.limit_ms is None else "pass" if holds else "FAIL"
    wanted = f"wanted <= {operation.limit_ms} ms" if operation.limit_ms else ""
    print(
        f"{verdict}  {operation.name:22s} {middle:6.3f} ms CPU ({min(batches):.3f}-{max(batches):.3f})  {wanted}",
        flush=True,
    )
    return holds


def _profile(handler: Any, operations: dict[str, _Operation], name: str) -> int:
    operation = operations.get(name)
    if operation is None:
        raise BenchError(f"There is no operation {name!r}; there are: {', '.join(operations)}")
    for _ in range(_WARM_UP):
        _call(handler, operation.event, operation.status)
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for _ in range(5 * _CALLS):
        handler(operation.event, None)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.handler_cpu", description=__doc__)
    parser.add_argument(
        "--profile", metavar="OPERATION", help="profile one operation by its name instead of judging all"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
