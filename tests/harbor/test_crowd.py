"""Five hundred clients push into one project at the same time, over HTTP: no byte is lost or too many, nobody gets a 5xx."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests import builders
from tests.running import Running, running_registry
from tests.wire import MANIFEST, OCTETS, digest_of

pytestmark = pytest.mark.slow

CLIENTS = 500


@pytest.mark.parametrize("limit", [-1, 300_000])
def test_five_hundred_pushes_at_once_are_charged_to_the_byte(tmp_path: Path, limit: int) -> None:
    with running_registry(tmp_path) as registry:
        pushes, used, listed = asyncio.run(crowd(registry, limit))
    statuses = Counter(status for push in pushes for status in push.statuses)
    assert statuses.keys() <= {201, 403}
    assert used == sum(push.stored_bytes for push in pushes)
    assert listed == sum(push.statuses == [201, 201] for push in pushes)
    if limit < 0:
        assert statuses == {201: 2 * CLIENTS}
    else:
        assert limit - 2_000 < used <= limit, "what is left is less than one more push needs"
        assert statuses[403] > 0


class Push(NamedTuple):
    """What one client was answered, and the bytes it was told are stored."""

    statuses: list[int]
    stored_bytes: int


async def crowd(registry: Running, limit: int) -> tuple[list[Push], int, int]:
    """Push all at once; then what the quota says is used, and how many artifacts there are."""
    project, account = f"crowd-{secrets.token_hex(4)}", (registry.user, registry.password)
    connections = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=registry.url, timeout=120, limits=connections, trust_env=False) as http:
        made = await http.post(
            "/api/v2.0/projects", json={"project_name": project, "storage_limit": limit}, auth=account
        )
        assert made.status_code == 201
        scope = f"/service/token?scope=repository:{project}/app:pull,push"
        token = (await http.get(scope, auth=account)).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        pushes = await asyncio.gather(*(push(http, f"{project}/app", number) for number in range(CLIENTS)))
        del http.headers["Authorization"]
        summary = (await http.get(f"/api/v2.0/projects/{project}/summary", auth=account)).json()
        artifacts = await http.get(f"/api/v2.0/projects/{project}/repositories/app/artifacts", auth=account)
    return list(pushes), int(summary["quota"]["used"]["storage"]), int(artifacts.headers.get("x-total-count", 0))


async def push(http: httpx.AsyncClient, name: str, number: int) -> Push:
    """One blob of 1,000 bytes that nobody else has, and the manifest that names it."""
    blob = f"{number:08}".encode() * 125
    url = f"/v2/{name}/blobs/uploads/?digest={digest_of(blob)}"
    stored = await http.post(url, content=blob, headers=OCTETS)
    if stored.status_code != 201:
        return Push([stored.status_code], 0)
    manifest = builders.image(config=blob, layers=())
    named = await http.put(f"/v2/{name}/manifests/t{number}", content=manifest, headers={"Content-Type": MANIFEST})
    size = len(manifest) if named.status_code == 201 else 0
    return Push([stored.status_code, named.status_code], len(blob) + size)
