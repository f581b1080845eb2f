"""Scopes: what a client asks a token for.

Source: distribution, "Token Scope Documentation" (grammar: `type[(class)]:name:action,action`, several separated by spaces).
Like distribution's token server a scope that cannot be read is passed over: it grants nothing and breaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from chalicelib.rbac.model import ACTIONS, PROJECT_NAME

REPOSITORY, REGISTRY = "repository", "registry"
_TYPE = re.compile(r"([a-z0-9]+)(?:\([a-z0-9]+\))?", re.ASCII)
_NAME = re.compile(rf"{PROJECT_NAME.pattern}(?:/{PROJECT_NAME.pattern})+", re.ASCII)
_NAME_MAX_CHARACTERS = 255


class Scope(NamedTuple):
    """Some actions on one resource. The action `*` stands for all the caller may do."""

    type: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Scope | None:
        """Read one scope; None when it is not one of a repository or of the catalog."""
        parts = text.split(":")
        kind = _TYPE.fullmatch(parts[0])
        if len(parts) != 3 or not kind:
            return None
        actions = frozenset(parts[2].split(",")) & (ACTIONS | {"*"})
        if kind[1] == REPOSITORY and len(parts[1]) <= _NAME_MAX_CHARACTERS and _NAME.fullmatch(parts[1]):
            return cls(REPOSITORY, parts[1], actions)
        if kind[1] == REGISTRY and parts[1] == "catalog":
            return cls(REGISTRY, "catalog", actions)
        return None

    @property
    def project(self) -> str:
        """The project of a repository's scope."""
        return self.name.partition("/")[0]


def parse(values: Iterable[str]) -> list[Scope] | None:
    """Read all `scope` parameters, each of which may hold several scopes. Scopes of one resource are joined.
    None when no scope was asked for at all: then the token is an identity token."""
    texts = [text for value in values for text in value.split()]
    if not texts:
        return None
    found: dict[tuple[str, str], Scope] = {}
    for scope in filter(None, map(Scope.parse, texts)):
        key = scope.type, scope.name
        earlier = found[key].actions if key in found else frozenset()
        found[key] = Scope(scope.type, scope.name, earlier | scope.actions)
    return list(found.values())
