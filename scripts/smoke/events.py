"""Whether the S3 event of a push became a scan job: the one check that needs AWS credentials."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from scripts.smoke.check import Suite
from scripts.smoke.registry import MIB, Registry, said
from scripts.smoke.report import Failed, Skipped, demand
from scripts.smoke.wire import Answer

SUITE = Suite()
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True)
class AwsKeys:
    """Credentials as the environment has them; `aws configure export-credentials --format env` writes them there."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    region: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> AwsKeys | None:
        """Read them; None where there are none."""
        access, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        return cls(access, secret, environ.get("AWS_SESSION_TOKEN", ""), region) if access and secret else None


@SUITE.check("scan-event", "a pushed manifest becomes a scan job: S3 event, queue, function, queue")
def scan_event(registry: Registry) -> str:
    """Count the jobs before and after a push. Jobs that run meanwhile are counted while they are under way."""
    url = registry.plan.scan_jobs_url
    if not url:
        raise Skipped("no queue was named (--scan-jobs-url, from `terraform output queues`)")
    keys = AwsKeys.from_environ(os.environ)
    if keys is None:
        raise Skipped("no AWS credentials in the environment")
    before = _jobs(registry, url, keys)
    layer = registry.image.layer
    pushed = registry.put_manifest("event", registry.manifest([(layer.digest, layer.size_bytes)], padding=MIB // 1024))
    demand(pushed.status == 201, f"PUT of a manifest {said(pushed)}, wanted 201")
    started = time.monotonic()
    while time.monotonic() - started < registry.plan.scan_wait_s:
        if _jobs(registry, url, keys) > before:
            return f"a job after {time.monotonic() - started:.0f} s"
        time.sleep(min(2.0, registry.plan.scan_wait_s / 10))
    raise Failed(f"no new job within {registry.plan.scan_wait_s:.0f} s ({before} before the push)")


def _jobs(registry: Registry, url: str, keys: AwsKeys) -> int:
    """How many messages a queue has, waiting and being worked on. Raises `Failed`."""
    place = urlsplit(url)
    body = json.dumps({"QueueUrl": url, "AttributeNames": list(_COUNTS)}).encode()
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": place.netloc,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "x-amz-target": "AmazonSQS.GetQueueAttributes",
        **({"x-amz-security-token": keys.session_token} if keys.session_token else {}),
    }
    region = place.netloc.split(".")[1] if place.netloc.startswith("sqs.") else keys.region or "us-east-1"
    signed = {**headers, "Authorization": authorization(headers, body, region, "sqs", keys)}
    signed.pop("host")
    answer = registry.wire.send("POST", f"{place.scheme}://{place.netloc}/", body, list(signed.items()))
    return _sum(answer)


def authorization(headers: Mapping[str, str], body: bytes, region: str, service: str, keys: AwsKeys) -> str:
    """Sign a POST to `/`. Source: AWS, "Create a signed AWS API request" (SigV4). `headers` are all of them, in lower case."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    at = headers["x-amz-date"]
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"


def _sum(answer: Answer) -> int:
    found = answer.json()
    attributes = found.get("Attributes") if isinstance(found, dict) else None
    kind = found.get("__type", "") if isinstance(found, dict) else ""
    demand(answer.status == 200 and isinstance(attributes, dict), f"the queue answered {answer.status} {kind}".strip())
    return sum(int(attributes.get(name, 0)) for name in _COUNTS) if isinstance(attributes, dict) else 0
