"""The registry in process: real requests into `Api.handle`, real answers, an emulator behind it, and every AWS call counted."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from chalicelib.api import Api
from chalicelib.http import Request, Response


@dataclass(frozen=True)
class Answer:
    """A response as tests ask about it."""

    status: int
    headers: dict[str, Any]
    body: bytes

    @property
    def error_code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["code"])

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests as one user."""

    def __init__(self, api: Api, authorization: str | None = None) -> None:
        self.api, self.authorization = api, authorization

    def send(self, method: str, url: str, body: bytes = b"", *, now: int | None = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        sent = {name.replace("_", "-").lower(): [value] for name, value in headers.items()}
        if self.authorization and "authorization" not in sent:
            sent["authorization"] = [self.authorization]
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(method, parts.path, query, sent, body, "192.0.2.1", "test")
        response: Response = self.api.handle(request, now=int(time.time()) if now is None else now)
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.body)

    def get(self, url: str, **headers: str) -> Answer:
        return self.send("GET", url, **headers)

    def push_blob(self, name: str, content: bytes, digest: object) -> Answer:
        return self.send("POST", f"/v2/{name}/blobs/uploads/?digest={quote(str(digest))}", content)

    def login(self, *scopes: str) -> Client:
        """The same user with a Bearer token for the scopes."""
        query = "&".join(f"scope={quote(scope)}" for scope in scopes)
        token = self.get(f"/service/token?{query}").json()["token"]
        return Client(self.api, f"Bearer {token}")


def basic(name: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
