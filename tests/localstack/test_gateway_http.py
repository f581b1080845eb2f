"""The gateway under uvicorn, met by clients that announce too much, send slowly, or go away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from localstack.gateway import Gateway

OK = {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}", "isBase64Encoded": False}
GIB = 1024**3


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Gateway(lambda event, context: OK), log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def open_request(port: int, head: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(head.replace("\n", "\r\n").encode())
    return connection


def status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split()[1])


def head_of(method: str = "PUT", **headers: Any) -> str:
    lines = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return f"{method} /v2/a/b/manifests/c HTTP/1.1\nHost: x\n{lines}\n"


def assert_serves(port: int) -> None:
    with open_request(port, head_of("GET")) as connection:
        assert status(connection) == 200


@pytest.mark.parametrize("length", [10 * GIB, 10**18])
def test_an_enormous_length_is_refused_without_reading(port: int, length: int) -> None:
    with open_request(port, head_of(Content_Length=length)) as connection:
        assert status(connection) == 413
    assert_serves(port)


def test_a_client_sees_the_refusal_of_a_body_it_has_sent(port: int) -> None:
    size = 11 * 1024 * 1024
    with open_request(port, head_of(Content_Length=size)) as connection:
        connection.sendall(bytes(size))
        assert status(connection) == 413


@pytest.mark.parametrize("sent", [b"", b"half"])
def test_a_client_that_goes_away_leaves_nothing_behind(port: int, sent: bytes) -> None:
    threads = threading.active_count()
    for _ in range(20):
        with open_request(port, head_of(Content_Length=1000)) as connection:
            connection.sendall(sent)
    assert_serves(port)
    assert threading.active_count() <= threads + 1


def test_slow_clients_do_not_hold_up_others(port: int) -> None:
    slow = [open_request(port, head_of(Content_Length=1000)) for _ in range(50)]
    for connection in slow:
        connection.sendall(b"x")
    assert_serves(port)
    for connection in slow:
        connection.sendall(bytes(999))
        assert status(connection) == 200
        connection.close()


def test_expect_continue_is_answered(port: int) -> None:
    with open_request(port, head_of(Content_Length=2, Expect="100-continue")) as connection:
        assert status(connection) == 100
        connection.sendall(b"{}")
        assert status(connection) == 200
