"""One manifest that is to be scanned: as S3's notification names it, and as the queue of jobs carries it.

Source: Amazon S3 User Guide, "Event message structure" (keys are URL-encoded, notifications come at least once and out of order,
`s3:TestEvent` comes when the notification is configured).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name

_PREFIX = "manifests/"
_CREATED = "ObjectCreated:"
_VERSION = 1


class Malformed(ValueError):
    """A message is not what its queue is for; the sentence says why. It may be told: messages hold no secrets."""


@dataclass(frozen=True, slots=True)
class Job:
    """A manifest of a repository. `size_bytes` is of the manifest itself."""

    name: Name
    digest: Digest
    size_bytes: int

    @property
    def manifest_key(self) -> str:
        """S3 key of the manifest's bytes."""
        return f"{_PREFIX}{self.name}/{self.digest.algorithm}/{self.digest.hex}"

    @property
    def result_key(self) -> str:
        """S3 key of what the worker found out."""
        return f"scan-out/{self.name}/{self.digest.algorithm}/{self.digest.hex}.json"

    def render(self) -> str:
        """Write the message of the queue of jobs. The same manifest gives the same text."""
        fields = {"version": _VERSION, "repository": str(self.name), "digest": str(self.digest), "size_bytes": self.size_bytes}
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Job:
        """Read what `render` wrote. Raises Malformed."""
        try:
            found = json.loads(text)
            if found["version"] != _VERSION:
                raise Malformed(f"a job of version {found['version']!r:.40}, this program knows {_VERSION}")
            return cls(Name.parse(found["repository"]), Digest.parse(found["digest"]), _size(found["size_bytes"]))
        except (RegistryError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise error if isinstance(error, Malformed) else Malformed(f"not a job: {error}") from None


def pushed(notification: str) -> list[Job]:
    """Read the body of an S3 notification: the manifests it says were stored, each once. Test events hold none, and objects
    that are no manifests are left out: the notification may be set up for more. Raises Malformed."""
    try:
        document = json.loads(notification)
        if document.get("Event") == "s3:TestEvent":
            return []
        records = [record for record in document["Records"] if record["eventName"].removeprefix("s3:").startswith(_CREATED)]
        objects = [record["s3"]["object"] for record in records]
        jobs = [_job(unquote_plus(found["key"]), _size(found.get("size", 0))) for found in objects]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"not an S3 notification: {error!r:.200}") from None
    return list(dict.fromkeys(job for job in jobs if job is not None))


def _job(key: str, size_bytes: int) -> Job | None:
    """None for a key that is not a manifest's."""
    name, _, digest = key.removeprefix(_PREFIX).rpartition("/")
    name, _, algorithm = name.rpartition("/")
    if not key.startswith(_PREFIX):
        return None
    try:
        return Job(Name.parse(name), Digest.parse(f"{algorithm}:{digest}"), size_bytes)
    except RegistryError:
        return None


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r:.40} is no size")
    return value
