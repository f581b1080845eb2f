"""Reading values that a client sent against the schema of the API description; the subset of Swagger 2.0 that it uses.

Harbor (go-openapi) answers 422 to whatever is not as described, and says everything that is wrong in one message. Differences,
all on the strict side: a boolean is not any word, a list holds no null, text holds neither NUL nor half of a surrogate pair, and
a message never repeats what was sent. Source: Swagger 2.0, "Schema Object"; go-openapi/runtime, `BindValidRequest`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

_DEPTH = 32
_PROBLEMS = 20
_INT64 = (-(2**63), 2**63 - 1)
_RANGES = {"int8": (-(2**7), 2**7 - 1), "int32": (-(2**31), 2**31 - 1), "uint64": (0, 2**63 - 1)}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|/)[^\s\x00-\x20]*")
_HOUR = r"(?:[01]\d|2[0-3])"
_DATE_TIME = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)(?:[Tt ]{_HOUR}:[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?(?:[Zz]|[+-]{_HOUR}:?[0-5]\d)?)?",
    re.ASCII,
)
_WORDS = {
    **dict.fromkeys(("true", "1", "t", "yes", "y", "ok", "on", "selected", "checked", "enabled"), True),
    **dict.fromkeys(("false", "0", "f", "no", "n", "off", "disabled"), False),
}
"""What is true is go-openapi's list; there every other word is false."""

Schema = Mapping[str, Any]


