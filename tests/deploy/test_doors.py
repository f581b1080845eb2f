"""API Gateway as Terraform made it: the authorizer, the gateway responses, the limits, and what is renamed on the way."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

import httpx
import jwt
import pytest

from localstack.secret import read_secret
from tests import builders
from tests.deploy.conftest import Deployment
from tests.wire import ACCEPT, MANIFEST, OCTETS, Answer, Wire, digest_of, with_query

MIB = 1024 * 1024


def challenge(deployment: Deployment) -> str:
    return f'Bearer realm="{deployment.outputs["console_url"]}/service/token",service="moorage"'


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def a_token(wire: Wire, deployment: Deployment, scope: str) -> dict[str, str]:
    account = basic(deployment.user, deployment.password)
    answer = wire.raw("GET", f"/service/token?service=moorage&scope={scope}", account)
    assert answer.status == 200
    return {"Authorization": f"Bearer {answer.json['token']}"}


def assert_error(answer: Answer, status: int, code: str) -> None:
    """An OCI error, whoever made it."""
    assert (answer.status, answer.error_code) == (status, code), answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["errors"][0]["message"]


def resigned(deployment: Deployment, good: str, **changes: Any) -> str:
    """A token with other claims, signed with the deployment's own key, which only the owner of its account can read."""
    key = json.loads(read_secret(deployment.aws_url, "moorage/token-keys"))["keys"][0]
    claims = jwt.decode(good, options={"verify_signature": False})
    private = jwt.PyJWK({**key["jwk"], "alg": "ES256"}).key
    return jwt.encode({**claims, **changes}, private, "ES256", headers={"kid": key["kid"]})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/", "/v2", "/v2/library/x/manifests/latest", "/v2/_catalog"])
def test_without_a_credential_api_gateway_itself_challenges(
    nobody: Wire, deployment: Deployment, method: str, path: str
) -> None:
    answer = nobody.raw(method, path)
    assert_error(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == challenge(deployment)
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_head_without_a_credential_has_the_challenge_and_no_body(nobody: Wire, deployment: Deployment) -> None:
    answer = nobody.raw("HEAD", "/v2/library/x/manifests/latest")
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"] == challenge(deployment)


@pytest.mark.parametrize(
    "authorization",
    ["Bearer garbage", "Bearer " + "a" * 3000, "Bearer a.b.c", "Basic !!!", "Basic Og==", "Digest x", "x"],
)
def test_a_bad_credential_is_challenged_by_the_gateway_response(
    nobody: Wire, deployment: Deployment, authorization: str
) -> None:
    answer = nobody.raw("GET", "/v2/", {"Authorization": authorization})
    assert_error(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == challenge(deployment)


def test_an_expired_token_is_challenged_by_the_gateway_response(nobody: Wire, deployment: Deployment) -> None:
    good = a_token(nobody, deployment, "repository:library/x:pull")["Authorization"].split()[1]
    now = int(time.time())
    for token, status in (
        (resigned(deployment, good), 200),
        (resigned(deployment, good, iat=now - 2000, nbf=now - 2000, exp=now - 1000), 401),
        (resigned(deployment, good, iss="http://elsewhere"), 401),
    ):
        answer = nobody.raw("GET", "/v2/", {"Authorization": f"Bearer {token}"})
        assert answer.status == status, answer
        assert status == 200 or answer.headers["www-authenticate"] == challenge(deployment)


def test_a_wrong_password_gets_no_token_and_no_api(nobody: Wire, deployment: Deployment) -> None:
    assert_error(nobody.raw("GET", "/service/token?service=moorage", basic("admin", "wrong")), 401, "UNAUTHORIZED")
    answer = nobody.raw("GET", "/api/v2.0/users/current", basic("admin", "wrong"))
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")


def test_the_functions_own_challenge_is_renamed_and_so_cannot_be_what_clients_rely_on(
    nobody: Wire, deployment: Deployment
) -> None:
    """A valid token for something else passes the authorizer; the function's 401 loses its challenge, as on AWS."""
    token = a_token(nobody, deployment, "repository:library/other:pull")
    answer = nobody.raw("POST", "/v2/library/this/blobs/uploads/", token)
    assert_error(answer, 401, "UNAUTHORIZED")
    assert "www-authenticate" not in answer.headers
    assert answer.headers["x-amzn-remapped-www-authenticate"].startswith("Bearer realm=")


@pytest.mark.parametrize("path", ["/", "/v1/", "/v2x/", "/nowhere", "/V2/"])
def test_where_there_is_no_stage_aws_answers(nobody: Wire, path: str) -> None:
    answer = nobody.raw("GET", path)
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/no such path", 404, "NOT_FOUND"),
        ("/v2/library/x/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("/v2/library/x/blobs/sha256:zz", 400, "DIGEST_INVALID"),
        ("/v2/library/x/blobs/sha256:" + "0" * 64, 404, "BLOB_UNKNOWN"),
        ("/api/v2.0/nothing", 404, "NOT_FOUND"),
        ("/service/nothing", 404, "NOT_FOUND"),
        ("/ui/nothing", 404, "UNSUPPORTED"),
    ],
)
def test_wrong_paths_get_oci_errors(admin: Wire, path: str, status: int, code: str) -> None:
    answer = admin.get(path)
    assert answer.status == status, answer
    assert answer.json["errors"], answer


def test_an_escaped_path_arrives_as_it_was_sent(admin: Wire, repository: str) -> None:
    admin.push_blob(repository, b"config")
    escaped = repository.replace("/", "%2F")
    plain, odd = admin.get(f"/v2/{repository}/tags/list"), admin.get(f"/v2/{escaped}/tags/list")
    assert (odd.status, odd.error_code) == (plain.status, plain.error_code)


def test_a_body_beyond_10_mb_is_refused_by_api_gateway(admin: Wire, repository: str) -> None:
    answer = admin.put(f"/v2/{repository}/manifests/big", {"Content-Type": MANIFEST}, bytes(10 * MIB + 1))
    assert_error(answer, 413, "SIZE_INVALID")


def test_an_event_beyond_6_mb_is_refused(admin: Wire, repository: str) -> None:
    answer = admin.put(f"/v2/{repository}/manifests/big", {"Content-Type": MANIFEST}, bytes(5 * MIB))
    assert_error(answer, 413, "SIZE_INVALID")


def test_manifests_of_4_mib_pass_both_ways_and_head_tells_their_length(admin: Wire, repository: str) -> None:
    config = secrets.token_bytes(20)
    admin.push_blob(repository, config)
    content = builders.image(config=config, layers=(), annotations={"filler": "x" * (4 * MIB - 2000)})
    assert 4 * MIB - 4000 < len(content) <= 4 * MIB
    admin.push_manifest(repository, "large", content)
    got, head = admin.manifest(repository, "large"), admin.head(f"/v2/{repository}/manifests/large", ACCEPT)
    assert got.body == content
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))


