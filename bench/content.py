"""What is pushed: blobs with digests computed ahead of the measurement, and image manifests over them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
FIVE_LAYERS = (10 * KB, 113 * KB, 5 * MB, 42 * MB, 210 * MB)
SMALL_IMAGE = (1 * MB, 20 * MB, 100 * MB)
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_PATTERN = os.urandom(8 * MB)  # real memory, so that sending it costs what sending a layer costs


@dataclass(frozen=True)
class Blob:
    """Bytes and their digest."""

    content: bytes
    digest: str


@dataclass(frozen=True)
class Image:
    """Layers, config and the manifest's exact bytes."""

    layers: tuple[Blob, ...]
    config: Blob
    manifest: Blob

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (*self.layers, self.config)

    @property
    def size_bytes(self) -> int:
        return sum(len(blob.content) for blob in self.blobs)


def random_blob(size_bytes: int) -> Blob:
    """A blob nobody has pushed before: a unique beginning, then a repeated random pattern."""
    head = os.urandom(min(32, size_bytes))
    rest = size_bytes - len(head)
    return _blob(head + _PATTERN * (rest // len(_PATTERN)) + _PATTERN[: rest % len(_PATTERN)])


def image(layer_sizes: Sequence[int]) -> Image:
    """An image of fresh random layers."""
    layers = tuple(random_blob(size) for size in layer_sizes)
    config = _blob(
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            }
        ).encode()
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer) for layer in layers],
    }
    return Image(layers, config, _blob(json.dumps(manifest, separators=(",", ":")).encode()))


def _blob(content: bytes) -> Blob:
    return Blob(content, "sha256:" + hashlib.sha256(content).hexdigest())


def _descriptor(media_type: str, blob: Blob) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": blob.digest, "size": len(blob.content)}
