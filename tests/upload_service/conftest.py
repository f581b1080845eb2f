"""A provisioned registry and upload services on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.oci.digest import Digest
from tests.builders import repository
from tests.upload_service.service import Service, environ_of

REPOSITORY = repository()


class Registry:
    """What a client and the registry's Lambda would do around the upload service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._wired = bootstrap.wire(settings)

    def start(self) -> str:
        return bootstrap.uploads(self.settings).start(REPOSITORY, "ada", now=int(time.time())).location

    def blob(self, digest: Digest) -> bytes | None:
        link = bootstrap.DynamoBlobs(self._wired.table).link(REPOSITORY, digest)
        if link is None:
            return None
        content = self._wired.objects.get(link.key)
        assert len(content) == link.size_bytes
        return content

    def multiparts(self, url: str) -> list[tuple[str, str]]:
        upload_id = url.split("?", maxsplit=1)[0].rpartition("/")[2]
        found = self._wired.objects.abandoned_multiparts(int(time.time()) + 60)
        return [(key, multipart_id) for key, multipart_id in found if upload_id in key]


@pytest.fixture(scope="session")
def registry(aws_endpoint: str) -> Registry:
    settings = Settings.from_environ(
        {"AWS_ENDPOINT_URL": aws_endpoint, "MOORAGE_TABLE": "uploads", "MOORAGE_BUCKET": "uploads"}
    )
    bootstrap.provision(settings, "a password for nobody", now=int(time.time()))
    return Registry(settings)


@pytest.fixture(scope="session")
def _services(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    folder = tmp_path_factory.mktemp("services")
    services = [Service(environ_of(registry.settings), Path(folder, f"{n}.log")) for n in range(2)]
    yield services
    for service in services:
        service.kill()


@pytest.fixture
def service(_services: list[Service]) -> Service:
    """A running service."""
    if _services[0].process.poll() is not None:
        _services[0].start()
    return _services[0]


@pytest.fixture
def other(_services: list[Service]) -> Service:
    """Another one on the same registry."""
    return _services[1]