def test_several_accept_headers_all_count(deployment: Deployment, admin: Wire, repository: str) -> None:
    config = secrets.token_bytes(20)
    admin.push_blob(repository, config)
    admin.push_manifest(repository, "latest", builders.image(config=config, layers=()))
    token = a_token(admin, deployment, f"repository:{repository}:pull")
    headers = [("Accept", MANIFEST), ("Accept", "application/json"), *token.items()]
    answer = httpx.get(f"{deployment.url}/v2/{repository}/manifests/latest", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, MANIFEST)


def test_blobs_redirect_to_urls_signed_by_the_functions_role(admin: Wire, repository: str) -> None:
    content = secrets.token_bytes(3 * MIB)
    digest = admin.push_blob(repository, content)
    redirect = admin.request("GET", f"/v2/{repository}/blobs/{digest}", follow=False)
    assert redirect.status == 307
    assert "X-Amz-Security-Token=" in redirect.location
    assert admin.raw("GET", redirect.location).body == content
    assert admin.head(f"/v2/{repository}/blobs/{digest}").headers["content-length"] == str(len(content))
    assert admin.raw("HEAD", redirect.location).status == 403, "a URL signed for GET serves GET"
    tampered = redirect.location.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=x")
    assert admin.raw("GET", tampered).status in (400, 403)


def test_uploads_go_to_the_upload_service(admin: Wire, deployment: Deployment, repository: str) -> None:
    location = admin.start_upload(repository)
    assert location.startswith(deployment.outputs["upload_url"])
    content = b"in two pieces" * 1000
    patched = admin.raw("PATCH", location, OCTETS, content[:5000])
    assert patched.status == 202
    digest = digest_of(content)
    assert admin.raw("PUT", with_query(patched.location, digest=digest), OCTETS, content[5000:]).status == 201
    assert admin.get(f"/v2/{repository}/blobs/{digest}").body == content
