"""Repository names, tags and references.

Source: OCI distribution-spec 1.1, "Pulling manifests" (grammar of `<name>` and `<reference>`). A Moorage repository lives in a
project, so a name has at least two components; clients add a host to the name and stop at 255 characters altogether.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
NAME_MAX_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Name:
    """The full name of a repository, `<project>/<repository>`."""

    project: str
    repository: str

    @classmethod
    def parse(cls, text: str) -> Name:
        """Read a repository name. Raises NAME_INVALID (400) when it breaks the grammar, and NAME_UNKNOWN (404) when it names no
        project: docker repeats a push that was answered 400 for a minute before it shows why, and believes a 404 at once."""
        if len(text) > NAME_MAX_CHARACTERS or not _NAME.fullmatch(text):
            raise RegistryError("NAME_INVALID", {"name": text[:300]})
        project, slash, repository = text.partition("/")
        if not slash:
            raise RegistryError(
                "NAME_UNKNOWN",
                {"name": text},
                message=f"a repository lives in a project: use <project>/{text}, for example library/{text}",
            )
        return cls(project, repository)

    def __str__(self) -> str:
        return f"{self.project}/{self.repository}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of an existing project. The project's id makes a re-created project a new one."""

    project_id: int
    name: Name

    def __str__(self) -> str:
        return str(self.name)


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for a manifest in a repository."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Read a tag. Raises TAG_INVALID (400)."""
        if not _TAG.fullmatch(text):
            raise RegistryError("TAG_INVALID", {"tag": text[:200]})
        return cls(text)

    def __str__(self) -> str:
        return self.text


def parse_reference(text: str) -> Tag | Digest:
    """Read a tag or a digest: what has a colon is a digest. Raises DIGEST_INVALID or TAG_INVALID (400)."""
    return Digest.parse(text) if ":" in text else Tag.parse(text)
