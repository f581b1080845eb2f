"""Pages that Lambda can answer."""

from __future__ import annotations

import json

import pytest

from chalicelib.errors import RegistryError
from chalicelib.harbor.paging import ANSWER_BYTES, Asked, page_response
from chalicelib.http import Request

LAMBDA_BYTES = 6 * 1024 * 1024


@pytest.mark.parametrize("text", ["x" * 50_000, '"' * 25_000, "\\" * 20_000, "\u00e9\U0001f600" * 3_000, "\n" * 20_000])
def test_the_largest_page_fits_and_a_larger_one_is_refused(text: str) -> None:
    request, asked = Request("GET", "/api/v2.0/repositories"), Asked()
    answered, count = b"", 1
    while True:
        try:
            answered = page_response(request, asked, [text] * count, count).body
        except RegistryError as error:
            assert error.code == "BAD_REQUEST"
            break
        count += 1
    assert ANSWER_BYTES * 0.95 < len(json.dumps(answered.decode())) < LAMBDA_BYTES
