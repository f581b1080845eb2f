"""Write `chalicelib/harbor/api.json`: Harbor's API description with Moorage's changes, as the code reads and serves it.

`python -m scripts.generate_api_description` writes it; `tests/harbor/test_description.py` notices when it is not current.
Sources: `docs/reference/harbor-api-v2.0.yaml` (Harbor's, unchanged) and `docs/reference/moorage-api.yaml` (a JSON Merge Patch).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
HARBOR = ROOT / "docs/reference/harbor-api-v2.0.yaml"
MOORAGE = ROOT / "docs/reference/moorage-api.yaml"
TARGET = ROOT / "chalicelib/harbor/api.json"


def main() -> int:
    """Write the file."""
    TARGET.write_text(render())
    return 0


def render() -> str:
    """Make the description: patched, with the answers any operation may give, as JSON.

    Every path and every definition has a line of its own, so that git can merge what several people changed.
    """
    document = merge_patch(_read(HARBOR), _read(MOORAGE))
    for template, methods in document["paths"].items():
        for operation in methods.values():
            _limit_pages(operation)
            _mark_later(document["x-later"], operation)
            _add_general_answers(document, template, operation)
    return "{\n" + ",\n".join(f"{_json(name)}:{_room(part)}" for name, part in document.items()) + "\n}\n"


def _room(part: Any) -> str:
    if not isinstance(part, dict):
        return _json(part)
    return "{\n" + ",\n".join(f"{_json(name)}:{_json(value)}" for name, value in part.items()) + "\n}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch. Source: RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _read(path: Path) -> Any:
    document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return json.loads(json.dumps(document))  # anchors become copies, keys become strings


_SIZE = {"name": "page_size", "in": "query", "type": "integer", "format": "int64", "default": 10, "maximum": 100}
_ZERO_IS_MOST = frozenset({"listQuotas"})
"""Where `page_size=0` asks for the largest page: `harbor quota list` of harbor-cli sends it unless told otherwise."""


def _limit_pages(operation: dict[str, Any]) -> None:
    """Give page numbers the limits of the shared parameters where an operation has its own without any (retention)."""
    if operation["operationId"] in _ZERO_IS_MOST:
        operation["parameters"] = [
            {**_SIZE, "minimum": 0} if parameter.get("$ref") == "#/parameters/pageSize" else parameter
            for parameter in operation["parameters"]
        ]
        return
    for parameter in operation["parameters"]:
        if parameter.get("name") == "page":
            parameter.update(minimum=1, default=1)
        if parameter.get("name") == "page_size":
            parameter.update(minimum=1, maximum=100, default=10)


def _mark_later(features: dict[str, str], operation: dict[str, Any]) -> None:
    feature = features.get(operation["operationId"], features.get(operation["tags"][0]))
    if feature:
        operation["x-later"] = feature


def _add_general_answers(document: dict[str, Any], template: str, operation: dict[str, Any]) -> None:
    """Add what Harbor answers and does not write down.

    401 and 403: credentials are checked, and a session's CSRF token, before the operation is. 404: something the path names is
    not there. 422: a parameter or the body is not as described. 400: what only the operation can refuse (`q`, `sort`, a value).
    """
    parameters = [_resolved(document, parameter) for parameter in operation["parameters"]]
    names = {parameter["name"] for parameter in parameters}
    has_body = any(parameter["in"] == "body" for parameter in parameters)
    statuses = {"401", "403", "422", "429", *(["501"] if "x-later" in operation else [])}
    if "{" in template:
        statuses.add("404")
    if has_body:
        statuses.add("413")
    if has_body or names & {"q", "sort"}:
        statuses.add("400")
    answers = {status: {"$ref": f"#/responses/{status}"} for status in statuses}
    operation["responses"] = dict(sorted({**answers, **operation["responses"]}.items()))


def _resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = parameter
    if "$ref" in parameter:
        found = document["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found


if __name__ == "__main__":
    sys.exit(main())
