"""kill -9 of Lambda's workers and of the upload service in mid-push: what was acknowledged is there, and is right."""

from __future__ import annotations

import random
import secrets
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import psutil
import pytest

from tests import builders
from tests.deploy.conftest import Deployment
from tests.wire import ACCEPT, MANIFEST, OCTETS, Answer, Wire, digest_of, with_query

MIB = 1024 * 1024
_TROUBLE = (httpx.HTTPError, ConnectionError)
_PUSHERS = 3
_SECONDS = 12.0


@dataclass
class Acknowledged:
    """What the registry said that it has: bytes by place."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    failures: int = 0


class Client:
    """Pushes as a client does that tries again, and remembers what was answered with 201."""

    def __init__(self, deployment: Deployment, name: str, until: float) -> None:
        self.wire = Wire(deployment.url, (deployment.user, deployment.password))
        self.name, self.until, self.seen = name, until, Acknowledged()

    def push_images(self) -> Acknowledged:
        """Push one image after the other until the time is over."""
        while time.monotonic() < self.until:
            self._push_image(secrets.token_hex(4))
        self.wire._http.close()
        return self.seen

    def _push_image(self, tag: str) -> None:
        config, layers = secrets.token_bytes(200), (secrets.token_bytes(3000), secrets.token_bytes(6 * MIB))
        for content in (config, *layers):
            if not self._until_created(lambda content=content: self._push_blob(content)):  # type: ignore[misc]
                return
            self.seen.blobs[self.name, digest_of(content)] = content
        manifest = builders.image(config=config, layers=layers)
        path = f"/v2/{self.name}/manifests/{tag}"
        if self._until_created(lambda: self.wire.put(path, {"Content-Type": MANIFEST}, manifest)):
            self.seen.manifests[self.name, tag] = manifest

    def _push_blob(self, content: bytes) -> Answer:
        location = self.wire.start_upload(self.name)
        half = len(content) // 2
        patched = self.wire.raw("PATCH", location, OCTETS, content[:half])
        if patched.status != 202:
            return patched
        return self.wire.raw("PUT", with_query(patched.location, digest=digest_of(content)), OCTETS, content[half:])

    def _until_created(self, attempt: Callable[[], Answer]) -> bool:
        for _ in range(40):
            try:
                answer = attempt()
            except (*_TROUBLE, AssertionError):  # AssertionError: no upload session, no token
                self.seen.failures += 1
            else:
                if answer.status == 201:
                    return True
                assert answer.status >= 500 or answer.status == 404, f"a kill is no client's fault: {answer}"
                self.seen.failures += 1
            time.sleep(0.2)
        raise AssertionError("forty attempts failed")


def kill_now_and_then(victims: Callable[[], list[psutil.Process]], until: float, pause_s: float) -> int:
    """Kill one of the victims again and again; says how many died."""
    killed, chance = 0, random.Random(5)
    while time.monotonic() < until:
        time.sleep(pause_s * chance.uniform(0.5, 1.5))
        try:
            chance.choice(victims()).send_signal(signal.SIGKILL)
        except (IndexError, StopIteration, psutil.Error):
            continue
        killed += 1
    return killed


def assert_all_there(deployment: Deployment, seen: Acknowledged) -> None:
    with Wire(deployment.url, (deployment.user, deployment.password)) as wire:
        for (name, digest), content in seen.blobs.items():
            got = wire.get(f"/v2/{name}/blobs/{digest}")
            assert (got.status, digest_of(got.body)) == (200, digest), (
                f"{name} {digest} {len(content)} bytes: {got.status}"
            )
        for (name, tag), content in seen.manifests.items():
            assert wire.get(f"/v2/{name}/manifests/{tag}", ACCEPT).body == content


@pytest.mark.parametrize("what", ["workers", "upload service"])
def test_pushes_go_on_and_lose_nothing_while_something_is_killed(deployment: Deployment, what: str) -> None:
    victims = {"workers": deployment.workers, "upload service": lambda: [deployment.upload_service()]}[what]
    pause_s = {"workers": 0.4, "upload service": 3.0}[what]
    until = time.monotonic() + _SECONDS
    with ThreadPoolExecutor(_PUSHERS + 1) as pool:
        killing = pool.submit(kill_now_and_then, victims, until, pause_s)
        clients = [Client(deployment, f"kills/{secrets.token_hex(4)}", until) for _ in range(_PUSHERS)]
        pushing = [pool.submit(client.push_images) for client in clients]
        everything = [push.result(timeout=300) for push in pushing]
        killed = killing.result()
    assert killed >= 3
    assert sum(seen.failures for seen in everything) > 0, "no kill met a push: this test showed nothing"
    assert sum(len(seen.manifests) for seen in everything) > 0
    for seen in everything:
        assert_all_there(deployment, seen)


def test_bytes_that_were_acknowledged_survive_the_upload_service(
    admin: Wire, deployment: Deployment, repository: str
) -> None:
    content = secrets.token_bytes(13 * MIB + 17)
    first, second = 6 * MIB + 5, 7 * MIB + 11
    patched = admin.raw("PATCH", admin.start_upload(repository), OCTETS, content[:first])
    assert (patched.status, patched.headers["range"]) == (202, f"0-{first - 1}")
    kill_upload_service(deployment)
    patched = admin.raw("PATCH", patched.location, OCTETS, content[first:second])
    assert (patched.status, patched.headers["range"]) == (202, f"0-{second - 1}")
    kill_upload_service(deployment)
    state = admin.raw("GET", patched.location)
    assert (state.status, state.headers["range"]) == (204, f"0-{second - 1}")
    put = admin.raw("PUT", with_query(state.location, digest=digest_of(content)), OCTETS, content[second:])
    assert put.status == 201, put
    assert admin.get(f"/v2/{repository}/blobs/{digest_of(content)}").body == content


def test_a_chunk_that_was_cut_off_is_sent_again_from_where_the_service_says(
    admin: Wire, deployment: Deployment, repository: str
) -> None:
    content = secrets.token_bytes(12 * MIB)
    location = admin.start_upload(repository)
    location = admin.raw("PATCH", location, OCTETS, content[:1000]).location
    began = threading.Event()

    def slowly() -> object:
        for start in range(1000, len(content), MIB):
            yield content[start : start + MIB]
            if start > 8 * MIB:
                began.set()
                time.sleep(0.5)

    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(admin.raw, "PATCH", location, OCTETS, slowly())
        assert began.wait(60)
        kill_upload_service(deployment)
        with pytest.raises(_TROUBLE):
            cut.result(60)
    state = admin.raw("GET", location)
    assert state.status == 204, state
    offset = int(state.headers["range"].split("-")[1]) + 1
    assert offset >= 1000
    put = admin.raw("PUT", with_query(state.location, digest=digest_of(content)), OCTETS, content[offset:])
    assert put.status == 201, put
    assert admin.get(f"/v2/{repository}/blobs/{digest_of(content)}").body == content


def kill_upload_service(deployment: Deployment) -> None:
    """Kill it, and wait until ECS, which is played here, has started it again."""
    victim = deployment.upload_service()
    victim.send_signal(signal.SIGKILL)
    address, deadline = deployment.outputs["upload_url"], time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the upload service was not started again")
