"""Reads over the wire: signed as botocore signs, tried again where DynamoDB says so, and never more than that."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.aws.wire import DYNAMODB, CallFailed, Wire, decoded
from chalicelib.config import Settings
from chalicelib.errors import RegistryError


class Scripted(http.server.BaseHTTPRequestHandler):
    """A DynamoDB that answers what the test scripted and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    script: list[tuple[int, dict[str, Any]] | None]
    seen: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        step = type(self).script.pop(0)
        if step is None:
            self.close_connection = True
            self.connection.close()
            return
        answer = json.dumps(step[1]).encode()
        self.send_response(step[0])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[type[Scripted]]:
    handler = type("Handler", (Scripted,), {"script": [], "seen": []})
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield handler
    listening.shutdown()
    listening.server_close()


def wire(server: Any) -> Wire:
    return Wire(DYNAMODB, Settings(access_key="test", secret_key="test"), server.url)


def test_a_read_is_signed_as_botocore_signs_it(server: Any) -> None:
    server.script = [(200, {})]
    wire(server).call("GetItem", {"TableName": "tests", "Key": {"pk": {"S": "ü"}}})
    headers, body = server.seen[0]
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", server.url + "/", headers={name: headers[name] for name in names}, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("test", "test"), "dynamodb", "us-east-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_binary_attributes_come_back_as_bytes(server: Any) -> None:
    server.script = [(200, {"Item": {"content": {"B": "aGVsbG8="}, "pk": {"S": "x"}}})]
    assert decoded(wire(server).call("GetItem", {}))["Item"] == {"content": {"B": b"hello"}, "pk": {"S": "x"}}


@pytest.mark.parametrize(
    "trouble",
    [
        (500, {"__type": "InternalServerError"}),
        (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}),
        (400, {"__type": "ThrottlingException"}),
        None,
    ],
)
def test_a_passing_trouble_is_tried_again(server: Any, trouble: Any) -> None:
    server.script = [trouble, trouble, (200, {"Items": []})]
    assert wire(server).call("Query", {}) == {"Items": []}
    assert len(server.seen) == 3


def test_a_lasting_trouble_is_unavailable_with_retry_after(server: Any) -> None:
    server.script = [(503, {})] * 5
    with pytest.raises(RegistryError, match="UNAVAILABLE") as caught:
        wire(server).call("Query", {})
    assert (caught.value.headers, len(server.seen)) == ({"Retry-After": "1"}, 5)


def test_a_refusal_is_not_tried_again(server: Any) -> None:
    server.script = [(400, {"__type": "ValidationException", "message": "no such table"})]
    with pytest.raises(CallFailed, match="ValidationException"):
        wire(server).call("Query", {})
    assert len(server.seen) == 1


def test_a_connection_is_kept_between_reads(server: Any) -> None:
    server.script = [(200, {}), (200, {})]
    reads = wire(server)
    first = reads.call("Query", {}) or reads._local.connection
    assert reads.call("Query", {}) == {}
    assert first is reads._local.connection
