"""Write the text of `docs/reference/harbor-api.md`: every operation of the REST API, from the API description."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.harbor import description
from chalicelib.harbor.description import Operation

_INTRODUCTION = """# REST API

Below `/api/v2.0` Moorage speaks Harbor's REST API, so that clients and scripts written for Harbor work unchanged. This page
lists the operations; parameters, bodies and answers are in the description of the registry itself: `GET /api/v2.0/openapi.json`
(Swagger 2.0) for programs, `/api/v2.0/docs` for people. It is [Harbor's description](harbor-api-v2.0.yaml) with [Moorage's
additions and corrections](moorage-api.yaml).

## Manners

- **Login**: Basic credentials of a user or a robot, a Bearer token, or a session. Anonymous requests see what is public.
- **Errors** are `{"errors": [{"code", "message"}]}`. Whatever is not as described is 422, and the message lists everything that
  is wrong. Unknown members of a body and unknown query parameters are ignored, so newer clients can talk to an older Moorage.
- **Lists** take `page` (from 1), `page_size` (1 to 100, default 10), and most of them `q` and `sort`. `X-Total-Count` has the
  length of the whole list, `Link` the addresses of the pages before and after.
- **Repositories** with a slash in their name are encoded twice in a path: `a/b` is `a%252Fb`.
- **Projects** are named by their name or id; `X-Is-Resource-Name: true` says that a number is a name.
- **Ids** are integers. 201 has no body (but for robots, whose secret is shown once) and the new resource in `Location`, relative
  to the root. Updates and deletes are 200 without a body.
- **`X-Request-Id`** is echoed, or made up when there is none.
- A body is `application/json` in UTF-8 and at most 1 MiB.
"""


def page() -> str:
    """Render the page (without the note that it is generated)."""
    here = _grouped(lambda operation: operation.tag)
    later = _grouped(lambda operation: operation.later)
    parts = [_INTRODUCTION, "## Operations\n"]
    for tag, operations in here:
        if not all(operation.later for operation in operations):
            parts += [f"### {tag}\n", _table(["Operation", "What it does", "Answers"], map(_row, operations))]
    parts += [
        "## Not there yet\n",
        "These operations answer 501 with a message that names the feature they belong to.\n",
        _table(["Feature", "Operations"], ([feature, ", ".join(map(_name, found))] for feature, found in later)),
    ]
    return "\n".join(parts)


def _grouped(key: Callable[[Operation], str | None]) -> list[tuple[str, list[Operation]]]:
    """Group operations by what `key` says, leaving out those it says nothing about."""
    groups: dict[str, list[Operation]] = {}
    for operation in description.operations():
        name = key(operation)
        if name:
            groups.setdefault(name, []).append(operation)
    return sorted(groups.items(), key=lambda group: group[0].lower())


def _row(operation: Operation) -> list[str]:
    good = sorted(status for status in operation.responses if status < 400)
    answer = ", ".join(map(str, good)) if operation.later is None else f"501: comes with {operation.later}"
    return [_name(operation), _summary(operation), answer]


def _name(operation: Operation) -> str:
    return f"`{operation.method} {operation.path}`"


def _summary(operation: Operation) -> str:
    described = _paths_of_the_description()[operation.path][operation.method.lower()]
    return str(described["summary"]).strip().rstrip(".").replace("\n", " ")


@functools.cache
def _paths_of_the_description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(description.text())["paths"]
    return found


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
