"""What a manifest says that Harbor's API tells beside its blobs: annotations, and what an index refers to. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import Manifest


class Reference(NamedTuple):
    """A manifest that an index names. Source: OCI image-spec 1.1, image-index.md."""

    digest: Digest
    platform: Mapping[str, Any]
    annotations: Mapping[str, str]
    urls: Sequence[str]


def references(manifest: Manifest) -> Sequence[Reference]:
    """Read what an index names, in its order."""
    if not manifest.manifests:
        return ()
    entries = json.loads(manifest.content)["manifests"]
    return [
        Reference(
            descriptor.digest,
            _platform(entry.get("platform")),
            _texts(entry.get("annotations")),
            [url for url in entry.get("urls") or () if isinstance(url, str)] if descriptor.is_foreign else [],
        )
        for descriptor, entry in zip(manifest.manifests, entries, strict=True)
    ]


def _platform(value: object) -> Mapping[str, Any]:
    """Members of the wrong type are left out: nobody checked them when the index was pushed."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, Any] = {
        name: value[name] for name in ("architecture", "os", "os.version", "variant") if isinstance(value.get(name), str)
    }
    features = value.get("os.features")
    if isinstance(features, list):
        found["os.features"] = [feature for feature in features if isinstance(feature, str)]
    return found


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}
