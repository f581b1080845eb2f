"""Clients that send layers to the registry's own host only: where they are led when the upload service has another one."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.oci.client import stays_on_host
from chalicelib.oci.digest import Digest
from tests.client import Client, basic

REGISTRY, UPLOADS = "https://registry.example.com", "https://uploads.example.net"


@pytest.fixture(scope="module")
def client(settings: Settings) -> Client:
    apart = replace(settings, public_url=REGISTRY, upload_url=UPLOADS)
    bootstrap.provision(apart, "admin-secret", now=int(time.time()))
    return Client(bootstrap.registry(apart), basic("admin", "admin-secret"))


@pytest.mark.parametrize(
    ("user_agent", "host"),
    [
        ("oras/1.3.6", REGISTRY), ("oras/1.3.0+unreleased", REGISTRY), ("oras/2.0.0", REGISTRY), ("oras-go", REGISTRY),
        ("Helm/4.0.1", REGISTRY), ("oras/1.2.3", UPLOADS), ("oras/0.16.0", UPLOADS), ("docker/29.0.0 go/go1.26", UPLOADS),
        ("containers/5.36 oras/1.3", UPLOADS), ("", UPLOADS),
    ],
)  # fmt: skip
def test_an_upload_begins_where_the_client_goes(client: Client, user_agent: str, host: str) -> None:
    answer = client.send("POST", "/v2/library/stays/blobs/uploads/", user_agent=user_agent)
    assert (answer.status, answer.headers["location"].partition("/v2/")[0]) == (202, host)


def test_who_stays_pushes_through_the_registry_itself(client: Client) -> None:
    content = b"a chart" * 1000
    location = client.send("POST", "/v2/library/stays/blobs/uploads/", user_agent="Helm/4.0.1").headers["location"]
    target = f"{location.removeprefix(REGISTRY)}&digest={Digest.of(content)}"
    assert client.send("PUT", target, content, content_length=str(len(content))).status == 201
    assert client.send("HEAD", f"/v2/library/stays/blobs/{Digest.of(content)}").status == 307
    media_type = "application/vnd.oci.image.manifest.v1+json"
    blob = {"mediaType": "application/octet-stream", "digest": str(Digest.of(content)), "size": len(content)}
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": blob, "layers": [blob]}
    body = json.dumps(manifest).encode()
    assert client.send("PUT", "/v2/library/stays/manifests/1", body, content_type=media_type).status == 201


@given(st.text(max_size=60) | st.from_regex(r"oras/[0-9]{1,30}\.[0-9]{1,30}.*", fullmatch=True))
def test_any_name_is_judged(user_agent: str) -> None:
    assert stays_on_host(user_agent) in (True, False)
