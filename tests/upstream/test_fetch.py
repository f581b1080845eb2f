"""Requests to other servers: where they may go, how long and how large they may get. Real sockets on loopback."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from chalicelib.upstream import fetch
from chalicelib.upstream.fetch import Fetch, Reach, UpstreamError, is_allowed
from tests.upstream.issuer import Issuer, serving


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as made:
        yield made


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Serve one connection by hand; returns the URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(act: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    act(connection)
                except OSError:
                    pass

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield serve
    listening.close()
    for thread in threads:
        thread.join(10)


def failure(act: Callable[[], object]) -> str:
    with pytest.raises(UpstreamError) as caught:
        act()
    return str(caught.value)


PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
PRIVATE = ["10.0.0.1", "172.16.9.9", "192.168.1.1", "100.64.0.1", "fc00::1", "::ffff:10.0.0.1"]
LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
NEVER = [
    "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "fd00:ec2::254",
    "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "100.100.100.200",
]  # fmt: skip


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        (PUBLIC, {Reach.PUBLIC, Reach.PRIVATE, Reach.LOCAL}),
        (PRIVATE, {Reach.PRIVATE, Reach.LOCAL}),
        (LOCAL, {Reach.LOCAL}),
        (NEVER, set()),
    ],
)
def test_which_addresses_may_be_contacted(addresses: list[str], allowed: set[Reach]) -> None:
    for address in addresses:
        assert {reach for reach in Reach if is_allowed(ipaddress.ip_address(address), reach)} == allowed, address


def test_an_answer_is_read(issuer: Issuer) -> None:
    answer = Fetch(Reach.LOCAL).get(f"{issuer.url}/keys")
    assert answer.status == 200
    assert answer.document() == issuer.documents["/keys"]


@pytest.mark.parametrize("reach", [Reach.PUBLIC, Reach.PRIVATE])
def test_this_machine_is_not_contacted_by_default(issuer: Issuer, reach: Reach) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"):
        url = issuer.url.replace("127.0.0.1", host)
        assert host.strip("[]") in failure(lambda url=url: Fetch(reach).get(url))
    assert issuer.requests == []


def test_clear_text_goes_nowhere_but_to_this_machine() -> None:
    assert "https" in failure(lambda: Fetch(Reach.LOCAL).get("http://192.0.2.1/"))


@pytest.mark.parametrize("url", ["ftp://h/", "file:///etc/passwd", "https://", "//h/", "h", "https://u:p@h/", "https://h h/", "https://h/\n"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert failure(lambda: Fetch(Reach.LOCAL).get(url))


def test_redirects_are_not_followed(issuer: Issuer) -> None:
    issuer.documents["/away"] = {"redirect": f"{issuer.url}/keys"}
    assert "elsewhere" in failure(lambda: Fetch(Reach.LOCAL).get(f"{issuer.url}/away"))
    assert issuer.requests == ["/away"]


def test_a_large_answer_is_not_read(issuer: Issuer) -> None:
    issuer.documents["/large"] = b" " * (fetch.MAX_BYTES + 1)
    assert "more than" in failure(lambda: Fetch(Reach.LOCAL).get(f"{issuer.url}/large"))
    issuer.documents["/fits"] = b" " * fetch.MAX_BYTES
    assert len(Fetch(Reach.LOCAL).get(f"{issuer.url}/fits").body) == fetch.MAX_BYTES


def test_a_server_that_drips_is_left(raw_server: Callable[..., str]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(400):
            connection.sendall(b"X: y\r\n")
            time.sleep(0.15)

    url, started = raw_server(drip), time.monotonic()
    assert failure(lambda: Fetch(Reach.LOCAL, total_s=0.5).get(url)) == "127.0.0.1 cannot be reached: no answer in time"
    assert time.monotonic() - started < 2


def test_a_server_that_speaks_something_else_is_said_so(raw_server: Callable[..., str]) -> None:
    assert "BadStatusLine" in failure(lambda: Fetch(Reach.LOCAL).get(raw_server(lambda c: c.sendall(b"SSH-2.0-x\r\n"))))


def test_a_certificate_is_checked(raw_server: Callable[..., str]) -> None:
    url = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")).replace("http://", "https://")
    assert "127.0.0.1 cannot be reached" in failure(lambda: Fetch(Reach.LOCAL).get(url))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "Connection refused" in failure(lambda: Fetch(Reach.LOCAL).get(f"http://127.0.0.1:{port}/"))
    assert "cannot be reached" in failure(lambda: Fetch(Reach.LOCAL).get("https://nowhere.invalid/"))


def test_what_is_no_json_object_is_refused(issuer: Issuer) -> None:
    for content in (b"", b"[]", b"<html>", b"\xff", b"[" * 100_000):
        issuer.documents["/x"] = content
        assert "JSON" in failure(Fetch(Reach.LOCAL).get(f"{issuer.url}/x").document)


def test_proxies_of_the_environment_are_not_used(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert Fetch(Reach.LOCAL).get(f"{issuer.url}/keys").status == 200
