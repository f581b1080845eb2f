"""Downloads: redirects to S3, and what S3 makes of the signed addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

from scripts.smoke.check import Suite
from scripts.smoke.registry import Registry, said
from scripts.smoke.report import demand

SUITE = Suite()


@SUITE.check("blob-head", "HEAD of a blob is redirected to an address signed for HEAD, which tells the length")
def blob_head(registry: Registry) -> str:
    """Demand it: a length of 0 here makes docker write manifests without sizes."""
    layer = registry.image.layer
    answer = registry.wire.send("HEAD", registry.located("HEAD", layer.digest))
    length = answer.header("content-length")
    demand(answer.status == 200, f"HEAD at the signed address {said(answer)}, wanted 200")
    demand(length == str(layer.size_bytes), f"Content-Length {length!r} for {layer.size_bytes} bytes")
    return f"307, then 200 with Content-Length {length}"


@SUITE.check("blob-get", "GET of a blob is redirected to its bytes")
def blob_get(registry: Registry) -> str:
    """Demand the bytes whose digest was asked for."""
    layer = registry.image.layer
    answer = registry.wire.send("GET", registry.located("GET", layer.digest))
    demand(answer.status == 200, f"GET at the signed address {said(answer)}, wanted 200")
    demand(f"sha256:{answer.sha256}" == layer.digest, f"{answer.size_bytes} bytes with another digest")
    return f"307, then 200 with {answer.size_bytes} bytes"


@SUITE.check("blob-range", "a range of a blob comes as 206, and one that nobody could serve as 416")
def blob_range(registry: Registry) -> str:
    """Demand what clients need to resume a pull."""
    layer, wanted = registry.image.layer, ("Range", "bytes=1000-1999")
    answer = registry.wire.send("GET", registry.located("GET", layer.digest, [wanted]), None, [wanted])
    demand(answer.status == 206, f"a range {said(answer)}, wanted 206")
    demand(answer.body == layer.whole()[1000:2000], f"{answer.size_bytes} other bytes than those of the range")
    beyond = ("Range", f"bytes={layer.size_bytes}-")
    refused = registry.send("GET", registry.path(f"blobs/{layer.digest}"), None, [registry.bearer, beyond])
    if refused.status == 307:
        refused = registry.wire.send("GET", registry.located("GET", layer.digest), None, [beyond])
    demand(refused.status == 416, f"a range beyond the end {said(refused)}, wanted 416")
    return "206 and 416"


@SUITE.check("presigned-method", "an address signed for GET answers 403 to HEAD: signatures cover the method")
def presigned_method(registry: Registry) -> str:
    """Demand it, since the redirect of HEAD is built on it."""
    answer = registry.wire.send("HEAD", registry.located("GET", registry.image.layer.digest))
    demand(answer.status == 403, f"HEAD at an address signed for GET {said(answer)}, wanted 403")
    return "403"


@SUITE.check("presigned-tampered", "an address whose signature, or object, was changed answers 403")
def presigned_tampered(registry: Registry) -> str:
    """Demand that nobody reads what they were not given."""
    located = registry.located("GET", registry.image.layer.digest)
    head, _, signature = located.partition("X-Amz-Signature=")
    demand(signature, "the address has no X-Amz-Signature")
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    for changed in (f"{head}X-Amz-Signature={flipped}", located.split("?", maxsplit=1)[0]):
        answer = registry.wire.send("GET", changed)
        demand(answer.status == 403, f"a changed address {said(answer)}, wanted 403")
    return "403 for a changed signature and for none"


@SUITE.check("presigned-authorization", "S3 refuses a signed address together with an Authorization header")
def presigned_authorization(registry: Registry) -> str:
    """Demand it, since it is why blobs must not be on the registry's host."""
    headers = [("Authorization", "Bearer of-another-place")]
    answer = registry.wire.send("GET", registry.located("GET", registry.image.layer.digest), None, headers)
    demand(answer.status == 400, f"a signed address with Authorization {said(answer)}, wanted 400")
    return "400"


@SUITE.check("blob-host", "blobs are on another host name than the registry, and not on a subdomain of it")
def blob_host(registry: Registry) -> str:
    """Demand it: newer Go clients send their token along to the same host and its subdomains."""
    ours = urlsplit(registry.plan.url).hostname or ""
    theirs = urlsplit(registry.located("GET", registry.image.layer.digest)).hostname or ""
    demand(theirs != ours and not theirs.endswith(f".{ours}"), f"blobs are served by {theirs}")
    return theirs
