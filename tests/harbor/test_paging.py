"""Links between pages are Harbor's, at every edge of a list, and whoever follows them sees each entry once."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.harbor.paging import Asked, links, page_response
from chalicelib.http import Request

PATH = "/api/v2.0/projects/team/repositories/a%2Fb.c%2Fd/artifacts"
"""As the gateway hands it on: decoded once."""
LINK = re.compile(r'<([^>]*)>; rel="(prev|next)"')


def request(**query: str) -> Request:
    return Request("GET", PATH, query={name: [value] for name, value in query.items()})


def relations(page: int, page_size: int, total: int) -> list[str]:
    asked = Asked(page, page_size)
    return [match[2] for link in links(request(), asked, total) if (match := LINK.fullmatch(link))]


@pytest.mark.parametrize(
    ("page", "page_size", "total", "expected"),
    [
        (1, 10, 0, []), (1, 10, 10, []), (1, 10, 11, ["next"]), (2, 10, 11, ["prev"]), (2, 10, 20, ["prev"]),
        (2, 10, 21, ["prev", "next"]), (3, 10, 20, []), (9, 10, 20, []), (2**62, 100, 20, []),
    ],
)  # fmt: skip
def test_a_page_is_linked_to_those_beside_it(page: int, page_size: int, total: int, expected: list[str]) -> None:
    assert relations(page, page_size, total) == expected


def test_a_link_says_everything_that_was_asked_and_keeps_a_repository_encoded_twice() -> None:
    sent = request(q="name=~a,tags=(x y)", sort="-push_time", with_tag="true", page="2")
    link = links(sent, Asked(2, 10), 15)[0]
    target = urlsplit(LINK.fullmatch(link)[1])  # type: ignore[index]
    assert target.path == PATH.replace("%", "%25")
    assert unquote(target.path) == PATH
    expected = {"q": ["name=~a,tags=(x y)"], "sort": ["-push_time"], "with_tag": ["true"], "page": ["1"], "page_size": ["10"]}
    assert parse_qs(target.query) == expected


@given(total=st.integers(0, 60), page_size=st.integers(1, 20), value=st.text(max_size=20))
def test_following_next_leads_through_the_whole_list(total: int, page_size: int, value: str) -> None:
    entries, seen, page = list(range(total)), list[int](), 1
    while True:
        asked = Asked(page, page_size)
        items = entries[asked.offset : asked.offset + page_size]
        answer = page_response(request(q=value), asked, items, total)
        assert answer.headers["X-Total-Count"] == str(total)
        seen += items
        following = {match[2]: match[1] for match in LINK.finditer(str(answer.headers.get("Link", "")))}
        if "next" not in following:
            break
        query = parse_qs(urlsplit(following["next"]).query, keep_blank_values=True)
        assert (query["q"], query["page_size"]) == ([value], [str(page_size)])
        page = int(query["page"][0])
    assert seen == entries
