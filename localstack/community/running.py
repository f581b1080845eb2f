"""Starts whichever LocalStack this machine can have, and stops it."""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from localstack.community import container, host
from localstack.launch import StartError

VERSION = "4.14"
_START_S = 120


@dataclass(frozen=True, slots=True)
class LocalStack:
    """One that serves. `how` is `container`, `host` or `named`; `log` gives the end of what it said."""

    url: str
    how: str
    log: Callable[[], str]

    @property
    def s3_url(self) -> str:
        """For presigned URLs: another host name than the registry's, so that clients drop Authorization."""
        return self.url.replace("//127.0.0.1", "//localhost")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[LocalStack]:
    """A LocalStack for the length of the block; `folder` takes what it keeps. Raises `StartError`.

    MOORAGE_LOCALSTACK says `container`, `host`, or the address of one that runs already; without it the container is tried first.
    """
    wanted = os.environ.get("MOORAGE_LOCALSTACK", "")
    if wanted.startswith(("http://", "https://")):
        yield _ready(LocalStack(wanted.rstrip("/"), "named", lambda: ""), lambda: True)
    elif wanted not in ("", "container", "host"):
        raise StartError(f"MOORAGE_LOCALSTACK must be container, host or an address, not {wanted!r}.")
    elif wanted != "host" and (wanted == "container" or not container.obstacle()):
        with container.started() as box:
            yield _ready(LocalStack(box.url, "container", box.log), box.is_alive)
    else:
        _explain_when_neither(wanted)
        with host.started(folder) as process:
            yield _ready(LocalStack(process.url, "host", process.log), process.is_alive)


def _explain_when_neither(wanted: str) -> None:
    missing = host.obstacle()
    if not missing:
        return
    docker = "" if wanted == "host" else f" Its container cannot be had either: {container.obstacle()}."
    raise StartError(f"LocalStack {VERSION} cannot be started from PyPI: {missing}.{docker}")


def _ready(made: LocalStack, is_alive: Callable[[], bool]) -> LocalStack:
    """Wait until it does what it is asked: health alone is fine even where every service fails. Raises `StartError`."""
    deadline = time.monotonic() + _START_S
    problem = ""
    while is_alive() and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{made.url}/_localstack/health", timeout=5) as answer:
                version = str(json.load(answer)["version"])
            with urllib.request.urlopen(_list_buckets(made.url), timeout=30) as answer:
                if version.startswith(VERSION) and b"ListAllMyBucketsResult" in answer.read():
                    return made
                raise StartError(f"{made.url} is LocalStack {version}; Moorage is tested with {VERSION}.")
        except urllib.error.HTTPError as error:
            raise StartError(f"LocalStack answers {error.code} to S3; its log ends with:\n{made.log()}") from error
        except (OSError, ValueError, KeyError) as error:
            problem = str(error)
            time.sleep(0.2)
    raise StartError(f"LocalStack did not start ({problem}); its log ends with:\n{made.log()}")


def _list_buckets(url: str) -> urllib.request.Request:
    """Service and region are all that LocalStack reads of a header's signature."""
    credential = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    return urllib.request.Request(f"{url}/", headers={"Authorization": credential})
