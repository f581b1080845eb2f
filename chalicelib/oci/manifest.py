"""Manifests and indexes: parse what was pushed, keep its bytes, and say what it refers to.

Source: OCI image-spec 1.1, manifest.md and image-index.md; Docker "Image Manifest V2, Schema 2". Bytes are never rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MAX_BYTES = 4 * 1024 * 1024
MAX_DESCRIPTORS = 5000
"""More than any real image has; keeps the reads of one PUT bounded."""

_FOREIGN_TYPES = ("nondistributable", "foreign")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest or index beside its exact bytes."""

    digest: Digest
    media_type: str
    content: bytes
    blobs: Sequence[Descriptor]
    """Config and layers."""
    manifests: Sequence[Descriptor]
    """What an index lists."""
    subject: Descriptor | None
    artifact_type: str | None
    annotations: Mapping[str, str] | None

    @property
    def required_blobs(self) -> list[Descriptor]:
        """The blobs the registry must have; foreign layers may live elsewhere."""
        return [blob for blob in self.blobs if not (blob.is_foreign or _is_foreign(blob.media_type))]

    def descriptor(self) -> Descriptor:
        """Describe this manifest as a list of referrers does."""
        return Descriptor(
            self.media_type, self.digest, len(self.content), self.artifact_type, self.annotations or None
        )


def is_manifest_type(media_type: str) -> bool:
    """Say whether content of this type is stored as a manifest."""
    return media_type in MANIFEST_TYPES or media_type in INDEX_TYPES


def parse_manifest(content: bytes, content_type: str | None, digest: Digest) -> Manifest:
    """Read a pushed manifest. `content_type` is the request's header, parameters ignored; `digest` names the bytes.
    Raises TOO_LARGE (413) above 4 MiB and MANIFEST_INVALID (400)."""
    if len(content) > MAX_BYTES:
        raise RegistryError("TOO_LARGE", {"limit_bytes": MAX_BYTES}, message="a manifest may have 4 MiB at most")
    document = _load(content)
    if document.get("schemaVersion") != 2 or isinstance(document.get("schemaVersion"), bool):
        raise _invalid("schemaVersion must be 2; Docker schema 1 is not supported")
    media_type = _media_type(document, content_type)
    artifact_type = _text(document, "artifactType")
    annotations = _annotations(document.get("annotations"))
    subject = document.get("subject")
    parsed_subject = None if subject is None else Descriptor.parse(subject, "subject")
    if media_type in INDEX_TYPES:
        children = _descriptors(document, "manifests", is_required=True)
        return Manifest(digest, media_type, content, (), children, parsed_subject, artifact_type, annotations)
    config = Descriptor.parse(document.get("config"), "config")
    blobs = [config, *_descriptors(document, "layers", is_required=False)]
    return Manifest(
        digest, media_type, content, blobs, (), parsed_subject, artifact_type or config.media_type or None, annotations
    )


def _load(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _invalid("the body is not JSON") from None
    if not isinstance(document, dict):
        raise _invalid("the body is not a JSON object")
    return document


def _media_type(document: Mapping[str, Any], content_type: str | None) -> str:
    """The header and the body's mediaType must agree; either alone decides, and without both the shape does."""
    header = (content_type or "").partition(";")[0].strip().lower()
    if header in ("application/json", "application/octet-stream"):
        header = ""
    inside = _text(document, "mediaType")
    if header and inside and header != inside.lower():
        raise _invalid(f"Content-Type {header!r} is not the manifest's mediaType {inside!r}")
    media_type = inside or header or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if not is_manifest_type(media_type):
        raise _invalid(f"{media_type[:200]!r} is not a manifest type; artifacts use {OCI_MANIFEST} with artifactType")
    return media_type


def _descriptors(document: Mapping[str, Any], member: str, *, is_required: bool) -> list[Descriptor]:
    values = document.get(member)
    if values is None and not is_required:
        return []
    if not isinstance(values, list):
        raise _invalid(f"{member} must be a list")
    if len(values) > MAX_DESCRIPTORS:
        raise _invalid(f"{member} has more than {MAX_DESCRIPTORS} entries")
    return [Descriptor.parse(value, f"{member}[{index}]") for index, value in enumerate(values)]


def _text(document: Mapping[str, Any], member: str) -> str | None:
    value = document.get(member)
    if value is not None and not isinstance(value, str):
        raise _invalid(f"{member} must be a string")
    return value or None


def _annotations(value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _invalid("annotations must map strings to strings")
    return value


def _is_foreign(media_type: str) -> bool:
    return any(word in media_type for word in _FOREIGN_TYPES)


def _invalid(reason: str) -> RegistryError:
    return RegistryError("MANIFEST_INVALID", {"reason": reason}, message=f"manifest invalid: {reason}")
