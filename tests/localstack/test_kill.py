"""kill -9 of either process at any moment of a push: what was acknowledged before the last snapshot is there, and the
push can be repeated."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from chalicelib.oci.digest import Digest
from tests import builders
from tests.running import Running, running_registry

pytestmark = pytest.mark.slow

_SNAPSHOT_S = 4
"""Longer than the emulator waits before it saves."""
_TROUBLE = (httpx.HTTPError, ConnectionError)


def image(seed: int) -> tuple[bytes, tuple[bytes, ...]]:
    chance = random.Random(seed)
    layers = tuple(chance.randbytes(size) for size in (1_000, 300_000, 6_000_000, 20_000_000))
    return builders.image(config=b'{"seed": %d}' % seed, layers=layers), (b'{"seed": %d}' % seed, *layers)


def push(registry: Running, name: str, seed: int) -> None:
    content, blobs = image(seed)
    with httpx.Client(base_url=registry.url, auth=(registry.user, registry.password), timeout=60) as client:
        for blob in blobs:
            location = client.post(f"/v2/{name}/blobs/uploads/").raise_for_status().headers["location"]
            half = len(blob) // 2
            location = client.patch(location, content=blob[:half]).raise_for_status().headers["location"]
            put = client.put(f"{location}&digest={Digest.of(blob)}", content=blob[half:])
            assert put.raise_for_status().status_code == 201
        answer = client.put(f"/v2/{name}/manifests/latest", content=content)
        assert answer.raise_for_status().status_code == 201


def assert_pulls(registry: Running, name: str, seed: int) -> None:
    content, blobs = image(seed)
    with httpx.Client(base_url=registry.url, auth=(registry.user, registry.password), timeout=60) as client:
        assert client.get(f"/v2/{name}/manifests/latest").content == content
        for blob in blobs:
            target = client.get(f"/v2/{name}/blobs/{Digest.of(blob)}").headers["location"]
            assert httpx.get(target).content == blob


@pytest.mark.parametrize("victim", ["pid", "emulator_pid"])
@pytest.mark.parametrize("after_s", [0.05, 0.4, 1.0])
def test_a_killed_process_loses_nothing_that_was_saved_and_the_push_can_be_repeated(
    tmp_path: Path, victim: str, after_s: float
) -> None:
    with pytest.raises(AssertionError, match="the registry ended"), running_registry(tmp_path) as registry:
        push(registry, "library/safe", 1)
        time.sleep(_SNAPSHOT_S)
        pid = json.loads((tmp_path / "ready.json").read_text())[victim]
        killer = threading.Timer(after_s, os.kill, (pid, signal.SIGKILL))
        killer.start()
        for seed in range(2, 50):
            try:
                push(registry, "library/cut", seed)
            except _TROUBLE:
                break
        killer.join()
        assert registry.process is not None
        registry.process.wait(30)
        registry.assert_alive()
    (tmp_path / "ready.json").unlink()
    with running_registry(tmp_path) as registry:
        assert_pulls(registry, "library/safe", 1)
        push(registry, "library/cut", seed)
        assert_pulls(registry, "library/cut", seed)
