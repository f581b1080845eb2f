"""The data sets of the official suite: blobs and manifests of every shape that a registry must take."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.wire import INDEX, MANIFEST, Wire, digest_of

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TAR = "application/vnd.oci.image.layer.v1.tar"
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"


@dataclass(frozen=True)
class Document:
    """One manifest or index."""

    body: bytes
    media_type: str = MANIFEST
    algorithm: str = "sha256"

    @property
    def digest(self) -> str:
        """Its digest with its algorithm."""
        return digest_of(self.body, self.algorithm)

    @property
    def subject(self) -> str | None:
        """The digest of its subject."""
        found = json.loads(self.body).get("subject")
        return found["digest"] if found else None

    def as_referrer(self) -> dict[str, Any]:
        """How the referrers API must list it."""
        document = json.loads(self.body)
        artifact_type = document.get("artifactType") or document.get("config", {}).get("mediaType")
        told = {"artifactType": artifact_type, "annotations": document.get("annotations")}
        kept = {name: value for name, value in told.items() if value}
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **kept}


@dataclass(frozen=True)
class Set:
    """What one test pushes: blobs first, then the documents in order. The last one gets the tag."""

    blobs: tuple[bytes, ...]
    documents: tuple[Document, ...]
    algorithm: str = "sha256"
    tags: tuple[str, ...] = field(default=("latest",))

    def push_blobs(self, wire: Wire, name: str) -> None:
        """Push what the documents name."""
        for content in self.blobs:
            wire.push_blob(name, content, self.algorithm)

    def push(self, wire: Wire, name: str) -> None:
        """Push everything."""
        self.push_blobs(wire, name)
        for document in self.documents:
            wire.push_manifest(name, document.digest, document.body, document.media_type)
        for tag in self.tags:
            wire.push_manifest(name, tag, self.documents[-1].body, self.documents[-1].media_type)

    @property
    def top(self) -> Document:
        """The tagged one."""
        return self.documents[-1]


def descriptor(content: bytes, media_type: str, algorithm: str = "sha256", **more: Any) -> dict[str, Any]:
    """A descriptor of some bytes."""
    return {"mediaType": media_type, "digest": digest_of(content, algorithm), "size": len(content), **more}


def manifest(config: bytes, layers: list[dict[str, Any]], algorithm: str = "sha256", **more: Any) -> Document:
    """An image manifest."""
    held = {"config": descriptor(config, CONFIG, algorithm), "layers": layers, **more}
    return Document(json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **held}).encode(), MANIFEST, algorithm)


def artifact(kind: str, layers: list[dict[str, Any]], **more: Any) -> Document:
    """An artifact manifest: an artifactType and the empty config."""
    config = descriptor(EMPTY, EMPTY_TYPE)
    held = {"artifactType": kind, "config": config, "layers": layers or [config], **more}
    return Document(json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **held}).encode())


def index(children: tuple[Document, ...], **more: Any) -> Document:
    """An index."""
    held = [descriptor(child.body, child.media_type) for child in children]
    return Document(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": held, **more}).encode(), INDEX)


def subject(of: Document) -> dict[str, Any]:
    """The member that makes a manifest a referrer."""
    return {"subject": descriptor(of.body, of.media_type)}


def image(media_type: str = LAYER, algorithm: str = "sha256", number: int = 2, **more: Any) -> Set:
    """A config and random layers."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "made": os.urandom(8).hex()}).encode()
    blobs = tuple(os.urandom(512) for _ in range(number))
    held = [descriptor(blob, media_type, algorithm) for blob in blobs]
    return Set((config, *blobs), (manifest(config, held, algorithm, **more),), algorithm)


def large_manifest() -> Set:
    """Close to the 4 MiB that a registry should take."""
    return image(annotations={f"padding.{place}": "x" * 1000 for place in range(3_800)})


def indexed(*members: Set, **more: Any) -> Set:
    """An index over the tops of other sets, with all they hold."""
    blobs = tuple(blob for member in members for blob in member.blobs)
    documents = tuple(document for member in members for document in member.documents)
    return Set(blobs, (*documents, index(tuple(member.top for member in members), **more)))


def artifact_set(**more: Any) -> Set:
    """An artifact with one random layer."""
    content = os.urandom(300)
    return Set((EMPTY, content), (artifact("application/vnd.example.a", [descriptor(content, "text/plain")], **more),))


def artifact_without_layers() -> Set:
    """Config and layer are the same two bytes."""
    return Set((EMPTY,), (artifact("application/vnd.example.b", [], annotations={"id": os.urandom(8).hex()}),))


def with_referrers() -> Set:
    """A subject, an image that refers to it, and two kinds of artifacts; the subject is tagged."""
    target, plain = image(), image()
    annotated = {"annotations": {"org.example.version": "1"}}
    refer = subject(target.top)
    referring = image(**refer)
    one = artifact("application/vnd.example.one", [], **annotated, **refer)
    two = artifact("application/vnd.example.two", [], annotations={"org.example.version": "2"}, **refer)
    blobs = (*target.blobs, *plain.blobs, *referring.blobs, EMPTY)
    return Set(blobs, (*plain.documents, referring.top, one, two, target.top))


def index_with_subject() -> Set:
    """An index that refers to an image, once with and once without an artifactType."""
    target, child = image(), image()
    with_type = index((child.top,), artifactType="application/vnd.example.list", **subject(target.top))
    return Set(
        (*target.blobs, *child.blobs), (target.top, child.top, with_type, index((child.top,), **subject(target.top)))
    )


def missing_subject() -> Set:
    """A referrer whose subject nobody ever pushed."""
    return image(**subject(image().top))


def with_data() -> Set:
    """Descriptors that carry their bytes."""
    config, content = b'{"architecture": "amd64", "os": "linux"}', os.urandom(60)
    held = [descriptor(content, LAYER, data=_base64(content))]
    return Set((config, content), (manifest(config, held),))


def non_distributable() -> Set:
    """Layers that live elsewhere and are never pushed."""
    config, absent = b'{"os": "windows"}' + os.urandom(4).hex().encode(), os.urandom(20)
    held = [descriptor(absent, FOREIGN, urls=["https://example.com/layer"])]
    return Set((config,), (manifest(config, held),))


def custom_fields() -> Set:
    """Members that no specification knows, and a layout of our own."""
    made = image()
    document = {**json.loads(made.top.body), "org.example.custom": {"deep": [1, 2.50, None, "\u00fc"]}}
    body = json.dumps(document, indent=3, ensure_ascii=False).replace("2.5", "2.50").encode() + b"\n"
    return Set(made.blobs, (Document(body),))


def no_layers() -> Set:
    """An image of nothing."""
    return image(number=0)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


SETS: dict[str, Callable[[], Set]] = {
    "image": image,
    "image-uncompressed": lambda: image(TAR),
    "large-manifest": large_manifest,
    "index": lambda: indexed(image(), image()),
    "nested-index": lambda: indexed(indexed(image(), image()), indexed(image())),
    "empty-index": lambda: Set((), (index((), annotations={"id": os.urandom(8).hex()}),)),
    "artifact": artifact_set,
    "artifact-index": lambda: indexed(
        artifact_set(), artifact_without_layers(), artifactType="application/vnd.example.x"
    ),
    "artifact-without-layers": artifact_without_layers,
    "artifacts-with-subject": with_referrers,
    "index-with-subject": index_with_subject,
    "missing-subject": missing_subject,
    "data-field": with_data,
    "non-distributable-layers": non_distributable,
    "custom-fields": custom_fields,
    "no-layers": no_layers,
    "sha512": lambda: image(algorithm="sha512"),
}
