"""Artifacts to ask Harbor's API about: pushed over `/v2/`, as clients do."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import uuid
from collections.abc import Mapping
from typing import Any

from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import OCI_INDEX, OCI_MANIFEST
from tests import builders
from tests.client import Client

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
COSIGN = "application/vnd.dev.cosign.artifact.sig.v1+json"


def unique(prefix: str = "r") -> str:
    return f"{prefix}{uuid.uuid4().hex[:10]}"


def config(**more: Any) -> bytes:
    """An image's config; no two are the same."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-05-01T10:00:00Z",
        "author": "Ann",
        "config": {"Env": ["A=1"], "Labels": {"x": "y"}},
        "history": [{"created_by": "RUN true", "empty_layer": True}],
        "nonce": uuid.uuid4().hex,
    }
    return json.dumps(document | more).encode()


def put(client: Client, name: str, reference: object, content: bytes) -> Digest:
    answer = client.send("PUT", f"/v2/{name}/manifests/{reference}", content)
    assert answer.status == 201, answer
    return Digest.of(content)


def blob(client: Client, name: str, content: bytes) -> None:
    assert client.push_blob(name, content, Digest.of(content)).status == 201


def image(client: Client, name: str, *tags: str, of: bytes | None = None, **more: Any) -> Digest:
    """An image that is like no other; without a tag when none is given."""
    made = config() if of is None else of
    blob(client, name, made)
    blob(client, name, b"layer")
    content = builders.image(config=made, **more)
    for tag in tags or (Digest.of(content),):
        put(client, name, tag, content)
    return Digest.of(content)


def index(client: Client, name: str, tag: str, children: Mapping[Digest, Mapping[str, str]]) -> Digest:
    """An index of images that are there, by platform."""
    entries = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(digest),
            "size": len(client.get(f"/v2/{name}/manifests/{digest}").body),
            "platform": dict(platform),
        }
        for digest, platform in children.items()
    ]
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return put(client, name, tag, content)


def accessory(client: Client, name: str, subject: Digest, kind: str = COSIGN) -> Digest:
    """Something that names an artifact as its subject."""
    blob(client, name, builders.EMPTY)
    payload = uuid.uuid4().bytes
    blob(client, name, payload)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": builders.descriptor(builders.EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [builders.descriptor(payload, "application/octet-stream")],
        "subject": {
            "mediaType": OCI_MANIFEST,
            "digest": str(subject),
            "size": len(client.get(f"/v2/{name}/manifests/{subject}").body),
        },
    }
    content = json.dumps(document).encode()
    return put(client, name, Digest.of(content), content)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A chart's archive."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(target.getvalue(), mtime=0)


def chart(client: Client, name: str, tag: str, packed: bytes, **metadata: Any) -> Digest:
    """A Helm chart."""
    made = json.dumps({"name": "chart", "version": "1.0.0", "apiVersion": "v2", **metadata}).encode()
    blob(client, name, made)
    blob(client, name, packed)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": builders.descriptor(made, HELM_CONFIG),
        "layers": [builders.descriptor(packed, HELM_CHART)],
    }
    return put(client, name, tag, json.dumps(document).encode())
