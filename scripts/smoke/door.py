"""The front door: the challenge, tokens, errors, limits. What API Gateway does to answers, and emulators do not."""

from __future__ import annotations

import json

from scripts.smoke.check import Suite
from scripts.smoke.registry import MANIFEST, MIB, Registry, parse_challenge, said
from scripts.smoke.report import Skipped, demand
from scripts.smoke.wire import Answer, Headers

FIRST, SUITE = Suite(), Suite()
"""Before anything is pushed, and after everything was asked."""

_NOT_MISSED = ("content-length", "date", "server", "connection", "www-authenticate")
"""A REST API sets the first four itself, and other checks look whether it does so rightly. The challenge of a 401 that the
application makes (a wrong password sent straight to the registry) is lost there; that of the gateway's own 401 is checked."""


@FIRST.check("challenge", "GET /v2/ without credentials is 401 with a Bearer challenge that names realm and service")
def challenge(registry: Registry) -> str:
    """Demand it of the first request every client makes."""
    realm, service = _challenged(registry, "GET", "/v2/", [])
    demand(realm.endswith("/service/token"), f"realm {realm!r}, which is not the token service")
    demand(service, "an empty service")
    return f"realm {realm}, service {service}"


@FIRST.check("challenge-below", "so is what nobody may do without a name, and HEAD, which has no body")
def challenge_below(registry: Registry) -> str:
    """Demand it where oras and crane look for it. A public repository may be read without a name, except at a REST API."""
    for method, path in (("POST", registry.path("blobs/uploads/")), ("GET", "/v2/_catalog"), ("HEAD", "/v2/_catalog")):
        found = _challenged(registry, method, path, [])
        demand(found == registry.challenge, f"another challenge on {method} {path}: {found}")
    return "the same challenge on POST, GET and HEAD"


@FIRST.check("challenge-garbage-token", "a Bearer token that is none gets 401 with the challenge, not 403 or 500")
def challenge_garbage_token(registry: Registry) -> str:
    """Demand it for junk, for a JWT of nobody, and for what is no scheme at all."""
    for value in ("Bearer garbage", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "Nonsense"):
        found = _challenged(registry, "GET", "/v2/", [("Authorization", value)])
        demand(found == registry.challenge, f"another challenge: {found}")
    return "the same challenge for three kinds of garbage"


@FIRST.check("challenge-wrong-password", "a wrong password is refused at the registry and at the token service")
def challenge_wrong_password(registry: Registry) -> str:
    """Demand it of a user who does not exist, so that nobody is locked out by this."""
    wrong = ("Authorization", "Basic c21va2Utbm9ib2R5Ondyb25n")
    answer = registry.send("GET", registry.path("tags/list"), None, [wrong])
    demand(answer.status == 401, f"the registry {said(answer)}, wanted 401")
    _demand_oci(answer, "UNAUTHORIZED")
    asked = registry.ask_token("", [wrong])
    demand(asked.status == 401, f"the token service {said(asked)}, wanted 401")
    return "401 at both"


@FIRST.check("token", "the token service gives a token for name and password, and the registry takes it")
def token(registry: Registry) -> str:
    """Demand what docker login needs: a token with and without a scope."""
    for scope in ("", f"repository:{registry.repository}:pull,push"):
        bearer = ("Authorization", f"Bearer {registry.token(scope)}")
        answer = registry.send("GET", "/v2/", None, [bearer])
        demand(answer.status == 200, f"GET /v2/ with a token {said(answer)}, wanted 200")
    basic = registry.send("GET", "/v2/", None, [registry.basic])
    demand(basic.status == 200, f"GET /v2/ with name and password {said(basic)}, wanted 200")
    return "200 with an identity token, a scoped token, and name and password"


@FIRST.check("anonymous", "a public project may be read with an anonymous token and not be written")
def anonymous(registry: Registry) -> str:
    """Demand that the authorizer lets a caller without a name through, and no further."""
    registry.image  # noqa: B018 - pushes it
    scope = f"repository:{registry.repository}:pull"
    bearer = ("Authorization", f"Bearer {registry.token(scope, is_anonymous=True)}")
    read = registry.send("GET", registry.path("tags/list"), None, [bearer])
    write = registry.send("POST", registry.path("blobs/uploads/"), None, [bearer])
    demand(write.status in (401, 403), f"an anonymous push {said(write)}")
    if read.status in (401, 403):
        raise Skipped(f"the project {registry.plan.project} is private: reading it {said(read)}")
    demand(read.status == 200, f"an anonymous read {said(read)}, wanted 200")
    return f"read 200, push {write.status}"


