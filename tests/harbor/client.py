"""A client of Harbor's API in process. Whatever it is answered is compared with the API description.

admin = HarborClient(api).basic("admin", "secret")
answer = admin.post("/projects", json={"project_name": "team"})
answer.status, answer.headers["location"], answer.json()
"""

from __future__ import annotations

import json as json_text
import time
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from chalicelib.harbor.description import PREFIX
from chalicelib.http import Request, Response
from tests import client
from tests.client import Answer
from tests.harbor.conformity import assert_conforms


class Handles(Protocol):
    """`Api`, or something around it."""

    def handle(self, request: Request, *, now: int) -> Response: ...


class Conforming:
    """An `Api` of which every answer below `/api/` is compared with the description."""

    def __init__(self, api: Handles) -> None:
        self._api = api

    def handle(self, request: Request, *, now: int) -> Response:
        response = self._api.handle(request, now=now)
        assert_conforms(request.method, request.path, response.status, response.headers, response.body)
        return response


class HarborClient:
    """Sends requests as one user (`basic`, `bearer`), or as a browser that keeps cookies and the CSRF token (`session`).

    URLs are as on the wire, so a repository's slash is `%252F`; `/api/v2.0` in front may be left out.
    """

    def __init__(self, api: Handles, authorization: str | None = None, *, keeps_cookies: bool = False) -> None:
        self.api: Handles = api if isinstance(api, Conforming) else Conforming(api)
        self.authorization, self.keeps_cookies = authorization, keeps_cookies
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def basic(self, name: str, password: str) -> HarborClient:
        """The same API as another user, with Basic credentials."""
        return HarborClient(self.api, client.basic(name, password))

    def bearer(self, token: str) -> HarborClient:
        """The same API with a token."""
        return HarborClient(self.api, f"Bearer {token}")

    def session(self) -> HarborClient:
        """The same API without credentials, keeping cookies."""
        return HarborClient(self.api, keeps_cookies=True)

    def get(self, url: str, **more: Any) -> Answer:
        return self.send("GET", url, **more)

    def head(self, url: str, **more: Any) -> Answer:
        return self.send("HEAD", url, **more)

    def post(self, url: str, **more: Any) -> Answer:
        return self.send("POST", url, **more)

    def put(self, url: str, **more: Any) -> Answer:
        return self.send("PUT", url, **more)

    def patch(self, url: str, **more: Any) -> Answer:
        return self.send("PATCH", url, **more)

    def delete(self, url: str, **more: Any) -> Answer:
        return self.send("DELETE", url, **more)

    def send(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        body: bytes = b"",
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        now: int | None = None,
        client_ip: str = "192.0.2.1",
    ) -> Answer:
        """Send one request. `json` becomes the body and its type; `params` go into the query; answer headers are lower-case."""
        parts = urlsplit(url if url.startswith(("/api/", "/c/", "/service/", "/v2/")) else PREFIX + url)
        query = "&".join(text for text in (parts.query, urlencode(params or {}, doseq=True)) if text)
        request = Request(
            method=method,
            path=unquote(parts.path),
            query=parse_qs(query, keep_blank_values=True),
            headers={name.lower(): [value] for name, value in {**self._headers(json), **(headers or {})}.items()},
            body=body if json is None else json_text.dumps(json).encode(),
            client_ip=client_ip,
            request_id="test",
        )
        response = self.api.handle(request, now=int(time.time()) if now is None else now)
        lower = {name.lower(): value for name, value in response.headers.items()}
        self._remember(lower)
        return Answer(response.status, lower, response.body)

    def _headers(self, json: Any) -> dict[str, str]:
        own = {
            "authorization": self.authorization,
            "content-type": None if json is None else "application/json",
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "x-harbor-csrf-token": self.csrf,
        }
        return {name: value for name, value in own.items() if value}

    def _remember(self, headers: dict[str, Any]) -> None:
        if not self.keeps_cookies:
            return
        lines = headers.get("set-cookie", [])
        for line in [lines] if isinstance(lines, str) else lines:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if not morsel.value or morsel["max-age"] == "0":
                    del self.cookies[name]
        self.csrf = str(headers.get("x-harbor-csrf-token", self.csrf))
