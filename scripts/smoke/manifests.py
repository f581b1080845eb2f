"""Manifests: byte-exact, with the right lengths on HEAD, up to 4 MiB."""

from __future__ import annotations

from scripts.smoke.check import Suite
from scripts.smoke.registry import MANIFEST, MIB, TAG, Registry, digest_of, said
from scripts.smoke.report import demand
from scripts.smoke.wire import Answer

SUITE = Suite()
_MANY = (
    MANIFEST,
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/json",
)


@SUITE.check("manifest", "a manifest comes back byte for byte, by tag and by digest, with its type and digest")
def manifest(registry: Registry) -> str:
    """Demand it of a small one."""
    image = registry.image
    for reference in (TAG, image.digest):
        _demand_same(_get(registry, reference), image.manifest)
    return f"{len(image.manifest)} bytes by tag and by digest"


@SUITE.check("manifest-head", "HEAD of a manifest tells its length, or clients write broken images and cannot pull")
def manifest_head(registry: Registry) -> str:
    """Demand it by tag and by digest."""
    image = registry.image
    for reference in (TAG, image.digest):
        _demand_head(registry, reference, image.manifest)
    return f"Content-Length {len(image.manifest)}"


@SUITE.check("manifest-4-mib", "a manifest of 4 MiB, the size the specification asks for, passes both ways")
def manifest_4_mib(registry: Registry) -> str:
    """Demand it through API Gateway and Lambda, whose limit of 6 MiB counts base64 and JSON too."""
    large = _padded(registry, 4 * MIB)
    answer = registry.put_manifest("large", large)
    demand(answer.status == 201, f"PUT of {len(large)} bytes {said(answer)}, wanted 201")
    _demand_same(_get(registry, "large"), large)
    _demand_head(registry, "large", large)
    return f"{len(large)} bytes pushed, pulled, and told by HEAD"


@SUITE.check("manifest-over-4-mib", "one byte more is refused with 413")
def manifest_over_4_mib(registry: Registry) -> str:
    """Demand that the application's own limit is met, not another one."""
    answer = registry.put_manifest("over", _padded(registry, 4 * MIB + 1))
    demand(answer.status == 413 and answer.error_code, f"PUT of 4 MiB and a byte {said(answer)}, wanted 413")
    return f"413 {answer.error_code}"


@SUITE.check(
    "manifest-wrong-size", "a manifest with a wrong size in a descriptor is refused: the net below lost lengths"
)
def manifest_wrong_size(registry: Registry) -> str:
    """Demand it of the broken manifest that docker writes when a HEAD told no length."""
    wrong = registry.manifest([(registry.image.layer.digest, 0)])
    answer = registry.put_manifest("wrong", wrong)
    demand(answer.status == 400 and answer.error_code == "MANIFEST_INVALID", f"it {said(answer)}, wanted 400")
    return "400 MANIFEST_INVALID"


@SUITE.check("accept", "requests with several Accept lines, and without any, are answered")
def accept(registry: Registry) -> str:
    """Demand it: docker sends five lines on manifests and none on blobs."""
    image = registry.image
    several = [registry.bearer, *(("Accept", kind) for kind in _MANY)]
    _demand_same(registry.send("GET", registry.path(f"manifests/{TAG}"), None, several), image.manifest)
    _demand_same(registry.send("GET", registry.path(f"manifests/{TAG}"), None, [registry.bearer]), image.manifest)
    registry.located("GET", image.layer.digest)
    return "five lines, and none"


@SUITE.check("encoded-paths", "%2F and %3A in a path mean what the characters mean")
def encoded_paths(registry: Registry) -> str:
    """Demand it of a repository name and a digest."""
    image = registry.image
    name = registry.repository.replace("/", "%2F")
    tags = registry.send("GET", f"/v2/{name}/tags/list", None, [registry.bearer])
    found = tags.json()
    demand(tags.status == 200 and TAG in (found or {}).get("tags", ()), f"{name}/tags/list {said(tags)}")
    by_digest = registry.send(
        "GET", registry.path(f"manifests/{image.digest.replace(':', '%3A')}"), None, [registry.bearer]
    )
    _demand_same(by_digest, image.manifest)
    return "both"


def _padded(registry: Registry, size: int) -> bytes:
    layers = [(registry.image.layer.digest, registry.image.layer.size_bytes)]
    return registry.manifest(layers, padding=size - len(registry.manifest(layers)))


def _get(registry: Registry, reference: str) -> Answer:
    return registry.send("GET", registry.path(f"manifests/{reference}"), None, [registry.bearer, ("Accept", MANIFEST)])


def _demand_same(answer: Answer, manifest_bytes: bytes) -> None:
    demand(answer.status == 200, f"{answer.method} of a manifest {said(answer)}, wanted 200")
    demand(
        answer.body == manifest_bytes,
        f"{answer.size_bytes} bytes came back for {len(manifest_bytes)}, and they are not the same",
    )
    _demand_described(answer, manifest_bytes)


def _demand_head(registry: Registry, reference: str, manifest_bytes: bytes) -> None:
    headers = [registry.bearer, ("Accept", MANIFEST)]
    answer = registry.send("HEAD", registry.path(f"manifests/{reference}"), None, headers)
    length = answer.header("content-length")
    demand(answer.status == 200, f"HEAD of a manifest {said(answer)}, wanted 200")
    demand(length == str(len(manifest_bytes)), f"HEAD told Content-Length {length!r} for {len(manifest_bytes)} bytes")
    _demand_described(answer, manifest_bytes)


def _demand_described(answer: Answer, manifest_bytes: bytes) -> None:
    digest, kind = answer.header("docker-content-digest"), answer.header("content-type")
    demand(digest == digest_of(manifest_bytes), f"{answer.method} told Docker-Content-Digest {digest!r}")
    demand(kind == MANIFEST, f"{answer.method} told Content-Type {kind!r}")
