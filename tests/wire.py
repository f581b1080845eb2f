"""The registry's protocol as a test speaks it: one request in, one answer out, logged in as a Go client would be."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urljoin

import httpx

OCTETS = {"Content-Type": "application/octet-stream"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = {"Accept": ", ".join((INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))}
REDIRECTS = (301, 302, 303, 307, 308)
Body = bytes | Iterable[bytes]


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """The digest of some bytes, as the specification writes it."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error_code(self) -> str | None:
        """The first error's code when the body is an OCI error."""
        try:
            return str(self.json["errors"][0]["code"])
        except (ValueError, KeyError, IndexError, TypeError):
            return None

    @property
    def location(self) -> str:
        """Where it points, as an absolute URL."""
        return urljoin(self.url, self.headers["location"])


class Wire:
    """Speaks to one registry as one account (or as nobody)."""

    def __init__(self, url: str, account: tuple[str, str] | None = None) -> None:
        self.url = url
        self._account = account
        self._authorization: str | None = None
        # trust_env: a proxy of the machine has no business between a test and its server.
        self._http = httpx.Client(timeout=120, trust_env=False, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def request(
        self, method: str, path: str, headers: Mapping[str, str] = {}, body: Body = b"", *, follow: bool = True
    ) -> Answer:
        """Send one request; on 401 log in and send it once more; follow redirects without credentials."""
        url = path if path.startswith("http") else self.url + path
        replayable = isinstance(body, bytes)
        if not replayable and self._authorization is None and self._account is not None:
            self.log_in(self.raw("GET", self.url + "/v2/"))
        answer = self.raw(method, url, self._with_authorization(url, headers), body)
        if answer.status == 401 and self._account is not None and replayable and url.startswith(self.url):
            self.log_in(answer)
            answer = self.raw(method, url, self._with_authorization(url, headers), body)
        while follow and method in ("GET", "HEAD") and answer.status in REDIRECTS:
            answer = self.raw(method, answer.location, headers)
        return answer

    def raw(self, method: str, url: str, headers: Mapping[str, str] = {}, body: Body = b"") -> Answer:
        """Send exactly this. No redirect is followed, no credential added."""
        target = url if url.startswith("http") else self.url + url
        content = body if body != b"" or method in ("POST", "PUT", "PATCH") else None
        got = self._http.request(method, target, headers=dict(headers), content=content)
        return Answer(got.status_code, got.headers, got.content, target)

    def log_in(self, refusal: Answer) -> None:
        """Answer the challenge of a 401."""
        assert self._account is not None
        challenge = refusal.headers.get("www-authenticate", "")
        basic = "Basic " + base64.b64encode(":".join(self._account).encode()).decode()
        if challenge.lower().startswith("basic"):
            self._authorization = basic
            return
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        assert "realm" in asked, f"a 401 without a usable challenge: {refusal}"
        query = {name: asked[name] for name in ("service", "scope") if name in asked}
        answer = self.raw("GET", f"{asked['realm']}?{urlencode(query)}", {"Authorization": basic})
        assert answer.status == 200, f"the token service refused: {answer}"
        self._authorization = "Bearer " + (answer.json.get("access_token") or answer.json["token"])

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        """GET, redirects followed."""
        return self.request("GET", path, headers)

    def head(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        """HEAD, redirects followed."""
        return self.request("HEAD", path, headers)

    def post(self, path: str, headers: Mapping[str, str] = {}, body: Body = b"") -> Answer:
        """POST."""
        return self.request("POST", path, headers, body)

    def put(self, path: str, headers: Mapping[str, str] = {}, body: Body = b"") -> Answer:
        """PUT."""
        return self.request("PUT", path, headers, body)

    def patch(self, path: str, headers: Mapping[str, str] = {}, body: Body = b"") -> Answer:
        """PATCH."""
        return self.request("PATCH", path, headers, body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.request("DELETE", path)

    def start_upload(self, name: str, query: str = "") -> str:
        """Open an upload session and return its Location."""
        answer = self.post(f"/v2/{name}/blobs/uploads/{query}", {"Content-Length": "0"})
        assert answer.status == 202, f"no upload session: {answer}"
        return answer.location

    def push_blob(self, name: str, content: bytes, algorithm: str = "sha256") -> str:
        """Push one blob (POST, then PUT) and return its digest."""
        digest = digest_of(content, algorithm)
        answer = self.put(with_query(self.start_upload(name), digest=digest), OCTETS, content)
        assert answer.status == 201, f"the blob was refused: {answer}"
        return digest

    def push_manifest(self, name: str, reference: str, content: bytes, media_type: str = MANIFEST) -> Answer:
        """Push a manifest and expect it to be accepted."""
        answer = self.put(f"/v2/{name}/manifests/{reference}", {"Content-Type": media_type}, content)
        assert answer.status == 201, f"the manifest was refused: {answer}"
        return answer

    def manifest(self, name: str, reference: str) -> Answer:
        """Fetch a manifest and expect it to be there."""
        answer = self.get(f"/v2/{name}/manifests/{reference}", ACCEPT)
        assert answer.status == 200, f"no manifest {name}:{reference}: {answer}"
        return answer

    def _with_authorization(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        ours = url.startswith(self.url) and self._authorization is not None and "Authorization" not in headers
        return {**headers, "Authorization": self._authorization or ""} if ours else dict(headers)


def with_query(url: str, **query: str) -> str:
    """A URL with more query parameters at its end, as clients add `digest`."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
