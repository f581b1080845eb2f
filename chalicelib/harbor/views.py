"""What the JSON views of several resources share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote


def place(project: str, repository: str) -> str:
    """Render a repository's path below `/api/v2.0`; the slashes of its name are encoded twice, as clients send them."""
    return f"/projects/{project}/repositories/{quote(quote(repository, safe=''), safe='')}"


def moment(at: int) -> str:
    """Render Unix seconds as Harbor renders times."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def present(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what has no value, as `omitempty` does."""
    return {name: value for name, value in document.items() if value is not None}
