"""A lean registry client: it neither hashes nor compresses nor logs, so that what is measured is the server."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from bench.content import MANIFEST_TYPE, Blob, Image
from bench.processes import BenchError

ADMIN_PASSWORD = "bench-password-1"
_TIMEOUT_S = 300
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Credentials:
    """A name, a password, and where to turn them into tokens."""

    name: str
    password: str
    token_url: str
    service: str

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()

    def url_for(self, scope: str) -> str:
        """The address of a token with this scope."""
        return f"{self.token_url}?{urllib.parse.urlencode({'service': self.service, 'scope': scope})}"


@dataclass(frozen=True)
class Answer:
    """A response; `size_bytes` counts the body also when it was thrown away."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    size_bytes: int


class Client:
    """One user's connections to one registry, kept open. Not for several threads at once."""

    def __init__(self, base_url: str, credentials: Credentials | None = None) -> None:
        self._base = base_url
        self._credentials = credentials
        self._tokens: dict[str, str] = {}
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def authorization(self, scope: str) -> dict[str, str]:
        """The header that proves who we are, asking for a token the first time a scope is needed."""
        if self._credentials is None:
            return {}
        if scope not in self._tokens:
            basic = {"Authorization": self._credentials.basic}
            answer = self.send("GET", self._credentials.url_for(scope), headers=basic, want=200)
            self._tokens[scope] = json.loads(answer.body)["token"]
        return {"Authorization": "Bearer " + self._tokens[scope]}

    def forget(self) -> None:
        """Ask for new tokens from now on, as a client that is started anew."""
        self._tokens.clear()

    def send(
        self,
        method: str,
        url: str,
        body: bytes | memoryview | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        want: int | tuple[int, ...],
        scope: str = "",
        discard: bool = False,
    ) -> Answer:
        """Send one request (a path means the registry's own host) and raise unless the status is wanted."""
        target = urllib.parse.urlsplit(urllib.parse.urljoin(self._base, url))
        all_headers = dict(headers or {})
        if scope and target.netloc == urllib.parse.urlsplit(self._base).netloc:
            all_headers.update(self.authorization(scope))
        if body is not None:
            all_headers["Content-Length"] = str(len(body))
        connection = self._connections.setdefault(target.netloc, _connect(target))
        path = target.path + (f"?{target.query}" if target.query else "")
        try:
            connection.request(method, path, body, all_headers)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if body:  # an idle connection may be closed by the server at any time; a body is not sent twice
                raise
            connection.close()
            connection.request(method, path, body, all_headers)
            response = connection.getresponse()
        answer = _drain(response) if discard else _read(response)
        if answer.status not in (want if isinstance(want, tuple) else (want,)):
            raise BenchError(f"{method} {url} answered {answer.status}, not {want}: {answer.body[:300]!r}")
        return answer

    def push_blob(self, repository: str, blob: Blob, *, look_first: bool = True) -> bool:
        """Push as docker and skopeo do: HEAD, POST, one PATCH with everything, an empty PUT. False if it was there."""
        scope = f"repository:{repository}:pull,push"
        if look_first:
            there = self.send(
                "HEAD", f"/v2/{repository}/blobs/{blob.digest}", want=(200, 404, *_REDIRECTS), scope=scope
            )
            if there.status != 404:
                return False
        begun = self.send("POST", f"/v2/{repository}/blobs/uploads/", b"", want=202, scope=scope)
        octets = {"Content-Type": "application/octet-stream"}
        sent = self.send("PATCH", begun.headers["location"], memoryview(blob.content), octets, want=202, scope=scope)
        location = sent.headers["location"]
        closing = f"{location}{'&' if '?' in location else '?'}digest={urllib.parse.quote(blob.digest)}"
        self.send("PUT", closing, b"", want=201, scope=scope)
        return True

    def push_manifest(self, repository: str, image: Image, reference: str, query: str = "") -> Answer:
        path = f"/v2/{repository}/manifests/{reference}{query}"
        scope = f"repository:{repository}:pull,push"
        return self.send("PUT", path, image.manifest.content, {"Content-Type": MANIFEST_TYPE}, want=201, scope=scope)

    def push_image(self, repository: str, image: Image, tag: str) -> None:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, image, tag)

    def pull_blob(self, repository: str, digest: str) -> int:
        """Fetch a blob, following redirects without credentials, and answer its size."""
        scope = f"repository:{repository}:pull"
        answer = self.send(
            "GET", f"/v2/{repository}/blobs/{digest}", want=(200, *_REDIRECTS), scope=scope, discard=True
        )
        while answer.status in _REDIRECTS:
            answer = self.send("GET", answer.headers["location"], want=(200, *_REDIRECTS), discard=True)
        return answer.size_bytes

    def pull_image(self, repository: str, tag: str) -> int:
        """Pull as docker does: HEAD the tag, GET the manifest by digest, GET every blob. Answers the bytes received."""
        scope = f"repository:{repository}:pull"
        accept = {"Accept": MANIFEST_TYPE}
        head = self.send("HEAD", f"/v2/{repository}/manifests/{tag}", headers=accept, want=200, scope=scope)
        digest = head.headers["docker-content-digest"]
        got = self.send("GET", f"/v2/{repository}/manifests/{digest}", headers=accept, want=200, scope=scope)
        manifest = json.loads(got.body)
        return sum(self.pull_blob(repository, part["digest"]) for part in (manifest["config"], *manifest["layers"]))


def _connect(target: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(target.hostname or "", target.port, timeout=_TIMEOUT_S, blocksize=1 << 20)


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _read(response: http.client.HTTPResponse) -> Answer:
    body = response.read()
    return Answer(response.status, _headers(response), body, len(body))


def _drain(response: http.client.HTTPResponse) -> Answer:
    buffer, size = bytearray(1 << 20), 0
    while count := response.readinto(buffer):
        size += count
    return Answer(response.status, _headers(response), b"", size)
