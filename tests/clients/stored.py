"""What a client has after a pull, read from the files it writes and hashed here, whatever the client says itself."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Pulled:
    """One pulled image. `digest` is None when the client rewrites manifests and so cannot say which it got."""

    digest: str | None
    diff_ids: tuple[str, ...]


def from_layout(folder: Path) -> Pulled:
    """The one image (not index) of an OCI layout; every blob on the way is checked against its name."""
    entry = json.loads((folder / "index.json").read_text())["manifests"][0]
    manifest = json.loads(blob_of(folder, entry["digest"]))
    blob_of(folder, manifest["config"]["digest"])
    return Pulled(entry["digest"], tuple(diff_id(blob_of(folder, one["digest"])) for one in manifest["layers"]))


def layout_contents(folder: Path) -> dict[str, bytes]:
    """Every blob of a layout by its digest, checked; what `index.json` names comes first."""
    top = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
    names = [f"sha256:{path.name}" for path in (folder / "blobs" / "sha256").iterdir()]
    return {name: blob_of(folder, name) for name in (top, *names)}


def from_docker_archive(path: Path) -> Pulled:
    """The one image of a `docker save` file."""
    with tarfile.open(path) as archive:
        listing = json.loads(_member(archive, "manifest.json"))
        return Pulled(None, tuple(diff_id(_member(archive, name)) for name in listing[0]["Layers"]))


def blob_of(folder: Path, digest: str) -> bytes:
    """A blob of a layout; fails when its bytes are not what its name says."""
    content = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest, f"{digest} holds other bytes"
    return content


def diff_id(content: bytes) -> str:
    """The digest of a layer's tar, compressed or not."""
    tar = gzip.decompress(content) if content.startswith(_GZIP) else content
    return f"sha256:{hashlib.sha256(tar).hexdigest()}"


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None, f"{name} is not a file"
    return member.read()
