"""The management API's own manners, whatever the resource."""

from __future__ import annotations

import pytest

from tests.client import basic
from tests.harbor.client import HarborClient


def test_the_version_is_harbors(anonymous: HarborClient) -> None:
    assert anonymous.get("/api/version").json() == {"version": "v2.0"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v2.0/nothing", 404, "NOT_FOUND"),
        ("GET", "/api", 404, "NOT_FOUND"),
        ("GET", "/api/v1.0/projects", 404, "NOT_FOUND"),
        ("PATCH", "/api/v2.0/projects", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v2.0/scanners", 501, "NOT_IMPLEMENTED"),
        ("GET", "/api/v2.0/replication/policies", 501, "NOT_IMPLEMENTED"),
    ],
)
def test_what_is_not_there_is_said_in_harbors_words(
    harbor_admin: HarborClient, method: str, path: str, status: int, code: str
) -> None:
    answer = harbor_admin.send(method, path)
    assert (answer.status, answer.error_code) == (status, code)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_every_answer_has_the_clients_request_id_or_one_of_ours(anonymous: HarborClient) -> None:
    assert anonymous.get("/api/version", headers={"X-Request-Id": "abc"}).headers["x-request-id"] == "abc"
    for bad in ("", "x" * 200, "a\nb", "\u00e9"):
        assert anonymous.get("/nothing", headers={"X-Request-Id": bad}).headers["x-request-id"] == "test"


@pytest.mark.parametrize(
    "authorization", ["Basic !!", "Bearer x.y.z", "Digest x", basic("admin", "wrong"), basic("nobody", "x")]
)
def test_credentials_that_are_not_good_are_401_without_a_challenge(anonymous: HarborClient, authorization: str) -> None:
    answer = anonymous.get("/projects", headers={"Authorization": authorization}, client_ip="192.0.2.77")
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")
    assert "www-authenticate" not in answer.headers
