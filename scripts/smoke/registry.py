"""The registry under test as one user sees it: challenge, tokens, and the small image that many checks look at."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode, urlsplit

from scripts.smoke.report import Failed, demand
from scripts.smoke.wire import Answer, Body, Content, Headers, Wire, absolute

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = b"{}"
OCTETS = ("Content-Type", "application/octet-stream")
MIB = 1 << 20
TAG = "smoke"
_TOKEN_S = 240
_CHALLENGE = re.compile(r'Bearer (?=.*\brealm="([^"]+)")(?=.*\bservice="([^"]*)")')


@dataclass(frozen=True)
class Plan:
    """What the operator asked for."""

    url: str
    user: str
    password: str = field(repr=False)
    project: str = "library"
    size_bytes: int = 200 * MIB
    slow_s: float = 150
    has_uploads: bool = True
    warm_ms: int = 500
    cold_ms: int = 10_000
    scan_jobs_url: str = ""
    scan_wait_s: float = 90
    cafile: str | None = None


@dataclass(frozen=True)
class Image:
    """A pushed image: its manifest's bytes, and the one layer."""

    manifest: bytes
    layer: Content

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest_of(self.manifest)


class Registry:
    """A user's session with the registry. Everything is pushed to one repository with a new name."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.answers: list[Answer] = []
        self.wire = Wire(cafile=plan.cafile, seen=self._note)
        self.repository = f"{plan.project}/smoke-{secrets.token_hex(6)}"
        self._tokens: dict[str, tuple[str, float]] = {}

    @functools.cached_property
    def challenge(self) -> tuple[str, str]:
        """Realm and service. Raises `Failed`."""
        return parse_challenge(self.send("GET", "/v2/"))

    @functools.cached_property
    def console_url(self) -> str:
        """Where the token service and the management API are."""
        realm = urlsplit(self.challenge[0])
        return f"{realm.scheme}://{realm.netloc}"

    @functools.cached_property
    def image(self) -> Image:
        """The small image, pushed by whoever asks for it first. Raises `Failed`."""
        layer = self.content(MIB)
        config = digest_of(EMPTY)
        for digest, body in ((layer.digest, layer.whole()), (config, EMPTY)):
            answer = self.send(
                "POST", f"{self.path('blobs/uploads/')}?digest={quote(digest)}", body, [self.bearer, OCTETS]
            )
            demand(answer.status == 201, f"a blob of {len(body)} bytes pushed with POST {said(answer)}")
        manifest = self.manifest([(layer.digest, layer.size_bytes)])
        answer = self.put_manifest(TAG, manifest)
        demand(answer.status == 201, f"PUT of a manifest {said(answer)}")
        return Image(manifest, layer)

    @property
    def basic(self) -> tuple[str, str]:
        """The header with name and password."""
        pair = f"{self.plan.user}:{self.plan.password}".encode()
        return ("Authorization", f"Basic {base64.b64encode(pair).decode()}")

    @property
    def bearer(self) -> tuple[str, str]:
        """The header with a token for the repository. Raises `Failed`."""
        return ("Authorization", f"Bearer {self.token(f'repository:{self.repository}:pull,push,delete')}")

    def token(self, scope: str = "", *, is_anonymous: bool = False) -> str:
        """A token for a scope, asked for anew every few minutes, as clients do. Raises `Failed`."""
        key = f"{is_anonymous}{scope}"
        token, got_at = self._tokens.get(key, ("", 0.0))
        if not token or time.monotonic() - got_at > _TOKEN_S:
            answer = self.ask_token(scope, [] if is_anonymous else [self.basic])
            found = answer.json()
            token = str(found.get("token") or "") if isinstance(found, dict) else ""
            demand(answer.status == 200 and token, f"the token service {said(answer)}")
            self._tokens[key] = token, time.monotonic()
        return token

    def ask_token(self, scope: str, headers: Headers) -> Answer:
        """Ask the address of the challenge for a token."""
        realm, service = self.challenge
        query = {"service": service, **({"scope": scope} if scope else {})}
        return self.wire.send("GET", f"{realm}?{urlencode(query)}", None, headers)

    def send(
        self, method: str, path: str, body: Body = None, headers: Headers = (), *, length: int | None = None
    ) -> Answer:
        """Send to the registry's own host."""
        return self.wire.send(method, self.plan.url + path, body, headers, length=length)

    def path(self, rest: str) -> str:
        """A path below the repository."""
        return f"/v2/{self.repository}/{rest}"

    def put_manifest(self, reference: str, manifest: bytes) -> Answer:
        """PUT a manifest."""
        return self.send(
            "PUT", self.path(f"manifests/{reference}"), manifest, [self.bearer, ("Content-Type", MANIFEST)]
        )

    def start_upload(self) -> str:
        """Begin an upload and give the absolute Location. Raises `Failed`."""
        answer = self.send("POST", self.path("blobs/uploads/"), None, [self.bearer])
        location = answer.header("location")
        demand(answer.status == 202 and location, f"POST of an upload {said(answer)}, Location {bool(location)}")
        return absolute(answer.url, location)

    def located(self, method: str, digest: str, headers: Headers = ()) -> str:
        """Where a blob is redirected to. Raises `Failed`."""
        answer = self.send(method, self.path(f"blobs/{digest}"), None, [self.bearer, *headers])
        demand(answer.status == 307 and answer.header("location"), f"{method} of a blob {said(answer)}, wanted 307")
        return absolute(answer.url, answer.header("location"))

    def content(self, size_bytes: int) -> Content:
        """New bytes."""
        return Content(size_bytes, secrets.token_bytes(16))

    @staticmethod
    def manifest(layers: Sequence[tuple[str, int]], padding: int = 0) -> bytes:
        """An image manifest with layers (digest, size); `padding` bytes of annotation make it longer."""
        parts = [{"mediaType": LAYER, "digest": digest, "size": size} for digest, size in layers]
        config = {"mediaType": CONFIG, "digest": digest_of(EMPTY), "size": len(EMPTY)}
        made = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": parts}
        return json.dumps({**made, "annotations": {"smoke": "x" * padding}}).encode()

    def _note(self, answer: Answer) -> None:
        self.answers.append(replace(answer, body=b""))


def parse_challenge(answer: Answer) -> tuple[str, str]:
    """Realm and service of a 401. Raises `Failed` with what is there instead."""
    demand(answer.status == 401, f"{answer.method} {urlsplit(answer.url).path} {said(answer)}, wanted 401")
    found = _CHALLENGE.match(answer.header("www-authenticate"))
    if found is None:
        renamed = answer.header("x-amzn-remapped-www-authenticate")
        raise Failed(
            f"401 with WWW-Authenticate {answer.header('www-authenticate')!r}"
            + (", renamed to x-amzn-remapped-www-authenticate: clients cannot log in" if renamed else "")
        )
    return found[1], found[2]


def said(answer: Answer) -> str:
    """A short account of an answer, without anything that grants access."""
    return f"answered {answer.status} {answer.error_code}".strip()


def digest_of(content: bytes) -> str:
    """The sha256 digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
