"""The registries under measurement: what they share, and the two peers."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import processes
from bench.client import Client, Credentials
from bench.processes import Process
from bench.programs import Tools, find_program, version

Counts = dict[str, int]
_WARM_UP_PART_BYTES = 24 << 20
_SMALLEST_PART_BYTES = 10 << 20


@dataclass(frozen=True)
class CountedEndpoint:
    """One of our Go programs that counts the calls it gets: the S3 stub, or the proxy before the AWS emulator."""

    process: Process
    url: str

    def reset(self, bucket: str = "") -> None:
        self._ask("__reset", bucket, "POST")

    def counts(self, bucket: str = "") -> Counts:
        """Calls by operation since `reset`."""
        operations: Counts = json.loads(self._ask("__count", bucket, "GET"))["operations"]
        return dict(sorted(operations.items()))

    def hollow(self) -> None:
        """Free the stored bytes (S3 stub only): objects keep their size and read as zeros."""
        self._ask("__hollow", "", "POST")

    def warm_up(self, size_bytes: int) -> None:
        """Let the S3 stub have its memory now, so that the first registry measured does not pay for all (S3 stub only)."""
        host = urllib.parse.urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        part = bytes(_WARM_UP_PART_BYTES)
        for number in range(-1, -(-size_bytes // _SMALLEST_PART_BYTES)):
            connection.request("PUT", "/warm-up" if number < 0 else f"/warm-up/{number}", part if number >= 0 else None)
            connection.getresponse().read()
        connection.close()
        self.hollow()

    def _ask(self, what: str, bucket: str, method: str) -> bytes:
        request = urllib.request.Request(f"{self.url}/{what}?bucket={bucket}", method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            content: bytes = response.read()
            return content


def start_s3(tools: Tools, folder: Path, delay_ms: int) -> CountedEndpoint:
    """Start the S3 stub; its bodies lie in `folder`."""
    bodies = folder / "s3"
    bodies.mkdir()
    argv = [str(tools.fakes3), "-root", str(bodies), "-delay", f"{delay_ms}ms"]
    process = processes.start("fakes3", argv, folder / "fakes3.log")
    return CountedEndpoint(process, processes.wait_for_address(process))


class Registry(Protocol):
    """A registry that can be started, stopped, spoken to and measured."""

    name: str
    version: str
    bucket: str
    url: str
    credentials: Credentials | None
    aws: CountedEndpoint | None

    def start(self) -> None:
        """Start with empty caches; what was pushed before is still there."""

    def stop(self) -> None:
        """Stop the registry's own processes."""

    def close(self) -> None:
        """Stop the registry's processes and what was started for it."""

    @property
    def processes(self) -> list[Process]:
        """The registry's own processes, which are measured."""


def client(registry: Registry) -> Client:
    """A new client of this registry."""
    return Client(registry.url, registry.credentials)


_PEER_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
http: {{addr: '127.0.0.1:{port}', secret: bench}}
health: {{storagedriver: {{enabled: false}}}}
storage:
  delete: {{enabled: true}}
  redirect: {{disable: false}}
  cache: {{blobdescriptor: inmemory}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
  s3:
    {{accesskey: bench, secretkey: bench, region: us-east-1, regionendpoint: '{s3}', bucket: {bucket}, secure: false,
      v4auth: true, forcepathstyle: true, rootdirectory: /}}
"""


class Peer:
    """docker-registry or distribution: S3 driver, redirect on, cache in memory, no authentication, no health checks."""

    credentials: Credentials | None = None
    aws: CountedEndpoint | None = None

    def __init__(self, name: str, program: Path, s3: CountedEndpoint, folder: Path) -> None:
        self.name = name
        self.version = version(program).removeprefix("v").partition("+")[0]
        self.bucket = name
        port = processes.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._program = program
        self._folder = folder
        self._process: Process | None = None
        self._config = folder / f"{name}.yml"
        self._config.write_text(_PEER_CONFIG.format(port=port, s3=s3.url, bucket=name))
        made = urllib.request.Request(f"{s3.url}/{name}", method="PUT")
        urllib.request.urlopen(made, timeout=10).close()

    @property
    def processes(self) -> list[Process]:
        return [self._process] if self._process else []

    def start(self) -> None:
        # A clean environment: 2.8.2's S3 driver panics when AWS_CA_BUNDLE is set, 3.x would look for a trace collector.
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "OTEL_TRACES_EXPORTER": "none"}
        argv = [str(self._program), "serve", str(self._config)]
        self._process = processes.start(self.name, argv, self._folder / f"{self.name}.log", environ)
        processes.wait_for_port(self._process, self._port)

    def stop(self) -> None:
        if self._process:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        self.stop()


def find_peers(s3: CountedEndpoint, folder: Path) -> tuple[list[Registry], list[str]]:
    """The peers on this machine, and one sentence for each that is missing."""
    found: list[Registry] = []
    missing: list[str] = []
    debian = find_program("docker-registry")
    if debian:
        found.append(Peer("docker-registry", debian, s3, folder))
    else:
        missing.append("docker-registry is missing (apt install docker-registry): measured without it.")
    upstream = find_program("registry")
    if upstream and version(upstream).startswith("v3."):
        found.append(Peer("distribution", upstream, s3, folder))
    else:
        missing.append("distribution 3 is missing (`make clients-all` builds it): measured without it.")
    return found, missing