@FIRST.check("errors", "every error has the specification's JSON body and the right status")
def errors(registry: Registry) -> str:
    """Demand it of what the application refuses behind the gateway."""
    for method, path, status, code in (
        ("GET", registry.path("manifests/no-such-tag"), 404, ""),
        ("GET", registry.path("nothing/here"), 404, ""),
        ("GET", registry.path("blobs/sha256:zz"), 400, "DIGEST_INVALID"),
        ("POST", "/v2/", 405, "UNSUPPORTED"),
        ("GET", "/v2/UPPER/case/manifests/1", 400, "NAME_INVALID"),
    ):
        answer = registry.send(method, path, None, [registry.bearer])
        demand(answer.status == status, f"{method} {path} {said(answer)}, wanted {status}")
        _demand_oci(answer, code)
    return "five kinds of errors are OCI JSON"


@FIRST.check("body-over-10-mb", "a body above API Gateway's limit is 413 with an OCI error")
def body_over_10_mb(registry: Registry) -> str:
    """Demand it of 11 MiB."""
    return _too_large(registry, 11 * MIB)


@FIRST.check("body-over-lambda", "a body that API Gateway takes and Lambda does not is 413 with an OCI error")
def body_over_lambda(registry: Registry) -> str:
    """Demand it of 8 MiB: below 10 MB, above Lambda's 6 MiB."""
    return _too_large(registry, 8 * MIB)


@FIRST.check("console", "the management API answers where the token service is")
def console(registry: Registry) -> str:
    """Demand its version and the user's own name: stages, base paths and the Authorization header all work."""
    info = registry.wire.send("GET", f"{registry.console_url}/api/v2.0/systeminfo")
    demand(info.status == 200 and isinstance(info.json(), dict), f"systeminfo {said(info)}, wanted 200 and JSON")
    me = registry.wire.send("GET", f"{registry.console_url}/api/v2.0/users/current", None, [registry.basic])
    found = me.json()
    name = found.get("username") if isinstance(found, dict) else None
    demand(me.status == 200 and name == registry.plan.user, f"users/current {said(me)} for {name}")
    return f"{registry.console_url}/api/v2.0 knows {name}"


@SUITE.check("headers", "no header that clients need was renamed by the gateway")
def headers(registry: Registry) -> str:
    """Demand it of every answer so far. Must come last."""
    renamed: set[str] = set()
    for answer in registry.answers:
        for name, _ in answer.headers:
            if name.startswith("x-amzn-remapped-"):
                original = name.removeprefix("x-amzn-remapped-")
                renamed.add(original)
                is_lost = original not in _NOT_MISSED and not answer.header(original)
                demand(not is_lost, f"{original} of a {answer.method} ({answer.status}) became {name}")
    return f"of {len(registry.answers)} answers, renamed and not missed: {', '.join(sorted(renamed)) or 'nothing'}"


def _challenged(registry: Registry, method: str, path: str, sent: Headers) -> tuple[str, str]:
    answer = registry.send(method, path, None, sent)
    found = parse_challenge(answer)
    if method != "HEAD":
        _demand_oci(answer, "UNAUTHORIZED")
    version = answer.header("docker-distribution-api-version")
    demand(version == "registry/2.0", f"401 without Docker-Distribution-API-Version ({version!r})")
    return found


def _too_large(registry: Registry, size: int) -> str:
    headers = [registry.bearer, ("Content-Type", MANIFEST)]
    answer = registry.send("PUT", registry.path("manifests/too-large"), b" " * size, headers)
    demand(answer.status == 413, f"a body of {size} bytes {said(answer)}, wanted 413")
    _demand_oci(answer, "")
    return f"{size} bytes: 413 {answer.error_code}"


def _demand_oci(answer: Answer, code: str) -> None:
    """Demand the specification's error body, with this code unless it is empty."""
    kind = answer.header("content-type")
    seen = f"{answer.method} answered {answer.status} as {kind} with {json.dumps(answer.body[:120].decode(errors='replace'))}"
    demand(answer.error_code and "json" in kind, f"{seen}: no OCI error")
    demand(not code or answer.error_code == code, f"{seen}: wanted {code}")
