"""Checklist C: the challenge, the token, and what neither opens."""

from __future__ import annotations

import base64
import json
import os
import re

import pytest

from tests.checklists import documents
from tests.running import Running
from tests.wire import MANIFEST, Answer, Wire

_CHALLENGE = re.compile(r'Bearer realm="(?P<realm>[^"]+)",service="(?P<service>[^"]+)"')


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask_token(nobody: Wire, headers: dict[str, str], scope: str = "") -> Answer:
    query = f"service=moorage&scope={scope}" if scope else "service=moorage"
    return nobody.get(f"/service/token?{query}", headers)


def token(nobody: Wire, registry: Running, scope: str = "") -> str:
    answer = ask_token(nobody, basic(registry.user, registry.password), scope)
    assert answer.status == 200
    assert answer.json["token"] == answer.json.get("access_token", answer.json["token"])
    return str(answer.json["token"])


def assert_challenged(answer: Answer) -> None:
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")
    assert _CHALLENGE.match(answer.headers["www-authenticate"]), answer.headers


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_the_challenge_leads_to_the_token_service(nobody: Wire, registry: Running) -> None:
    challenge = _CHALLENGE.match(nobody.get("/v2/").headers["www-authenticate"])

    assert challenge
    answer = nobody.raw(
        "GET", f"{challenge['realm']}?service={challenge['service']}", basic(registry.user, registry.password)
    )
    bearer = {"Authorization": f"Bearer {answer.json['token']}"}
    assert nobody.get("/v2/", bearer).status == 200


@pytest.mark.parametrize(
    "path", ["/v2/", "/v2/checklists/x/tags/list", "/v2/checklists/x/manifests/v1", "/v2/_catalog"]
)
def test_without_an_account_there_is_a_challenge(nobody: Wire, path: str) -> None:
    assert_challenged(nobody.get(path))


def test_the_challenge_says_which_api_this_is(nobody: Wire) -> None:
    """`docker manifest` of Docker 20.10 (Debian 12) ends with "unsupported registry version" without it."""
    assert nobody.get("/v2/").headers["docker-distribution-api-version"] == "registry/2.0"


def test_basic_is_enough(nobody: Wire, registry: Running) -> None:
    assert nobody.get("/v2/", basic(registry.user, registry.password)).status == 200


def test_a_wrong_password_is_refused_by_both(nobody: Wire, registry: Running) -> None:
    wrong = basic("somebody-who-is-not", registry.password)

    assert nobody.get("/v2/", wrong).status == 401
    answer = ask_token(nobody, wrong)
    assert (answer.status, answer.error_code) == (401, "UNAUTHORIZED")
    assert "token" not in answer.json


def test_a_forged_token_is_challenged(nobody: Wire, registry: Running) -> None:
    right = token(nobody, registry)
    header, claims, signature = right.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    half = len(signature) // 2
    forged = [
        "x",
        "a.b.c",
        right[:-1],
        f"{header}.{claims}.",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        f"{header}.{encoded({**told, 'sub': 'somebody'})}.{signature}",
        f"{header}.{encoded({**told, 'exp': told['exp'] + 10**6})}.{signature}",
        f"{header}.{claims}.{signature[:half]}{'A' if signature[half] != 'A' else 'B'}{signature[half + 1 :]}",
    ]
    for one in forged:
        assert_challenged(nobody.get("/v2/", {"Authorization": f"Bearer {one}"}))


def test_a_token_opens_no_more_than_its_scope(
    nobody: Wire, registry: Running, wire: Wire, name: str, other: str
) -> None:
    for repository in (name, other):
        documents.image().push(wire, repository)
    pull = {"Authorization": f"Bearer {token(nobody, registry, f'repository:{name}:pull')}"}

    assert nobody.get(f"/v2/{name}/manifests/latest", pull).status == 200
    for refused in (
        nobody.get(f"/v2/{other}/manifests/latest", pull),
        nobody.post(f"/v2/{name}/blobs/uploads/", pull),
        nobody.request("DELETE", f"/v2/{name}/manifests/latest", pull),
    ):
        assert refused.status in (401, 403), refused
        assert refused.error_code in ("UNAUTHORIZED", "DENIED")
    assert wire.head(f"/v2/{name}/manifests/latest").status == 200


def test_an_anonymous_token_pulls_public_repositories_only(nobody: Wire, wire: Wire, name: str) -> None:
    public = f"library/{os.urandom(5).hex()}"
    held = documents.image()
    for repository in (name, public):
        held.push(wire, repository)
    scope = f"repository:{public}:pull,push&scope=repository:{name}:pull"
    bearer = {"Authorization": f"Bearer {ask_token(nobody, {}, scope).json['token']}"}

    assert nobody.get(f"/v2/{public}/manifests/latest", bearer).body == held.top.body
    for refused in (
        nobody.get(f"/v2/{name}/manifests/latest", bearer),
        nobody.put(f"/v2/{public}/manifests/x", {**bearer, "Content-Type": MANIFEST}, held.top.body),
        nobody.post(f"/v2/{public}/blobs/uploads/", bearer),
    ):
        assert refused.status in (401, 403), refused
        assert refused.error_code in ("UNAUTHORIZED", "DENIED")


def test_a_refusal_behind_the_authorizer_is_a_403(nobody: Wire, name: str) -> None:
    """API Gateway renames WWW-Authenticate of a function's 401: regctl then gives up without a word that a person
    understands, and docker tries each layer of a push again for 50 seconds. A 403 stops both at once."""
    bearer = {"Authorization": f"Bearer {ask_token(nobody, {}, f'repository:{name}:pull,push').json['token']}"}

    for answer in (nobody.get(f"/v2/{name}/manifests/v1", bearer), nobody.post(f"/v2/{name}/blobs/uploads/", bearer)):
        assert (answer.status, answer.error_code) == (403, "DENIED"), answer


def test_an_unknown_repository_looks_like_a_private_one(nobody: Wire, wire: Wire, name: str, other: str) -> None:
    documents.image().push(wire, name)
    answers = []
    for repository in (name, other, "no-such-project/x"):
        scope = f"repository:{repository}:pull"
        bearer = {"Authorization": f"Bearer {ask_token(nobody, {}, scope).json['token']}"}
        answer = nobody.get(f"/v2/{repository}/manifests/latest", bearer)
        answers.append((answer.status, answer.error_code, answer.json["errors"][0]["message"]))

    assert len(set(answers)) == 1


def test_too_many_wrong_passwords_are_told_when_to_come_back(nobody: Wire) -> None:
    wrong = basic(f"user-{os.urandom(4).hex()}", "wrong")
    answers = [ask_token(nobody, wrong) for _ in range(11)]

    assert [answer.status for answer in answers[:10]] == [401] * 10
    assert (answers[10].status, answers[10].error_code) == (429, "TOOMANYREQUESTS")
    assert int(answers[10].headers["retry-after"]) > 0
