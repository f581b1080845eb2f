"""Images made from nothing: a static busybox, random layers, and the files that clients load them from."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.wire import INDEX, MANIFEST, digest_of

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_REF_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class Layer:
    """One layer: the tar that a runtime unpacks, and the gzip that travels."""

    tar: bytes
    blob: bytes

    @property
    def diff_id(self) -> str:
        """The digest of the tar; it stays the same however a client compresses."""
        return digest_of(self.tar)


@dataclass(frozen=True)
class Image:
    """An image manifest with its config and layers."""

    layers: tuple[Layer, ...]
    architecture: str
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest_of(self.manifest)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """What every client must give back, layer by layer."""
        return tuple(layer.diff_id for layer in self.layers)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """Everything but the manifest, the config first."""
        return (self.config, *(layer.blob for layer in self.layers))


@dataclass(frozen=True)
class Index:
    """A multi-platform index with its images."""

    images: tuple[Image, ...]
    document: bytes

    @property
    def digest(self) -> str:
        """The index's digest."""
        return digest_of(self.document)


def layer(size_bytes: int, *, with_busybox: bool = False) -> Layer:
    """A layer of random bytes, so that no two tests share one."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, f"data/{os.urandom(8).hex()}", os.urandom(size_bytes), 0o644)
        busybox = shutil.which("busybox")
        if with_busybox and busybox:
            _add(archive, "bin/busybox", Path(busybox).read_bytes(), 0o755)
    tar = held.getvalue()
    return Layer(tar, gzip.compress(tar, compresslevel=1, mtime=0))


def image(
    sizes: tuple[int, ...] = (3_000, 150_000), *, architecture: str = "amd64", with_busybox: bool = True, **more: Any
) -> Image:
    """An image with one random layer per size, the first one with a busybox in it. `more` goes into the manifest."""
    made = tuple(layer(size, with_busybox=with_busybox and place == 0) for place, size in enumerate(sizes))
    return of_layers(made, architecture, **more)


def of_layers(layers: tuple[Layer, ...], architecture: str = "amd64", **more: Any) -> Image:
    """An image of given layers."""
    config = _config([one.diff_id for one in layers], architecture)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(one.blob, LAYER) for one in layers],
        **more,
    }
    return Image(layers, architecture, config, json.dumps(manifest).encode())


def index(*images: Image) -> Index:
    """An index over images of different platforms."""
    children = [
        {**descriptor(one.manifest, MANIFEST), "platform": {"os": "linux", "architecture": one.architecture}}
        for one in images
    ]
    return Index(images, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}).encode())


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    """The descriptor of some bytes."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def write_layout(folder: Path, what: Image | Index, tag: str = "latest", image_name: str = "") -> Path:
    """An OCI image layout that holds one tagged image or index. `image_name` is for containerd, which wants it whole."""
    images = what.images if isinstance(what, Index) else (what,)
    top = what.document if isinstance(what, Index) else what.manifest
    for one in images:
        for content in (*one.blobs, one.manifest):
            _write_blob(folder, content)
    _write_blob(folder, top)
    entry = descriptor(top, INDEX if isinstance(what, Index) else MANIFEST)
    entry["annotations"] = {_REF_NAME: tag} | ({_CONTAINERD_NAME: image_name} if image_name else {})
    _write_index(folder, entry)
    return folder


def write_layout_archive(path: Path, what: Image | Index, image_name: str) -> Path:
    """The same as a tar file."""
    folder = write_layout(path.with_suffix(".layout"), what, image_name=image_name)
    with tarfile.open(path, "w") as archive:
        archive.add(folder, arcname=".")
    return path


def write_docker_archive(path: Path, what: Image, reference: str) -> Path:
    """What `docker save` writes and `docker load` reads."""
    names = [f"{one.diff_id[7:]}.tar" for one in what.layers]
    listing = [{"Config": "config.json", "RepoTags": [reference], "Layers": names}]
    with tarfile.open(path, "w") as archive:
        _add(archive, "config.json", what.config, 0o644)
        for name, one in zip(names, what.layers, strict=True):
            _add(archive, name, one.tar, 0o644)
        _add(archive, "manifest.json", json.dumps(listing).encode(), 0o644)
    return path


def write_huge_layout(folder: Path, size_bytes: int) -> tuple[Path, str]:
    """A layout whose one layer has about this size, written without holding it; returns it with the layer's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    tar_hash, blob_hash, blob_size = hashlib.sha256(), hashlib.sha256(), 0
    # Level 0: a gzip that costs nothing to make or to read, so that the time goes into the registry.
    deflate = zlib.compressobj(0, zlib.DEFLATED, 31)
    with (blobs / "huge").open("wb") as out:
        for chunk in _huge_tar(size_bytes):
            tar_hash.update(chunk)
            blob_size += _put(out, blob_hash, deflate.compress(chunk))
        blob_size += _put(out, blob_hash, deflate.flush())
    (blobs / "huge").rename(blobs / blob_hash.hexdigest())
    config = _config([f"sha256:{tar_hash.hexdigest()}"], "amd64")
    digest = f"sha256:{blob_hash.hexdigest()}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(config, CONFIG),
            "layers": [{"mediaType": LAYER, "digest": digest, "size": blob_size}],
        }
    ).encode()
    _write_blob(folder, config)
    _write_blob(folder, manifest)
    _write_index(folder, {**descriptor(manifest, MANIFEST), "annotations": {_REF_NAME: "latest"}})
    return folder, digest


def _huge_tar(size_bytes: int) -> Iterator[bytes]:
    header = tarfile.TarInfo("data/huge")
    header.size = size_bytes
    yield header.tobuf(tarfile.USTAR_FORMAT)
    block = os.urandom(1 << 20)
    for start in range(0, size_bytes, len(block)):
        # The counter in front keeps the blocks different: a store that loses or repeats one is found out.
        yield (start.to_bytes(8, "big") + block[8:])[: size_bytes - start]
    yield bytes(-size_bytes % 512 + 1024)


def _put(out: BinaryIO, blob_hash: Any, chunk: bytes) -> int:
    blob_hash.update(chunk)
    return out.write(chunk)


def _config(diff_ids: list[str], architecture: str) -> bytes:
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {"Cmd": ["/bin/busybox", "echo", "moorage"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [
            {"created": "2026-01-01T00:00:00Z", "created_by": f"layer {place}"} for place in range(len(diff_ids))
        ],
    }
    return json.dumps(document).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _write_blob(folder: Path, content: bytes) -> None:
    path = folder / "blobs" / "sha256" / digest_of(content)[7:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _write_index(folder: Path, entry: dict[str, Any]) -> None:
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}))
