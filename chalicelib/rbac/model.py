"""The values of access control: who asks, what is known about them, and about the projects they ask for.

NamedTuples where a value hides nothing in its repr: a dataclass takes 1 ms to define, and every cold start pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

PULL, PUSH, DELETE = "pull", "push", "delete"
ACTIONS = frozenset({PULL, PUSH, DELETE})
CATALOG = "registry:catalog"
"""How a token names the list of all repositories."""

PROJECT_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
"""One path component of a repository name. Source: OCI distribution-spec 1.1, "Pulling manifests"."""
USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+$-]{0,127}", re.ASCII)
PROJECT_NAME_MAX_CHARACTERS = 253


class PrincipalError(ValueError):
    """An administrator asked for something about users or projects that cannot be done; the message is for them."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends this request, and with what."""

    name: str
    """"" for anonymous."""
    is_admin: bool
    access: Mapping[str, frozenset[str]] | None
    """Actions of the token by full repository name (and `registry:catalog`); None = identity, judged by the caller's rights."""
    project_ids: Mapping[str, int]
    """Ids of the projects the token was issued for."""


ANONYMOUS = Caller("", False, None, {})


@dataclass(frozen=True, slots=True)
class User:
    """A person or machine with a password."""

    name: str
    password_hash: str = field(repr=False)
    is_admin: bool = False
    is_enabled: bool = True
    created_at: int = 0


class Project(NamedTuple):
    """A project; a re-created one has a new id, so nothing of the old one is its own."""

    name: str
    project_id: int
    is_public: bool


class Grant(NamedTuple):
    """A user's role in one life of a project."""

    project_id: int
    role: str


class Failures(NamedTuple):
    """Failed logins of a user from one origin, and when they are forgotten."""

    number: int = 0
    ends_at: int = 0


class Facts(NamedTuple):
    """What one batch read found: the user, their failed logins from one origin, the projects asked for, the user's grants."""

    user: User | None = None
    failures: Failures = Failures()
    projects: Mapping[str, Project] = {}
    grants: Mapping[str, Grant] = {}
