"""The read path under load: manifests, blob redirects and tokens at 1, 8 and 32 connections."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bench import content
from bench.content import MANIFEST_TYPE
from bench.meter import Sample
from bench.processes import BenchError
from bench.registries import Registry, client
from bench.scenario import Bench, Kind, Scenario

REPOSITORY = "bench/latency"
_SCOPE = f"repository:{REPOSITORY}:pull"
_WARM_UP_S = 0.5


@dataclass(frozen=True)
class _Request:
    title: str
    method: str
    url: str
    headers: dict[str, str]
    statuses: tuple[int, ...]


def _latency(bench: Bench, registry: Registry) -> dict[str, Sample]:
    image = bench.shared("latency", partial(content.image, (content.KB, content.MB)))
    user = client(registry)
    user.push_image(REPOSITORY, image, "latest")
    headers = {**user.authorization(_SCOPE), "Accept": MANIFEST_TYPE}
    user.close()
    base = f"{registry.url}/v2/{REPOSITORY}"
    blob = f"{base}/blobs/{image.layers[1].digest}"
    requests = [
        _Request("GET manifest by tag", "GET", f"{base}/manifests/latest", headers, (200,)),
        _Request("HEAD blob", "HEAD", blob, headers, (200, 307)),
        _Request("GET blob (redirect)", "GET", blob, headers, (307,)),
    ]
    if registry.credentials:
        basic = {"Authorization": registry.credentials.basic}
        requests.append(_Request("GET token", "GET", registry.credentials.url_for(_SCOPE), basic, (200,)))
    samples: dict[str, Sample] = {}
    for request in requests:
        for connections in bench.sizes.connections:
            _load(bench, request, connections, _WARM_UP_S)
            samples[f"{request.title}, {connections} conn."] = _measured(bench, registry, request, connections)
    return samples


def _measured(bench: Bench, registry: Registry, request: _Request, connections: int) -> Sample:
    seen: dict[str, Any] = {}
    sample = bench.meter(registry).measure(lambda: seen.update(_load(bench, request, connections, bench.sizes.load_s)))
    return replace(
        sample, seconds=seen["seconds"], requests=seen["requests"], p50_ms=seen["p50_ms"], p99_ms=seen["p99_ms"]
    )


def _load(bench: Bench, request: _Request, connections: int, duration_s: float) -> dict[str, Any]:
    argv = [
        str(bench.tools.load),
        "-method",
        request.method,
        "-connections",
        str(connections),
        "-duration",
        f"{duration_s}s",
    ]
    for name, value in request.headers.items():
        argv += ["-header", f"{name}: {value}"]
    ran = subprocess.run([*argv, request.url], capture_output=True, text=True, timeout=duration_s + 60, check=False)
    if ran.returncode:
        raise BenchError(f"{request.title} under load failed: {ran.stderr.strip()}")
    seen: dict[str, Any] = json.loads(ran.stdout)
    wrong = {status: count for status, count in seen["statuses"].items() if int(status) not in request.statuses}
    if wrong:
        raise BenchError(f"{request.title} under load got unwanted statuses: {wrong}")
    return seen


LATENCY = Scenario("latency", Kind.RATE, _latency)
