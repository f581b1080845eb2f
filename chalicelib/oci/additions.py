"""What is told about an artifact from the inside of its blobs: attributes, build history, a chart's files. Pure; hostile input.

Source: Harbor `src/controller/artifact/processor` (what each type has), OCI image-spec 1.1 config.md, Helm's chart archive (a
gzipped tar of `<chart>/values.yaml`, `<chart>/README.md`, ...) whose config blob is Chart.yaml as JSON, dependencies included.
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from gzip import GzipFile
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.oci.artifact import CHART, IMAGE, SBOM

BUILD_HISTORY, VALUES, README, DEPENDENCIES, SBOM_DOCUMENT = "build_history", "values.yaml", "readme.md", "dependencies", "sbom"
CONFIG_BYTES = 4 * 1024 * 1024
"""Larger configs are not read; real ones have some tens of KiB."""
CHART_BYTES = 16 * 1024 * 1024
"""Larger chart archives are not opened."""
FILE_BYTES = 4 * 1024 * 1024
"""Longer files do not fit into an answer of Lambda."""
UNPACKED_BYTES = 64 * 1024 * 1024
"""How much of an archive is unpacked while looking for a file; Helm itself unpacks 100 MiB."""
MEMBERS = 10_000
"""How many files of an archive are looked at."""
CHART_TYPES = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")
"""Media types of the layer that is the chart; the other one is its provenance."""
CONTENT_TYPES: Mapping[str, str] = {
    BUILD_HISTORY: "application/json; charset=utf-8",
    VALUES: "text/plain; charset=utf-8",
    README: "text/markdown; charset=utf-8",
    DEPENDENCIES: "application/json; charset=utf-8",
    SBOM_DOCUMENT: "application/vnd.goharbor.harbor.sbom.v1",
}

_AUTHORS = ("org.opencontainers.image.authors", "maintainer")
_BROKEN = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, RecursionError)
"""What `tarfile` and `gzip` raise for what is no archive."""


def of_type(artifact_type: str, *, is_index: bool) -> Sequence[str]:
    """Say which additions an artifact has, by Harbor's type of it."""
    if artifact_type == CHART:
        return (VALUES, README, DEPENDENCIES)
    if artifact_type == SBOM:
        return (SBOM_DOCUMENT,)
    return (BUILD_HISTORY,) if artifact_type == IMAGE and not is_index else ()


def attributes(artifact_type: str, config: bytes) -> Mapping[str, Any]:
    """Read an artifact's attributes from its config: of an image some, of everything else all. A config that is no JSON object
    has none."""
    document = _object(config)
    if artifact_type != IMAGE:
        return document
    inner = document.get("config")
    return {
        "architecture": _text(document.get("architecture")),
        "author": _author(document),
        "config": inner if isinstance(inner, dict) else {},
        "created": document.get("created") if isinstance(document.get("created"), str) else None,
        "os": _text(document.get("os")),
    }


def build_history(config: bytes) -> bytes:
    """Take an image's build history, as JSON; null when it says none, as Harbor does."""
    history = _object(config).get("history")
    return json.dumps(history if isinstance(history, list) else None).encode()


def dependencies(config: bytes) -> bytes:
    """Take a chart's dependencies, as JSON."""
    found = _object(config).get("dependencies")
    return json.dumps(found if isinstance(found, list) else []).encode()


def chart_file(archive: bytes, name: str) -> bytes:
    """Take a file out of a chart's top folder, whatever the case of its name; empty when there is none, as in Harbor.

    Nothing is written anywhere and no path is followed. Stops after `UNPACKED_BYTES` and `MEMBERS`. Raises BAD_REQUEST when the
    archive is none, or the file is longer than `FILE_BYTES`."""
    try:
        with tarfile.open(fileobj=_Bounded(archive), mode="r|", errorlevel=2) as tar:
            for number, member in enumerate(tar):
                if number >= MEMBERS:
                    break
                if member.isreg() and _is_top_file(member.name, name):
                    return _content(tar, member, name)
    except _BROKEN:
        raise RegistryError("BAD_REQUEST", message="the chart's archive cannot be read") from None
    return b""


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    if member.size > FILE_BYTES:
        raise RegistryError("BAD_REQUEST", message=f"the chart's {name} is larger than {FILE_BYTES} bytes")
    file = tar.extractfile(member)
    return b"" if file is None else file.read(FILE_BYTES)


def _is_top_file(path: str, name: str) -> bool:
    folder, slash, file = path.removeprefix("./").partition("/")
    return bool(slash) and folder not in ("", "..", ".") and file.lower() == name


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a gzip file, up to `UNPACKED_BYTES`. Raises ValueError after them."""

    def __init__(self, packed: bytes) -> None:
        super().__init__()
        self._file, self._left = GzipFile(fileobj=io.BytesIO(packed)), UNPACKED_BYTES

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError("the archive is too large")
        return found


def _author(document: Mapping[str, Any]) -> str:
    """The author, or who a label names: `MAINTAINER` of a Dockerfile became a label."""
    inner = document.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    named = [labels.get(name) for name in _AUTHORS] if isinstance(labels, dict) else []
    return next((text for text in map(_text, (document.get("author"), *named)) if text), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
