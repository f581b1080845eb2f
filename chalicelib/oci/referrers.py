"""Referrers: the manifests that name a subject. Source: OCI distribution-spec 1.1, "Listing referrers"."""

from __future__ import annotations

import json

from chalicelib.oci.descriptor import Descriptor
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import OCI_INDEX
from chalicelib.oci.ports import ManifestStore, Page
from chalicelib.oci.reference import Repository

PAGE_MAX = 200


class Referrers:
    """The referrers of manifests, whether or not the subject exists."""

    def __init__(self, store: ManifestStore) -> None:
        self._store = store

    def page(
        self, repository: Repository, subject: Digest, *, artifact_type: str | None, after: str | None, limit: int
    ) -> Page[Descriptor]:
        """List referrers in the order of their digests, only of one artifact type if given."""
        limit = min(max(limit, 1), PAGE_MAX)
        return self._store.referrers(repository, subject, artifact_type=artifact_type, after=after, limit=limit)


def render(page: Page[Descriptor]) -> bytes:
    """Render a page as the image index the specification asks for."""
    manifests = [descriptor.to_json() for descriptor in page.items]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
