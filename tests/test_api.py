"""The registry as one function, the emulator behind it: requests in, answers out, and how many AWS calls each may cost."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.api import Api
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.config import Settings
from chalicelib.http import Request
from chalicelib.notify.journal import Journal
from chalicelib.oci.digest import Digest
from tests import builders
from tests.client import Client, basic

Calls = Callable[[], dict[str, int]]
AUDIT = {"DynamoDB.BatchWriteItem": 1}
"""What a row of the audit log adds, written beside the request. Its configuration is one read in 30 s and process; the statistics
of pulls, at most once a second, are left out here (`tests/aws/test_pulls.py`)."""


@pytest.fixture(scope="module")
def journal(settings: Settings) -> Journal:
    """The audit log as it is, without the statistics of pulls."""
    clock = lambda: time.time_ns() // 1000  # noqa: E731
    configurations = bootstrap.wire(settings).configurations
    return Journal(DynamoAuditWriter(settings, clock), lambda now: configurations.current(now=now), clock)


@pytest.fixture(scope="module")
def api(api: Api, settings: Settings, journal: Journal) -> Api:
    """The provisioned registry with that audit log."""
    return bootstrap.assemble(settings, journal)


@pytest.fixture(scope="module")
def admin(api: Api) -> Client:
    """The administrator in front of it."""
    return Client(api, basic("admin", "admin-secret"))


@pytest.fixture
def calls(calls: Calls, settings: Settings, journal: Journal) -> Calls:
    """The calls once the audit log is written too; its configuration is known."""

    def take() -> dict[str, int]:
        while not journal.is_idle:
            time.sleep(0.001)
        bootstrap.wire(settings).configurations.current(now=int(time.time()) + 20)
        return calls()

    return take


@pytest.fixture
def name() -> str:
    return f"library/r{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def configuration(settings: Settings) -> None:
    """Read the configuration, so that its time ends in no test that counts calls."""
    configurations = bootstrap.wire(settings).configurations
    configurations.change({"primary_auth_mode": False})
    configurations.current(now=int(time.time()))


def push_image(client: Client, name: str, reference: str = "latest", layers: tuple[bytes, ...] = (b"layer",)) -> Digest:
    content = builders.image(layers=layers)
    for blob in (b"{}", *layers):
        assert client.push_blob(name, blob, Digest.of(blob)).status == 201
    answer = client.send("PUT", f"/v2/{name}/manifests/{reference}", content)
    assert answer.status == 201, answer
    return Digest.of(content)


def fresh(settings: Settings, journal: Journal, client: Client) -> Client:
    """The same caller in front of a process that remembers nothing but its keys."""
    for cached in (bootstrap.registry, bootstrap.access, bootstrap.uploads):
        cached.cache_clear()
    cold = Client(bootstrap.assemble(settings, journal), client.authorization)
    assert cold.get("/v2/").status == 200
    return cold


def test_an_image_is_pushed_and_pulled(admin: Client, name: str) -> None:
    digest = push_image(admin, name)
    by_tag, head = admin.get(f"/v2/{name}/manifests/latest"), admin.send("HEAD", f"/v2/{name}/manifests/{digest}")
    assert by_tag.body == head.body == builders.image()
    assert by_tag.headers["docker-content-digest"] == str(digest)
    assert by_tag.headers["content-type"] == "application/vnd.oci.image.manifest.v1+json"
    blob = admin.get(f"/v2/{name}/blobs/{Digest.of(b'layer')}")
    assert blob.status == 307
    assert "X-Amz-Signature" in blob.headers["location"]


def test_an_unchanged_manifest_is_304(admin: Client, name: str) -> None:
    digest = push_image(admin, name)
    for etag in (f'"{digest}"', f'W/"{digest}", "x"', "*"):
        assert admin.get(f"/v2/{name}/manifests/latest", if_none_match=etag).status == 304
    assert admin.get(f"/v2/{name}/manifests/latest", if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/library/none/manifests/latest", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/library/none/manifests/sha256:bad", 400, "DIGEST_INVALID"),
        ("GET", "/v2/library/none/manifests/-bad", 400, "MANIFEST_INVALID"),
        ("GET", "/v2/library/none/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/library/none/tags/list?n=x", 400, "UNSUPPORTED"),
        ("GET", f"/v2/library/none/blobs/{Digest.of(b'none')}", 404, "BLOB_UNKNOWN"),
        ("DELETE", f"/v2/library/none/blobs/{Digest.of(b'none')}", 404, "BLOB_UNKNOWN"),
        ("DELETE", "/v2/library/none/manifests/latest", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/library/none/referrers/sha256:bad", 400, "DIGEST_INVALID"),
        ("POST", "/v2/Library/BAD/blobs/uploads/", 400, "NAME_INVALID"),
        ("POST", "/v2/single/blobs/uploads/", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/library/none/blobs/uploads/?mount=sha256:bad", 400, "DIGEST_INVALID"),
        ("POST", f"/v2/library/none/blobs/uploads/?digest={Digest.of(b'no body')}", 400, "DIGEST_INVALID"),
        ("PATCH", "/v2/library/none/manifests/latest", 405, "UNSUPPORTED"),
        ("PATCH", "/v2/library/none/blobs/uploads/5f0c", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT", "/v2/library/none/blobs/uploads/5f0c?_state=a.b.c", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("GET", "/v2/library/none", 404, "UNSUPPORTED"),
        ("GET", "/v2/nowhere/none/manifests/latest", 404, "NAME_UNKNOWN"),
        ("GET", "/elsewhere", 404, "UNSUPPORTED"),
    ],
)
def test_a_bad_request_gets_its_code_and_status(admin: Client, method: str, path: str, status: int, code: str) -> None:
    answer = admin.send(method, path)
    assert (answer.status, answer.error_code) == (status, code)


@pytest.mark.parametrize(("path", "status"), [("/v2/", 401), ("/v2/library/none/tags/list", 404), ("/v2/none", 404)])
def test_every_answer_of_the_registry_names_the_apis_version(api: Api, admin: Client, path: str, status: int) -> None:
    answer = (Client(api) if status == 401 else admin).get(path)
    assert (answer.status, answer.headers["docker-distribution-api-version"]) == (status, "registry/2.0")


def test_a_refused_push_stores_nothing(admin: Client, name: str) -> None:
    answer = admin.send("PUT", f"/v2/{name}/manifests/latest", builders.image(layers=(uuid.uuid4().bytes,)))
    assert (answer.status, answer.error_code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert admin.get(f"/v2/{name}/tags/list").error_code == "NAME_UNKNOWN"


def test_a_ten_megabyte_manifest_is_413_and_a_four_megabyte_one_is_stored(admin: Client, name: str) -> None:
    push_image(admin, name)
    large = builders.image(annotations={"padding": "x" * 4_000_000})
    assert admin.send("PUT", f"/v2/{name}/manifests/large", large).status == 201
    assert admin.get(f"/v2/{name}/manifests/large").body == large
    huge = admin.send("PUT", f"/v2/{name}/manifests/huge", builders.image(annotations={"p": "x" * 10_000_000}))
    assert (huge.status, huge.error_code) == (413, "SIZE_INVALID")


def test_a_blob_that_went_with_its_manifest_is_gone_for_who_asks_before_a_push(admin: Client, name: str) -> None:
    digest = push_image(admin, name)
    blob = f"/v2/{name}/blobs/{Digest.of(b'layer')}"
    assert admin.send("HEAD", blob).status == admin.get(blob).status == 307
    assert admin.send("DELETE", f"/v2/{name}/manifests/{digest}").status == 202
    assert admin.send("HEAD", blob).status == 404
    push_image(admin, name)
    assert admin.send("HEAD", blob).status == 307


def test_several_tags_in_one_push_are_named_in_the_answer(admin: Client, name: str) -> None:
    digest = push_image(admin, name)
    answer = admin.send("PUT", f"/v2/{name}/manifests/{digest}?tag=a&tag=b", builders.image())
    assert (answer.status, answer.headers["oci-tag"]) == (201, ["a", "b"])
    assert admin.get(f"/v2/{name}/tags/list").json()["tags"] == ["a", "b", "latest"]


def test_tag_pages_are_linked(admin: Client, name: str) -> None:
    digest = push_image(admin, name)
    query = "&".join(f"tag=t{number}" for number in range(5))
    admin.send("PUT", f"/v2/{name}/manifests/{digest}?{query}", builders.image())
    first = admin.get(f"/v2/{name}/tags/list?n=4")
    assert first.headers["link"] == f'</v2/{name}/tags/list?n=4&last=t2>; rel="next"'
    assert admin.get(f"/v2/{name}/tags/list?n=4&last=t2").json()["tags"] == ["t3", "t4"]
    none = admin.get(f"/v2/{name}/tags/list?n=0")
    assert (none.json()["tags"], "link" in none.headers) == ([], False)


def test_a_blob_is_mounted_from_a_repository_its_pusher_may_read(admin: Client, name: str) -> None:
    push_image(admin, name)
    digest = Digest.of(b"layer")
    for query in (f"mount={digest}&from={name}", f"mount={digest}"):
        answer = admin.send("POST", f"/v2/library/m{uuid.uuid4().hex[:8]}/blobs/uploads/?{query}")
        assert (answer.status, answer.headers["docker-content-digest"]) == (201, str(digest))
    absent = admin.send("POST", f"/v2/{name}/blobs/uploads/?mount={Digest.of(uuid.uuid4().bytes)}&from={name}")
    assert (absent.status, "_state=" in absent.headers["location"]) == (202, True)


def test_the_catalog_shows_what_was_pushed(admin: Client, name: str) -> None:
    push_image(admin, name)
    page = admin.get(f"/v2/_catalog?n=1&last={name[:-1]}")
    assert page.json() == {"repositories": [name]}


# What every operation costs. Architecture, section 5: "Call budget per request".


def test_a_pull_by_tag_costs_two_reads_cold_and_one_warm(
    settings: Settings, journal: Journal, admin: Client, name: str, calls: Calls
) -> None:
    push_image(admin, name)
    puller = fresh(settings, journal, admin.login(f"repository:{name}:pull"))
    calls()
    assert puller.get(f"/v2/{name}/manifests/latest").status == 200
    assert calls() == {"DynamoDB.GetItem": 2, **AUDIT}
    assert puller.get(f"/v2/{name}/manifests/latest").status == 200
    assert calls() == {"DynamoDB.GetItem": 1, **AUDIT}
    assert puller.send("HEAD", f"/v2/{name}/manifests/latest").status == 200
    assert calls() == {"DynamoDB.GetItem": 1}


def test_a_blob_costs_one_read_and_a_warm_get_none(
    settings: Settings, journal: Journal, admin: Client, name: str, calls: Calls
) -> None:
    push_image(admin, name)
    puller = fresh(settings, journal, admin.login(f"repository:{name}:pull"))
    calls()
    for method, cost in (("HEAD", {"DynamoDB.GetItem": 1}), ("GET", {}), ("HEAD", {"DynamoDB.GetItem": 1})):
        assert puller.send(method, f"/v2/{name}/blobs/{Digest.of(b'layer')}").status == 307
        assert calls() == cost


def test_a_manifest_push_costs_a_batch_read_a_transaction_and_an_object(
    admin: Client, name: str, calls: Calls
) -> None:
    layers = tuple(f"{name} {number}".encode() for number in range(5))
    push_image(admin, name, layers=layers)
    pusher = admin.login(f"repository:{name}:pull,push")
    pusher.get("/v2/")
    calls()
    content = builders.image(layers=layers, annotations={"again": "x"})
    assert pusher.send("PUT", f"/v2/{name}/manifests/v2", content).status == 201
    assert calls() == {"DynamoDB.BatchGetItem": 1, "DynamoDB.TransactWriteItems": 1, "S3.PUT": 1, **AUDIT}
    assert pusher.send("PUT", f"/v2/{name}/manifests/v2", content).status == 201
    assert calls() == {"DynamoDB.BatchGetItem": 1, **AUDIT}


def test_a_token_costs_one_read(
    settings: Settings, journal: Journal, admin: Client, name: str, calls: Calls
) -> None:
    cold = fresh(settings, journal, admin)
    cold.login(f"repository:{name}:pull,push")
    calls()
    cold.login(f"repository:{name}:pull,push", "repository:library/other:pull")
    assert calls() == {"DynamoDB.BatchGetItem": 1}
    Client(cold.api).login(f"repository:{name}:pull")
    assert calls() == {"DynamoDB.BatchGetItem": 1}


def test_starting_an_upload_costs_nothing(admin: Client, name: str, calls: Calls) -> None:
    pusher = admin.login(f"repository:{name}:pull,push")
    pusher.get("/v2/")
    calls()
    assert pusher.send("POST", f"/v2/{name}/blobs/uploads/").status == 202
    assert calls() == {}


def test_deleting_a_manifest_with_a_thousand_tags_costs_25_calls(admin: Client, name: str, calls: Calls) -> None:
    digest = push_image(admin, name)
    for ten in range(100):
        query = "&".join(f"tag=v{ten:02}{unit}" for unit in range(10))
        assert admin.send("PUT", f"/v2/{name}/manifests/{digest}?{query}", builders.image()).status == 201
    deleter = admin.login(f"repository:{name}:delete")
    deleter.get("/v2/")
    calls()
    assert deleter.send("DELETE", f"/v2/{name}/manifests/{digest}").status == 202
    cost = calls()
    assert cost.pop("DynamoDB.BatchWriteItem") == 1
    assert sum(cost.values()) <= 25, cost
    assert admin.get(f"/v2/{name}/tags/list").json()["tags"] == []


# Nothing a client sends is a server error.

PATHS = st.one_of(
    st.text(max_size=80),
    st.builds(
        "{}/{}/{}".format,
        st.text(max_size=30),
        st.sampled_from(["manifests", "blobs", "blobs/uploads", "tags", "referrers"]),
        st.text(max_size=90),
    ),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    path=PATHS,
    query=st.dictionaries(
        st.sampled_from(["n", "last", "digest", "mount", "from", "_state", "artifactType", "tag", "digest-algorithm"]),
        st.text(max_size=90),
        max_size=3,
    ),
    headers=st.dictionaries(
        st.sampled_from(["range", "content-range", "content-length", "content-type", "if-none-match", "accept"]),
        st.text(max_size=60),
        max_size=3,
    ),
    body=st.binary(max_size=200),
)
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_request_is_answered_without_a_server_error(
    admin: Client, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:

    sent = {name: [value] for name, value in headers.items()} | {"authorization": [admin.authorization or ""]}
    request = Request(method, f"/v2/{path}", {name: [value] for name, value in query.items()}, sent, body)
    answer = admin.api.handle(request, now=1_800_000_000)
    assert answer.status < 500
    if answer.status >= 400:
        assert json.loads(answer.body)["errors"][0]["code"]
