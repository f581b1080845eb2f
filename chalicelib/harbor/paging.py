"""Pages: `page`, `page_size`, `q` and `sort` of a request; `X-Total-Count` and `Link` of its answer.

Source: Harbor `src/server/v2.0/handler/base.go` (Links) and `src/lib/link.go`. The target of a link is the path and the query as
the client sent them, unescaped: harborapi and go-client read it so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from chalicelib.errors import RegistryError
from chalicelib.harbor.query import Criterion, Fields, Order, parse_q, parse_sort, selected
from chalicelib.http import Request, Response, json_response

T = TypeVar("T")
PAGE_SIZE_MAX = 100
ANSWER_BYTES = 6 * 1000 * 1000
"""The longest body; Lambda answers 6 MiB with everything around it. A hundred entries are that long only when somebody wrote very
long descriptions or annotations."""
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_QUERY_SAFE = "/:@!$'()*,;=~-._?{}[]|^`"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page as the client asked for it."""

    page: int = 1
    page_size: int = 10
    criteria: tuple[Criterion, ...] = ()
    orders: tuple[Order, ...] = ()

    @classmethod
    def parse(cls, query: Mapping[str, Any]) -> Asked:
        """Read the typed query parameters of an operation. A size of 0, where the description lets it pass, is the largest.
        Raises BAD_REQUEST."""
        criteria, orders = parse_q(query.get("q")), parse_sort(query.get("sort"))
        return cls(query.get("page") or 1, query.get("page_size", 10) or PAGE_SIZE_MAX, criteria, orders)

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.page - 1) * self.page_size

    def with_criteria(self, *more: Criterion) -> Asked:
        """The same page of a narrower list."""
        return Asked(self.page, self.page_size, (*self.criteria, *more), self.orders)


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page's entries and how many the whole list has."""

    items: Sequence[T]
    total: int


def listed(
    asked: Asked,
    *,
    natural: Order,
    page: Callable[[int, int, bool], tuple[Sequence[T], int]],
    every: Callable[[], Sequence[T]],
    fields_of: Callable[[T], Fields],
) -> Listed[T]:
    """Find a page. In the list's natural order and without criteria `page(offset, limit, is_descending)` reads just that page,
    at a cost that does not grow with the list; else all lean rows are read, filtered and sorted here."""
    orders = asked.orders or (natural,)
    if not asked.criteria and len(orders) == 1 and orders[0].field == natural.field:
        items, total = page(asked.offset, asked.page_size, orders[0].is_descending)
        return Listed(items, total)
    found = selected(every(), fields_of, asked.criteria, orders)
    return Listed(found[asked.offset : asked.offset + asked.page_size], len(found))


def page_response(request: Request, asked: Asked, items: Sequence[Any], total: int) -> Response:
    """Answer a page of JSON documents. Raises BAD_REQUEST when it fits into no answer of Lambda."""
    headers = {"X-Total-Count": str(total)}
    found = links(request, asked, total)
    if found:
        headers["Link"] = " , ".join(found)
    response = json_response(200, list(items), headers)
    if len(response.body) > ANSWER_BYTES // 2 and _answered_bytes(response.body) > ANSWER_BYTES:
        raise RegistryError("BAD_REQUEST", message="the page is too large: ask for a smaller page_size")
    return response


def _answered_bytes(body: bytes) -> int:
    """How long a body is as a JSON string, which is how Lambda answers."""
    return len(body) + body.count(b'"') + body.count(b"\\")


def links(request: Request, asked: Asked, total: int) -> list[str]:
    """Render the links to the pages before and after this one."""
    found = []
    if asked.page > 1 and (asked.page - 1) * asked.page_size < total:
        found.append(_link(request, asked, asked.page - 1, "prev"))
    if asked.page * asked.page_size < total:
        found.append(_link(request, asked, asked.page + 1, "next"))
    return found


def _link(request: Request, asked: Asked, page: int, relation: str) -> str:
    """Values are sent as they are but for what would end the link, the header or the parameter."""
    query = {**request.query, "page": [str(page)], "page_size": [str(asked.page_size)]}
    pairs = ((name, value) for name in sorted(query) for value in query[name])
    text = "&".join(f"{quote(name, safe=_QUERY_SAFE)}={quote(value, safe=_QUERY_SAFE)}" for name, value in pairs)
    return f'<{quote(request.path, safe=_PATH_SAFE)}?{text}>; rel="{relation}"'
