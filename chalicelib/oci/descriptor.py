"""Descriptors: the typed, sized references that manifests are made of.

Source: OCI image-spec 1.1, descriptor.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to some content. `is_foreign` content (it has `urls`) need not be in the registry."""

    media_type: str
    digest: Digest
    size_bytes: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None
    is_foreign: bool = False

    @classmethod
    def parse(cls, value: object, where: str) -> Descriptor:
        """Read a descriptor's JSON. `where` names the place in the error. Raises MANIFEST_INVALID (400)."""
        if not isinstance(value, dict):
            raise _invalid(where, "must be an object")
        media_type, digest, size = value.get("mediaType", ""), value.get("digest"), value.get("size")
        if not isinstance(media_type, str):
            raise _invalid(where, "mediaType must be a string")
        if not isinstance(digest, str):
            raise _invalid(where, "digest is missing")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 63:
            raise _invalid(where, "size is missing or not a number of bytes")
        urls = value.get("urls")
        try:
            parsed = Digest.parse(digest)
        except RegistryError:
            raise _invalid(where, f"{digest[:140]!r} is not a sha256 or sha512 digest") from None
        return cls(media_type, parsed, size, is_foreign=isinstance(urls, list) and bool(urls))

    def listed_bytes(self) -> int:
        """Say how long the descriptor is in a list."""
        return len(json.dumps(self.to_json())) + 2

    def to_json(self) -> dict[str, object]:
        """Render as an index of referrers lists it."""
        value: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size_bytes,
        }
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


def _invalid(where: str, reason: str) -> RegistryError:
    return RegistryError("MANIFEST_INVALID", {"descriptor": where, "reason": reason}, message=f"{where}: {reason}")
