"""The API description is served as data and as a page, to everybody."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from chalicelib.harbor import description
from tests.harbor.client import HarborClient


def test_the_description_is_served_to_everybody(anonymous: HarborClient) -> None:
    answer = anonymous.get("/openapi.json")
    assert answer.status == 200
    assert answer.json()["basePath"] == "/api/v2.0"
    assert "host" not in answer.json()
    assert answer.json() == json.loads(description.text())


def test_the_page_runs_its_own_script_and_loads_nothing_from_elsewhere(anonymous: HarborClient) -> None:
    answer = anonymous.get("/docs")
    assert answer.status == 200
    [script] = re.findall(rb"<script>(.*?)</script>", answer.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(rb"https?://|src=|@import|url\(", answer.body)


def test_the_description_is_small_enough_for_lambda(anonymous: HarborClient) -> None:
    assert len(anonymous.get("/openapi.json").body) < 1024 * 1024


@pytest.mark.parametrize(("path", "kept"), [("/docs", "public, max-age=300"), ("/systeminfo", "no-store"), ("/x", "no-store")])
def test_caches_keep_what_is_everybodys_and_browsers_guess_no_types(
    anonymous: HarborClient, path: str, kept: str
) -> None:
    headers = anonymous.get(path).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == (kept, "nosniff")
