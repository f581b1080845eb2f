"""The Authorization header of a request and the challenge of the answer.

Source: RFC 7617 (Basic), RFC 6750 (Bearer), distribution "Token Authentication Specification" (realm, service, scope).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from chalicelib.config import Settings
from chalicelib.errors import RegistryError

INVALID_TOKEN, INSUFFICIENT_SCOPE = "invalid_token", "insufficient_scope"


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and a password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token."""

    token: str = field(repr=False)


def parse(header: str) -> Basic | Bearer | None:
    """Read an Authorization header; None when it is neither of the two."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return Bearer(value)
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return Basic(name, password) if colon and name else None


def challenge(settings: Settings, *, scope: str = "", error: str = "") -> str:
    """Render `WWW-Authenticate` of the registry: where to get a token, for what, and what was wrong with the one presented."""
    parts = [f'realm="{settings.realm}"', f'service="{settings.service}"']
    if scope:
        parts.append(f'scope="{scope}"')
    if error:
        parts.append(f'error="{error}"')
    return "Bearer " + ",".join(parts)


def basic_challenge(settings: Settings) -> str:
    """Render `WWW-Authenticate` of the token service, which wants a name and a password."""
    return f'Basic realm="{settings.realm}"'


def unauthorized(challenge_: str, message: str | None = None, detail: object = None) -> RegistryError:
    """Make the 401 with its challenge; without one for the management API."""
    headers = {"WWW-Authenticate": challenge_} if challenge_ else {}
    return RegistryError("UNAUTHORIZED", detail, message=message, headers=headers)