class Reader:
    """Reads the parts of one request and remembers what is wrong with them in `problems`, in Harbor's words."""

    def __init__(self, resolve: Callable[[Schema], Schema]) -> None:
        self._resolve = resolve
        self.problems: list[str] = []
        self._readers = {
            "array": self._array,
            "boolean": self._boolean,
            "integer": self._integer,
            "number": self._number,
            "object": self._object,
            "string": self._string,
        }

    def text(self, schema: Schema, where: str, raw: str) -> Any:
        """Read a parameter of the path, the query or a header. `where` names it: `page in query`."""
        kind = schema.get("type", "string")
        if kind == "array":
            return [self.text(schema["items"], where, part) for part in raw.split(",")]
        if kind == "boolean":
            word = _WORDS.get(raw.strip().lower())
            return self._not(where, "must be of type boolean") if word is None else word
        if kind == "integer":
            if not _INTEGER.fullmatch(raw):
                return self._not(where, f"must be of type {schema.get('format', 'integer')}")
            return self.value(schema, where, int(raw))
        return self.value(schema, where, raw)

    def json(self, schema: Schema, name: str, body: bytes) -> Any:
        """Read a JSON body. What the schema does not know is left out; null counts as absent."""
        try:
            document = json.loads(body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return self._not(f"{name} in body", "must be JSON in UTF-8")
        return self.value(schema, f"{name} in body", document)

    def value(self, schema: Schema, where: str, value: Any, depth: int = 0) -> Any:
        """Read a JSON value."""
        schema = self._resolve(schema)
        read = self._readers.get(schema.get("type", ""), self._anything)
        return self._not(where, "is nested too deeply") if depth > _DEPTH else read(schema, where, value, depth)

    def _object(self, schema: Schema, where: str, value: Any, depth: int) -> Any:
        if not isinstance(value, dict):
            return self._not(where, "must be of type object")
        if "properties" not in schema and not schema.get("additionalProperties"):
            return self._anything(schema, where, value, depth)
        properties: Mapping[str, Schema] = schema.get("properties", {})
        prefix = "" if depth == 0 else where.removesuffix(" in body") + "."
        found: dict[str, Any] = {}
        for name, own in properties.items():
            if value.get(name) is not None:
                if not own.get("readOnly"):
                    found[name] = self.value(own, f"{prefix}{name} in body", value[name], depth + 1)
            elif name in schema.get("required", ()):
                self._not(f"{prefix}{name} in body", "is required")
            elif "default" in own:
                found[name] = own["default"]
        if schema.get("additionalProperties"):
            more = {name: item for name, item in value.items() if name not in properties}
            found.update(self._more(schema["additionalProperties"], where, more, depth))
        return found

    def _more(self, schema: Schema | bool, where: str, value: dict[str, Any], depth: int) -> dict[str, Any]:
        """Read what a map holds beside its named properties."""
        own: Schema = {} if isinstance(schema, bool) else schema
        return {
            name: self.value(own, f"a value of {where}", item, depth + 1)
            for name, item in value.items()
            if item is not None and self._is_text(where, name)
        }

    def _array(self, schema: Schema, where: str, value: Any, depth: int) -> Any:
        if not isinstance(value, list):
            return self._not(where, "must be of type array")
        name = where.removesuffix(" in body")
        return [
            self.value(schema["items"], f"{name}.{index} in body", item, depth + 1) for index, item in enumerate(value)
        ]

    def _string(self, schema: Schema, where: str, value: Any, _depth: int) -> Any:
        if not isinstance(value, str):
            return self._not(where, "must be of type string")
        if not self._is_text(where, value):
            return None
        wrong = _wrong_text(schema, value)
        return self._not(where, wrong) if wrong else value

    def _boolean(self, _schema: Schema, where: str, value: Any, _depth: int) -> Any:
        return value if isinstance(value, bool) else self._not(where, "must be of type boolean")

    def _integer(self, schema: Schema, where: str, value: Any, _depth: int) -> Any:
        low, high = _RANGES.get(schema.get("format", ""), _INT64)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            return self._not(where, f"must be of type {schema.get('format', 'integer')}")
        return self._within(schema, where, value)

    def _number(self, schema: Schema, where: str, value: Any, _depth: int) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool) or not _is_number(value):
            return self._not(where, "must be of type number")
        return self._within(schema, where, value)

    def _within(self, schema: Schema, where: str, value: float) -> Any:
        if value > schema.get("maximum", value):
            return self._not(where, f"should be less than or equal to {schema['maximum']}")
        if value < schema.get("minimum", value):
            return self._not(where, f"should be greater than or equal to {schema['minimum']}")
        return value

    def _anything(self, schema: Schema, where: str, value: Any, depth: int) -> Any:
        """Read what the description leaves open: any JSON that is safe to keep."""
        if depth > _DEPTH:
            return self._not(where, "is nested too deeply")
        if isinstance(value, str):
            return value if self._is_text(where, value) else None
        if isinstance(value, float | int) and not _is_number(value):
            return self._not(where, "has a number out of range")
        if isinstance(value, dict):
            items = ((name, item) for name, item in value.items() if self._is_text(where, name))
            return {name: self._anything(schema, where, item, depth + 1) for name, item in items}
        return [self._anything(schema, where, item, depth + 1) for item in value] if isinstance(value, list) else value

    def _is_text(self, where: str, value: str) -> bool:
        """Refuse what DynamoDB or UTF-8 cannot keep."""
        if "\0" in value or not (value.isascii() or _is_encodable(value)):
            self._not(where, "must be text without NUL characters and lone surrogates")
            return False
        return True

    def _not(self, where: str, why: str) -> None:
        if len(self.problems) < _PROBLEMS:
            self.problems.append(f"{where} {why}")


def _wrong_text(schema: Schema, value: str) -> str | None:
    """Say what is wrong with a text."""
    if len(value) > schema.get("maxLength", len(value)):
        return f"should be at most {schema['maxLength']} chars long"
    if len(value) < schema.get("minLength", 0):
        return f"should be at least {schema['minLength']} chars long"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"should match '{schema['pattern']}'"
    if "enum" in schema and value not in schema["enum"]:
        return f"should be one of {schema['enum']}"
    if value and not _is_formatted(schema.get("format"), value):
        return f"must be of type {schema['format']}"
    return None


def _is_formatted(name: str | None, value: str) -> bool:
    if name == "date-time":
        found = _DATE_TIME.fullmatch(value)
        return found is not None and _is_date(found[1])
    return name != "uri" or bool(_URI.fullmatch(value))


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_number(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else _INT64[0] <= value <= _INT64[1]


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(name)
