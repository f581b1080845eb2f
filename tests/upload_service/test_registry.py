"""The container as the whole of `/v2/`: a load balancer's target, as a process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import RegistryError
from chalicelib.http import Request, Response
from chalicelib.oci.digest import Digest
from tests.client import basic
from tests.upload_service.conftest import Registry
from tests.upload_service.service import Service, environ_of
from upload_service.registry import BODIES_AT_ONCE, BODY_BYTES, RegistryDoor

ADMIN = basic("admin", "a password for nobody")
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="module")
def whole(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    environ = environ_of(registry.settings) | {"MOORAGE_SERVE_REGISTRY": "on", "MOORAGE_PROXIES": "1"}
    service = Service(environ, Path(tmp_path_factory.mktemp("whole"), "log"))
    yield service
    service.kill()


def index(annotation: str = "") -> bytes:
    return json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"a": annotation}}
    ).encode()


def test_a_layer_and_a_manifest_are_pushed_and_pulled_through_it_alone(whole: Service) -> None:
    layer = b"layer" * 1000
    status, headers, _ = whole.send("POST", "/v2/library/whole/blobs/uploads/", Authorization=ADMIN)
    assert status == 202
    url = headers["location"]
    assert whole.send("PATCH", url, iter([layer]))[0] == 202
    assert whole.send("PUT", f"{url}&digest={Digest.of(layer)}")[0] == 201
    assert whole.send("HEAD", f"/v2/library/whole/blobs/{Digest.of(layer)}", Authorization=ADMIN)[0] == 307
    body = index()
    status, headers, _ = whole.send(
        "PUT", "/v2/library/whole/manifests/1", body, Authorization=ADMIN, Content_Type=INDEX
    )
    assert (status, headers["docker-content-digest"]) == (201, str(Digest.of(body)))
    status, headers, got = whole.send("GET", "/v2/library/whole/manifests/1", Authorization=ADMIN)
    assert (status, got) == (200, body)
    status, headers, got = whole.send("HEAD", "/v2/library/whole/manifests/1", Authorization=ADMIN)
    assert (status, headers["content-length"], got) == (200, str(len(body)), b"")


def test_it_makes_the_challenge_itself(whole: Service) -> None:
    status, headers, body = whole.send("GET", "/v2/")
    assert (status, headers["www-authenticate"][:13]) == (401, "Bearer realm=")
    assert json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("path", ["/service/token", "/api/v2.0/projects", "/c/login", "/"])
def test_the_console_is_not_behind_it(whole: Service, path: str) -> None:
    assert whole.send("GET", path, Authorization=ADMIN)[0] == 404


def test_a_manifest_of_four_mebibytes_passes_and_a_larger_one_is_refused(whole: Service) -> None:
    body = index("x" * (4 * 1024 * 1024 - len(index())))
    assert len(body) == 4 * 1024 * 1024
    assert whole.send("PUT", "/v2/library/whole/manifests/big", body, Authorization=ADMIN, Content_Type=INDEX)[0] == 201
    assert whole.send("GET", "/v2/library/whole/manifests/big", Authorization=ADMIN)[2] == body
    status, _, answer = whole.send(
        "PUT", "/v2/library/whole/manifests/big", b"x" * (BODY_BYTES + 1), Authorization=ADMIN, Content_Type=INDEX
    )
    assert (status, json.loads(answer)["errors"][0]["code"]) == (413, "SIZE_INVALID")


@pytest.mark.parametrize("authorization", ["", "Bearer forged", basic("admin", "wrong")])
def test_who_has_no_credential_is_refused_before_the_body_is_read(whole: Service, authorization: str) -> None:
    head = "PUT /v2/library/whole/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n"
    head += f"Authorization: {authorization}\r\n" if authorization else ""
    with whole.raw(head.encode() + b"\r\n") as client:
        begun = time.monotonic()
        assert client.recv(100).startswith(b"HTTP/1.1 401")
        assert time.monotonic() - begun < 10


class Refusing:
    """A registry that answers 401, and says how long the body was."""

    def handle(self, request: Request, *, now: int) -> Response:
        return Response(401, {}, b"%d" % len(request.body))


PUT = Request("PUT", "/v2/library/a/manifests/1", headers={"content-length": ["9"], "authorization": ["Bearer x"]})


async def never() -> MutableMapping[str, Any]:
    """A client that promised a body and sends none."""
    await asyncio.Event().wait()
    return {}


def test_a_token_that_anybody_gets_takes_no_room_for_a_body() -> None:
    door = RegistryDoor(Refusing(), lambda _request, _now: "")
    answer = asyncio.run(asyncio.wait_for(door.answer(PUT, never), 5))
    assert (answer.status, answer.body, answer.headers["Connection"]) == (401, b"0", "close")


def test_who_finds_all_room_for_bodies_taken_is_told_to_come_again() -> None:
    async def crowd() -> RegistryError:
        door = RegistryDoor(Refusing(), lambda _request, _now: "ann", wait_s=0.2)
        slow = [asyncio.create_task(door.answer(PUT, never)) for _ in range(BODIES_AT_ONCE)]
        await asyncio.sleep(0.1)
        try:
            with pytest.raises(RegistryError) as refused:
                await asyncio.wait_for(door.answer(PUT, never), 5)
        finally:
            for one in slow:
                one.cancel()
        return refused.value

    refusal = asyncio.run(crowd())
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "5")
