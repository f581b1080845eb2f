"""The `q` and `sort` parameters: what a list is filtered and ordered by. Pure.

Grammar (Harbor `src/lib/q/builder.go`): `k=v` exact, `k=~v` contains, `k=[a~b]` range, `k={a b}` any of, `k=(a b)` all of,
several joined by commas; `sort=k,-k`. A field the list does not have is passed over, in both, as Harbor does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cmp_to_key
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote_plus

from chalicelib.errors import RegistryError

Fields = Mapping[str, Any]
Item = TypeVar("Item")
Value = str | int | datetime
_MAX_CHARACTERS = 4096
_MAX_VALUES = 200
"""All values of a `q` are compared with all rows of a list: 200 with 10,000 take a second or two."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z|\.\d{1,6}Z?)?", re.ASCII)


class Kind(Enum):
    """How a criterion compares."""

    EXACT = "exact"
    CONTAINS = "contains"
    RANGE = "range"
    ANY = "any"
    ALL = "all"


class Criterion(NamedTuple):
    """One condition on a field. `values`: one; for a range the two ends, None where it is open."""

    field: str
    kind: Kind
    values: tuple[Value | None, ...]


class Order(NamedTuple):
    """One field of the order."""

    field: str
    is_descending: bool = False


def parse_q(text: str | None) -> tuple[Criterion, ...]:
    """Read `q`, which is percent-decoded once more. Raises BAD_REQUEST."""
    if not text:
        return ()
    if len(text) > _MAX_CHARACTERS:
        raise RegistryError("BAD_REQUEST", message=f"q may have {_MAX_CHARACTERS} characters")
    criteria = tuple(_criterion(part) for part in unquote_plus(text).split(","))
    if sum(len(criterion.values) for criterion in criteria) > _MAX_VALUES:
        raise RegistryError("BAD_REQUEST", message=f"q may have {_MAX_VALUES} values")
    return criteria


def parse_sort(text: str | None) -> tuple[Order, ...]:
    """Read `sort`; of a field that is there twice the first counts, since the second decides nothing."""
    if not text:
        return ()
    found: dict[str, Order] = {}
    for part in map(str.strip, text[:_MAX_CHARACTERS].split(",")):
        name = part.removeprefix("-")
        if name:
            found.setdefault(name, Order(name, part.startswith("-")))
    return tuple(found.values())


def _criterion(part: str) -> Criterion:
    field, equals, value = part.partition("=")
    if not equals or not field or not value:
        message = 'the query string must contain "=" and the key/value cannot be empty'
        raise RegistryError("BAD_REQUEST", message=message)
    field = field.strip()
    try:
        if value[0] == "~":
            return Criterion(field, Kind.CONTAINS, (_required(value[1:]),))
        if value[0] == "[":
            return Criterion(field, Kind.RANGE, _range(value))
        if value[0] in "{(":
            kind, end = (Kind.ANY, "}") if value[0] == "{" else (Kind.ALL, ")")
            return Criterion(field, kind, _list(value, end))
    except ValueError:
        raise RegistryError("BAD_REQUEST", message=f"invalid query string value: {value[:200]}") from None
    return Criterion(field, Kind.EXACT, (value.removeprefix("\\"),))


def _required(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _range(value: str) -> tuple[Value | None, Value | None]:
    if not value.endswith("]") or value.count("~") != 1:
        raise ValueError(value)
    low, high = (text.strip() for text in value[1:-1].split("~"))
    if not low and not high:
        raise ValueError(value)
    return (_value(low) if low else None, _value(high) if high else None)


def _list(value: str, end: str) -> tuple[Value, ...]:
    if not value.endswith(end):
        raise ValueError(value)
    return tuple(_value(text) for text in value[1:-1].split(" ") if text)


def _value(text: str) -> Value:
    """A time, a whole number, or text, in this order."""
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text.replace(" ", "T").removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return text.strip("\"'")


def matches(fields: Fields, criteria: Iterable[Criterion]) -> bool:
    """Say whether an entry fulfils all criteria on fields it has. A field that is a list fulfils `any` and exact with one
    member, `all` with all of them."""
    return all(_holds(fields[c.field], c) for c in criteria if c.field in fields)


def _holds(actual: Any, criterion: Criterion) -> bool:
    members = actual if isinstance(actual, (list, tuple, frozenset, set)) else [actual]
    if criterion.kind is Kind.ALL:
        return all(any(_equals(member, value) for member in members) for value in criterion.values)
    if criterion.kind is Kind.RANGE:
        return any(_is_within(member, *criterion.values) for member in members)
    if criterion.kind is Kind.CONTAINS:
        wanted = str(criterion.values[0]).lower()
        return any(wanted in str(member).lower() for member in members)
    return any(_equals(member, value) for member in members for value in criterion.values)


def _equals(actual: Any, value: Value | None) -> bool:
    if isinstance(actual, bool):
        return str(value).lower() == str(actual).lower() or str(value) == str(int(actual))
    if isinstance(actual, datetime):
        return actual == (value if isinstance(value, datetime) else _value(str(value)))
    return str(actual) == str(value)


def _is_within(actual: Any, low: Value | None, high: Value | None) -> bool:
    return (low is None or _compare(actual, low) >= 0) and (high is None or _compare(actual, high) <= 0)


def _compare(one: Any, other: Any) -> int:
    """Order two values: by their type's order, or as text where the types differ. None is first."""
    if one is None or other is None:
        return (one is not None) - (other is not None)
    are_numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    if type(one) is not type(other) and not are_numbers:
        one, other = str(one), str(other)
    return int(one > other) - int(one < other)


def selected(
    items: Iterable[Item],
    fields_of: Callable[[Item], Fields],
    criteria: Sequence[Criterion],
    orders: Sequence[Order],
) -> list[Item]:
    """Filter and sort entries. The sort is stable; entries keep the order they came in where the fields do not decide."""
    found = [(item, fields) for item in items if matches(fields := fields_of(item), criteria)]
    for order in reversed(orders):
        if found and order.field in found[0][1]:
            key = cmp_to_key(_compare)
            found.sort(key=lambda pair, f=order.field: key(pair[1].get(f)), reverse=order.is_descending)  # type: ignore[misc]
    return [item for item, _ in found]
