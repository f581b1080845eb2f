"""Harbor's own Go client, the library that harbor-cli is built on, drives the management API unchanged."""

from __future__ import annotations

import subprocess

import pytest

from tests.clients import images
from tests.clients.conftest import push_over_http
from tests.running import CLIENTS, Running
from tests.wire import Wire

HARBOR_GO = CLIENTS / "harbor_go"


def test_harbors_go_client_finishes_its_tour(registry: Running, admin: Wire, repository: str) -> None:
    if not HARBOR_GO.exists():
        pytest.skip("harbor_go is not here: run make clients (it needs Go)")
    project, _, name = repository.partition("/")
    reference = f"{project}-{name}/nested/{name}:v1"
    push_over_http(admin, images.image(), reference)

    command = [HARBOR_GO, registry.url, registry.user, registry.password, reference]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "done"
    assert "ok copy the artifact" in done.stdout
