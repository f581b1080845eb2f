"""A process that gets or makes up every kind of credential there is, and sends each through every kind of request.

`python -m tests.telemetry.credentials FILE` on an emulator that the environment names, with everything switched on. The secrets
go to FILE as JSON, name -> text; what the process says besides is what must not have them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets as randomness
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from chalicelib import bootstrap
from chalicelib.aws import provision
from chalicelib.config import Settings
from chalicelib.harbor import description
from chalicelib.oci.digest import Digest
from localstack.proxy_event import HttpRequest, proxy_event
from tests import builders
from tests.client import basic
from upload_service.app import create_app

DIGEST = "sha256:" + "0" * 64
NAME = "library/secrecy"
REGISTRY = [
    ("GET", "/v2/"), ("GET", "/v2/_catalog"), ("GET", f"/v2/{NAME}/manifests/latest"), ("HEAD", f"/v2/{NAME}/manifests/latest"),
    ("PUT", f"/v2/{NAME}/manifests/bad"), ("DELETE", f"/v2/{NAME}/manifests/none"), ("GET", f"/v2/{NAME}/blobs/{DIGEST}"),
    ("HEAD", f"/v2/{NAME}/blobs/{DIGEST}"), ("DELETE", f"/v2/{NAME}/blobs/{DIGEST}"), ("GET", f"/v2/{NAME}/tags/list"),
    ("GET", f"/v2/{NAME}/referrers/{DIGEST}"), ("POST", f"/v2/{NAME}/blobs/uploads/"), ("PATCH", f"/v2/{NAME}/blobs/uploads/u"),
    ("PUT", f"/v2/{NAME}/blobs/uploads/u"), ("GET", f"/v2/{NAME}/blobs/uploads/u"), ("DELETE", f"/v2/{NAME}/blobs/uploads/u"),
    ("GET", "/service/token"), ("POST", "/service/token"), ("GET", "/service/token/jwks"), ("GET", "/nowhere"),
    ("POST", "/c/login"), ("GET", "/c/log_out"), ("GET", "/c/oidc/login"), ("GET", "/c/oidc/callback"),
    ("POST", "/c/oidc/onboard"), ("GET", "/ui/index.html"), ("OPTIONS", "/v2/"), ("POST", "/v2/"),
]  # fmt: skip


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Shells:
    """The functions and the upload service of one deployment, in this process."""

    settings: Settings
    application: Any
    uploads: Any
    secrets: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    def send(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"", ip: str = "192.0.2.1"
    ) -> Answered:
        """To the function, or to the upload service where its address is asked for."""
        self.sent += 1
        lines = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()]
        parts = urlsplit(url)
        if parts.netloc == urlsplit(self.settings.upload_url or "").netloc and parts.netloc:
            return asyncio.run(self._upload(method, parts, lines, body, ip))
        event = proxy_event(HttpRequest(method, parts.path, parts.query, lines, body, client_ip=ip), "registry")
        answer = self.application.app(event, SimpleNamespace(aws_request_id="lambda-1"))
        several = {name: "; ".join(values) for name, values in answer["multiValueHeaders"].items()}
        headers = {name.lower(): value for name, value in {**answer["headers"], **several}.items()}
        return Answered(answer["statusCode"], headers, answer["body"])

    def authorize(self, authorization: str) -> None:
        event = {"authorizationToken": authorization, "methodArn": "arn:aws:execute-api:x:1:api/v2/GET/"}
        try:
            self.application.authorize(event, SimpleNamespace(aws_request_id="lambda-2"))
        except Exception as error:
            assert str(error) == "Unauthorized"

    async def _upload(self, method: str, parts: Any, lines: list[tuple[bytes, bytes]], body: bytes, ip: str) -> Answered:
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {
            "type": "http", "method": method, "path": parts.path, "query_string": parts.query.encode("latin-1", "replace"),
            "headers": lines, "client": (ip, 1),
        }  # fmt: skip
        await self.uploads(scope, receive, send)
        headers = {name.decode(): value.decode("latin-1") for name, value in answers[0]["headers"]}
        return Answered(answers[0]["status"], headers, answers[1]["body"].decode("latin-1"))


def main() -> int:
    settings = Settings.from_environ(os.environ)
    provision.create_table(settings)
    provision.create_bucket(settings)
    shells = Shells(settings, __import__("app"), create_app(settings))
    gather(shells)
    for name, secret in shells.secrets.items():
        if name not in ("aws secret key", "aws session token", "token keys", "registry keys"):
            spread(shells, name, secret)
    for run in ("sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit"):
        getattr(shells.application, run)({"secret": shells.secrets["admin password"]}, None)
    Path(sys.argv[1]).write_text(json.dumps({"secrets": shells.secrets, "sent": shells.sent}))
    return 0


def gather(shells: Shells) -> None:
    """Get every credential the way its owner does."""
    known, settings = shells.secrets, shells.settings
    known["admin password"] = f"Adm1n{randomness.token_hex(12)}"
    bootstrap.provision(settings, known["admin password"], now=int(time.time()))
    known["aws secret key"], known["aws session token"] = settings.secret_key, settings.session_token
    for name, secret in ("token keys", settings.token_keys_secret), ("registry keys", settings.registry_keys_secret):
        text = json.dumps(bootstrap.wire(settings).secrets.read(secret))
        known[name] = max(re.findall(r"[A-Za-z0-9+/=_-]{20,}", text), key=len)
    admin = {"Authorization": basic("admin", known["admin password"])}
    scope, token = f"repository:{NAME}:pull,push,delete", f"/service/token?service={settings.service}"
    known["access token"] = _json(shells.send("GET", f"{token}&scope={quote(scope)}", admin))["token"]
    known["identity token"] = _json(shells.send("GET", token, admin))["token"]
    form = {"grant_type": "password", "username": "admin", "password": known["admin password"], "access_type": "offline"}
    asked = urlencode({**form, "service": settings.service, "scope": scope}).encode()
    known["refresh token"] = _json(shells.send("POST", "/service/token", _FORM, asked))["refresh_token"]
    _gather_of_console(shells, {**admin, **_JSON})
    _gather_of_registry(shells, {"Authorization": f"Bearer {known['access token']}"})
    for name in ("wrong password", "client secret", "code of a provider", "ci token", "password as a name"):
        known[name] = f"{randomness.token_hex(3)}Zz9{randomness.token_hex(12)}"
    known["foreign token"] = f"eyJhbGciOiJSUzI1NiJ9.{randomness.token_urlsafe(60)}.{randomness.token_urlsafe(90)}"


_JSON, _FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}


def _gather_of_console(shells: Shells, admin: dict[str, str]) -> None:
    known = shells.secrets
    known["user password"] = f"Us3r{randomness.token_hex(12)}"
    user = {"username": "ann", "email": "ann@example.com", "realname": "Ann", "password": known["user password"]}
    assert shells.send("POST", "/api/v2.0/users", admin, json.dumps(user).encode()).status == 201
    permission = {"kind": "project", "namespace": "library", "access": [{"resource": "repository", "action": "pull"}]}
    robot = {"name": "ci", "level": "project", "duration": 30, "permissions": [permission]}
    known["robot secret"] = _json(shells.send("POST", "/api/v2.0/robots", admin, json.dumps(robot).encode()))["secret"]
    form = urlencode({"principal": "ann", "password": known["user password"]}).encode()
    logged_in = shells.send("POST", "/c/login", _FORM, form)
    assert logged_in.status == 200, logged_in
    known["csrf token"] = logged_in.headers["x-harbor-csrf-token"]
    known["session cookie"] = re.findall(r"\bsid=([^;]+)", logged_in.headers["set-cookie"])[0]


def _gather_of_registry(shells: Shells, bearer: dict[str, str]) -> None:
    known, content = shells.secrets, b"{}"
    digest = Digest.of(content)
    begun = shells.send("POST", f"/v2/{NAME}/blobs/uploads/", bearer)
    known["upload state"] = parse_qs(urlsplit(begun.headers["location"]).query)["_state"][0]
    stored = shells.send("PUT", f"{begun.headers['location']}&digest={digest}", bearer, content)
    assert stored.status == 201, stored
    typed = {**bearer, "Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    assert shells.send("PUT", f"/v2/{NAME}/manifests/latest", typed, builders.image(content, ())).status == 201
    redirect = shells.send("GET", f"/v2/{NAME}/blobs/{digest}", bearer).headers["location"]
    known["presigned signature"] = parse_qs(urlsplit(redirect).query)["X-Amz-Signature"][0]


def spread(shells: Shells, name: str, secret: str) -> None:
    """Send one secret everywhere, in every place where somebody might put it."""
    good = {"Authorization": basic("admin", shells.secrets["admin password"])}
    fields = ("token", "access_token", "refresh_token", "subject_token", "password", "secret", "_state", "state", "code",
              "client_secret", "new_password", "old_password", "oidc_client_secret", "ldap_search_password")  # fmt: skip
    query = urlencode(dict.fromkeys(fields, secret))
    form = urlencode({"grant_type": "refresh_token", "principal": "ann", **dict.fromkeys(fields, secret)}).encode()
    document = json.dumps({"name": "x", "username": "ann", **dict.fromkeys(fields, secret)}).encode()
    headers = {"Cookie": f"sid={secret}; _gorilla_csrf={secret}", "X-Harbor-CSRF-Token": secret, "Referer": f"http://x/?t={secret}",
               "X-Registry-Auth": secret, "Proxy-Authorization": secret, "User-Agent": f"x/{secret}"}  # fmt: skip
    schemes = [f"Bearer {secret}", f"bearer  {secret}", secret, f"Negotiate {secret}"]
    user = {"robot secret": "robot$library+ci", "ci token": "ci$library"}.get(name, "ann")
    names = [basic(user, secret), basic(secret, "x")]
    address = f"192.0.2.{2 + list(shells.secrets).index(name)}"  # wrong ones block their address
    for method, path in kinds():
        upload = path.startswith(f"/v2/{NAME}/blobs/uploads/u") and shells.settings.upload_url
        url = (upload or "") + path + "?" + query + (f"&digest={DIGEST}" if method == "PUT" else "")
        body, typed = (form, _FORM) if path.startswith(("/c/", "/service/")) else (document, _JSON)
        body = b"" if method in ("GET", "HEAD") else body
        shells.send(method, url, {**typed, **headers, **good}, body)
        shells.send(method, url, {**typed, **headers, "Authorization": schemes[shells.sent % len(schemes)]}, body, address)
    for authorization in schemes + names:  # a wrong password takes its time
        shells.send("GET", "/v2/", {"Authorization": authorization}, ip=address)
        shells.authorize(authorization)


def kinds() -> Iterator[tuple[str, str]]:
    """Every kind of request: the registry's, and every operation of the management API on things that do not exist."""
    yield from REGISTRY
    for operation in description.operations():
        yield operation.method, description.PREFIX + re.sub(r"\{[^}]*\}", "999999", operation.path)


def _json(answer: Answered) -> Any:
    assert answer.status < 300, answer
    return json.loads(answer.body)


if __name__ == "__main__":
    sys.exit(main())
