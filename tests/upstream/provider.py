"""A real OpenID Connect provider in a process of its own (`oidc-provider-mock`), with people who may log in at it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.conftest import free_port, wait_for_port

CALLBACK = "https://registry.example.com/c/oidc/callback"
PEOPLE = (
    {
        "sub": "a1", "name": "Alice Liddell", "email": "alice@example.com", "preferred_username": "alice",
        "groups": ["dev", "registry-admins"],
    },
    {"sub": "b2", "name": "Bob", "email": "bob@example.com", "preferred_username": "bob", "groups": "dev"},
)  # fmt: skip


@dataclass(frozen=True)
class Provider:
    """Where the provider is, and the client it knows."""

    url: str
    client_id: str
    client_secret: str

    def approve(self, authorize_url: str, subject: str) -> dict[str, str]:
        """Log in at the provider as a browser would: the query it sends the browser back with."""
        request = urllib.request.Request(authorize_url, urlencode({"sub": subject}).encode())
        try:
            urllib.request.build_opener(_NoRedirect).open(request)
        except urllib.error.HTTPError as answer:
            assert answer.code == 302, answer.read()
            location = answer.headers["Location"]
        assert location.startswith(CALLBACK)
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@contextmanager
def running(folder: Path) -> Iterator[Provider]:
    """Start a provider, and register a client at it."""
    port, log = free_port(), folder / "provider.log"
    people = [argument for person in PEOPLE for argument in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "-r", "True", "-n", "True", *people]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, process, log)
        url = f"http://127.0.0.1:{port}"
        body = json.dumps({"redirect_uris": [CALLBACK]}).encode()
        request = urllib.request.Request(f"{url}/oauth2/clients", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            client = json.load(answer)
        yield Provider(url, client["client_id"], client["client_secret"])
    finally:
        process.terminate()
        process.wait(10)
