"""The upload service as a process against S3 and DynamoDB: the wire, crashes, clients that stall or hang up."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from chalicelib.oci.digest import Digest
from chalicelib.oci.session import MIB
from tests.upload_service.conftest import Registry
from tests.upload_service.service import Service


def content(size: int) -> bytes:
    return os.urandom(size)


def closing(url: str, body: bytes, algorithm: str = "sha256") -> str:
    return f"{url}&digest={Digest.of(body, algorithm)}"


def chunks(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def test_it_says_that_it_lives(service: Service) -> None:
    assert service.send("GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/v2/", "/v2/a/b/manifests/x", "/v2/a/b/blobs/uploads/", "/service/token", "//", "/%00"]
)
def test_other_paths_get_an_oci_error(service: Service, path: str) -> None:
    status, headers, body = service.send("GET", path)
    assert status == 404
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["errors"][0]["code"]


def test_other_methods_get_an_oci_error(registry: Registry, service: Service) -> None:
    status, headers, body = service.send("POST", registry.start())
    assert (status, headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH, PUT")
    assert json.loads(body)["errors"][0]["code"] == "UNSUPPORTED"


@pytest.mark.parametrize("size", [0, 1, MIB, 20 * MIB])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_docker_pushes_one_chunked_patch_and_an_empty_put(
    registry: Registry, service: Service, size: int, algorithm: str
) -> None:
    body, url = content(size), registry.start()
    status, headers, _ = service.send("PATCH", url, iter(chunks(body, 30_000)))
    assert status == 202
    assert headers["range"] == f"0-{max(size - 1, 0)}"
    status, headers, _ = service.send("PUT", closing(headers["location"], body, algorithm))
    assert status == 201
    assert headers["docker-content-digest"] == str(Digest.of(body, algorithm))
    assert registry.blob(Digest.of(body, algorithm)) == body
    assert not registry.multiparts(url)


@pytest.mark.parametrize("size", [0, 1, MIB, 40 * MIB])
def test_containerd_pushes_one_put(registry: Registry, service: Service, size: int) -> None:
    body, url = content(size), registry.start()
    assert service.send("PUT", closing(url, body), body, Authorization="Basic not-a-secret")[0] == 201
    assert registry.blob(Digest.of(body)) == body
    assert not registry.multiparts(url)


def test_chunks_may_go_to_different_processes(registry: Registry, service: Service, other: Service) -> None:
    body, url, at = content(31 * MIB), registry.start(), 0
    for number, size in enumerate([MIB, 6 * MIB, 10, 2 * MIB, 18 * MIB, 3]):
        target = (service, other)[number % 2]
        piece = body[at : at + size]
        status, headers, _ = target.send("PATCH", url, piece, Content_Range=f"{at}-{at + size - 1}")
        at += size
        assert (status, headers["range"]) == (202, f"0-{at - 1}")
    assert other.send("PUT", closing(url, body), body[at:])[0] == 201
    assert registry.blob(Digest.of(body)) == body


def test_of_simultaneous_patches_one_is_accepted(registry: Registry, service: Service, other: Service) -> None:
    for size in (1_000, 7 * MIB, 20 * MIB):
        url, answers = registry.start(), []
        bodies = [content(size + n) for n in range(4)]

        def patch(
            number: int, url: str = url, bodies: list[bytes] = bodies, answers: list[tuple[int, int]] = answers
        ) -> None:
            status, headers, _ = (service, other)[number % 2].send(
                "PATCH", url, bodies[number], Content_Range=f"0-{len(bodies[number]) - 1}"
            )
            assert "location" in headers
            answers.append((status, number))

        threads = [threading.Thread(target=patch, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [bodies[number] for status, number in answers if status == 202]
        assert sorted(status for status, _ in answers) == [202, 416, 416, 416]
        assert service.send("PUT", closing(url, won[0]))[0] == 201
        assert registry.blob(Digest.of(won[0])) == won[0]
        assert not registry.multiparts(url)


def test_a_wrong_digest_is_refused(registry: Registry, service: Service) -> None:
    url = registry.start()
    status, _, body = service.send("PUT", closing(url, b"other"), b"this")
    assert status == 400
    assert json.loads(body)["errors"][0]["code"] == "DIGEST_INVALID"
    assert registry.blob(Digest.of(b"this")) is None
    assert service.send("GET", url)[0] == 404


def test_a_cancelled_upload_is_over(registry: Registry, service: Service) -> None:
    url = registry.start()
    assert service.send("PATCH", url, content(20 * MIB))[0] == 202
    assert service.send("DELETE", url)[0] == 204
    assert service.send("GET", url)[0] == 404
    assert not registry.multiparts(url)


@pytest.mark.parametrize("already", [0, 3 * MIB, 20 * MIB])
def test_killed_in_mid_patch_the_upload_goes_on_where_it_was(
    registry: Registry, service: Service, already: int
) -> None:
    body, url = content(60 * MIB), registry.start()
    if already:
        assert service.send("PATCH", url, body[:already])[0] == 202
    client = service.begin("PATCH", url, len(body) - already, body[already : 50 * MIB])
    service.restart()
    client.close()
    assert service.offset(url) == already
    assert registry.blob(Digest.of(body)) is None
    assert service.send("PATCH", url, body[already:])[0] == 202
    assert service.send("PUT", closing(url, body))[0] == 201
    assert registry.blob(Digest.of(body)) == body


@pytest.mark.parametrize("size", [10, 20 * MIB])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_killed_between_patch_and_put_nothing_is_lost(
    registry: Registry, service: Service, size: int, algorithm: str
) -> None:
    body, url = content(size + 77), registry.start()
    assert service.send("PATCH", url, body[:-3])[0] == 202
    service.restart()
    assert service.offset(url) == len(body) - 3
    assert service.send("PUT", closing(url, body, algorithm), body[-3:])[0] == 201
    assert registry.blob(Digest.of(body, algorithm)) == body


def test_killed_at_any_moment_no_acknowledged_byte_is_lost(registry: Registry, service: Service) -> None:
    """Chunks of all sizes, a process that dies every moment, and a client that goes on from what the service says."""
    choose, body, url, acknowledged = random.Random(), content(64 * MIB), registry.start(), 0
    for _ in range(10):
        size = choose.choice([1_000, MIB, 7 * MIB, 20 * MIB])
        with killed(service, choose.uniform(0, 0.5)):
            status, headers, _ = service.send("PATCH", url, body[acknowledged : acknowledged + size])
            assert status == 202
            acknowledged = int(headers["range"].removeprefix("0-")) + 1
        offset = service.offset(url)
        assert offset >= acknowledged, "acknowledged bytes were lost"
        acknowledged = offset
    if acknowledged < len(body):
        assert service.send("PATCH", url, body[acknowledged:])[0] == 202
    with killed(service, choose.uniform(0, 0.1)):
        service.send("PUT", closing(url, body))
    assert service.send("PUT", closing(url, body))[0] == 201
    assert registry.blob(Digest.of(body)) == body


@contextlib.contextmanager
def killed(service: Service, after_s: float) -> Iterator[None]:
    """The process dies in the middle of what is done here, or a little later, and comes back."""
    killer = threading.Timer(after_s, service.kill)
    killer.start()
    with contextlib.suppress(OSError, HTTPException):
        yield
    killer.join()
    service.start()


@pytest.mark.parametrize("already", [0, 6 * MIB])
def test_a_client_that_hangs_up_leaves_nothing(registry: Registry, service: Service, already: int) -> None:
    body, url = content(50 * MIB), registry.start()
    if already:
        assert service.send("PATCH", url, body[:already])[0] == 202
    client = service.begin("PATCH", url, len(body), body[already : 45 * MIB])
    client.close()
    assert service.settled(url, already)
    deadline = time.monotonic() + 10
    while registry.multiparts(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not registry.multiparts(url)
    assert service.send("PUT", closing(url, body), body[already:])[0] == 201
    assert registry.blob(Digest.of(body)) == body


def test_a_chunked_body_cut_off_is_not_taken_for_the_end(registry: Registry, service: Service) -> None:
    url = registry.start()
    client = service.begin("PATCH", url, 0)
    client.close()
    client = service.begin("GET", url, 0)
    client.close()
    raw = service.begin("GET", "/healthz", 0)
    head = f"PATCH {url.split('5000', 1)[1]} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw.sendall(head.encode() + b"5\r\nhello\r\n5\r\nwor")
    time.sleep(0.2)
    raw.close()
    assert service.settled(url, 0)
    assert service.send("GET", url)[0] == 204


def test_enormous_announcements_cost_no_memory(registry: Registry, service: Service) -> None:
    before = service.memory_mib()
    clients = [service.begin("PATCH", registry.start(), 10 * 1024**3, b"x") for _ in range(20)]
    time.sleep(0.5)
    assert service.memory_mib() - before < 40
    assert service.send("GET", "/healthz")[0] == 200
    body, url = content(MIB), registry.start()
    assert service.send("PUT", closing(url, body), body)[0] == 201
    for client in clients:
        client.close()


def test_nothing_secret_is_logged(registry: Registry, service: Service) -> None:
    url = registry.start()
    service.send("PUT", closing(url, b"x"), b"y", Authorization="Bearer very-secret")
    service.send("GET", url + "%00", Authorization="Bearer very-secret")
    assert "very-secret" not in service.log()
    assert "_state" not in service.log()
    assert "Traceback" not in service.log(), service.log()


@pytest.mark.slow
def test_memory_stays_bounded(registry: Registry, service: Service) -> None:
    """One upload needs at most 150 MiB altogether, eight at once at most 300."""
    service.restart()
    for count, size, limit in [(1, 400 * MIB, 150), (8, 48 * MIB, 300)]:
        bodies = [content(size + n) for n in range(count)]
        urls = [registry.start() for _ in bodies]
        threads = [
            threading.Thread(target=service.send, args=("PUT", closing(url, body), body))
            for url, body in zip(urls, bodies, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(service.send("GET", url)[0] == 404 for url in urls), "an upload did not finish"
        assert service.memory_mib("VmHWM") < limit
