"""Real bytes for tests: manifests, indexes and their digests."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import OCI_INDEX, OCI_MANIFEST
from chalicelib.oci.reference import Name, Repository

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = b"{}"


def descriptor(content: bytes, media_type: str = LAYER_TYPE, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content), **more}


def image(config: bytes = EMPTY, layers: tuple[bytes, ...] = (b"layer",), **more: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, CONFIG_TYPE),
        "layers": [descriptor(layer) for layer in layers],
        **more,
    }
    return json.dumps(document).encode()


def index(*manifests: bytes, **more: Any) -> bytes:
    children = [descriptor(manifest, OCI_MANIFEST) for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children, **more}).encode()


def repository(name: str = "team/app", project_id: int = 7) -> Repository:
    return Repository(project_id, Name.parse(name))
