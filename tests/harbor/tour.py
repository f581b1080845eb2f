"""What the tour of harborapi needs: a client whose answers are all compared with the description, a name nobody else has."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import typing
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx
from harborapi import HarborAsyncClient
from pydantic import BaseModel

from chalicelib import bootstrap
from chalicelib.config import Settings
from tests.harbor.conformity import assert_conforms
from tests.running import Running


class Client:
    """harborapi's client, waited for. Its own blocking client cannot call methods that call other methods."""

    def __init__(self, client: HarborAsyncClient) -> None:
        self._client, self._loop = client, asyncio.new_event_loop()
        client.client.event_hooks["response"].append(self._compare)
        self.last_status = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **more: self._loop.run_until_complete(method(*args, **more))

    def close(self) -> None:
        """End the connections."""
        self._loop.run_until_complete(self._client.client.aclose())
        self._loop.close()

    async def _compare(self, response: httpx.Response) -> None:
        body, method = await response.aread(), response.request.method
        path = unquote(response.request.url.raw_path.decode().partition("?")[0])
        self.last_status = response.status_code
        assert_conforms(method, path, response.status_code, dict(response.headers), body)


def client_of(registry: Running, user: str | None = None, secret: str | None = None) -> Client:
    """harborapi as somebody, the administrator unless said otherwise."""
    url = f"{registry.url}/api/v2.0"
    name, password = user or registry.user, secret or registry.password
    return Client(HarborAsyncClient(url=url, username=name, secret=password, timeout=60))


def unique(what: str) -> str:
    """A name for something of this run."""
    return f"tour-{what}-{secrets.token_hex(4)}"


def id_of(location: str) -> int:
    """The id that a `Location` ends with."""
    return int(location.rstrip("/").rpartition("/")[2])


def missing(*operations: str) -> list[str]:
    """Which of some operations have no handler yet."""
    return sorted(set(operations) - bootstrap.console(Settings()).implemented)


def public_methods() -> dict[str, Any]:
    """Every public method of harborapi's client."""
    found = inspect.getmembers(HarborAsyncClient, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


def call_somehow(client: Client, name: str) -> Any:
    """Call a method with whatever arguments its signature takes."""
    method = public_methods()[name]
    kinds = typing.get_type_hints(method, vars(inspect.getmodule(method)))
    required = [
        parameter.name
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty and parameter.name != "self" and parameter.kind.name != "VAR_KEYWORD"
    ]
    return getattr(client, name)(**{parameter: _something(kinds[parameter]) for parameter in required})


def _something(kind: Any) -> Any:
    """A value of a type: the first of a union, a model without content."""
    options = typing.get_args(kind) or (kind,)
    if inspect.isclass(options[0]) and issubclass(options[0], BaseModel):
        return options[0].model_construct()
    return 1 if int in options else "library"
