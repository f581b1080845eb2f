"""What AWS, or a broken deployment, could do: a fault for every check of the smoke test, played by `faulty.Proxy`.

The faults of TLS are in `test_smoke.py`, since they are played by certificates.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping

from tests.scripts.faulty import Exchange, Play

MIB = 1 << 20
NOBODY = "Basic " + base64.b64encode(b"smoke-nobody:wrong").decode()


def after(change: Callable[[Exchange], None]) -> Play:
    """A fault of the answer."""

    def play(exchange: Exchange) -> None:
        exchange.forward()
        change(exchange)

    return play


def instead(when: Callable[[Exchange], bool], do: Callable[[Exchange], None]) -> Play:
    """A fault that answers for the registry."""

    def play(exchange: Exchange) -> None:
        do(exchange) if when(exchange) else exchange.forward()

    return play


def upload(exchange: Exchange) -> bool:
    return "/blobs/uploads/" in exchange.path and exchange.method in ("PATCH", "PUT")


def manifest(exchange: Exchange) -> bool:
    return "/manifests/" in exchange.path


def created(exchange: Exchange) -> None:
    exchange.refuse(201, b"")


def gateway_says(status: int) -> Callable[[Exchange], None]:
    """API Gateway's own error, which is no OCI error."""
    return lambda exchange: exchange.refuse(status, b'{"message": "Forbidden"}', "application/json")


def rename_challenge(exchange: Exchange) -> None:
    if exchange.status == 401:
        exchange.rename("www-authenticate")


def bare_401_below(exchange: Exchange) -> None:
    if exchange.status == 401 and exchange.path != "/v2/":
        exchange.set("www-authenticate", None)


def forge_token(exchange: Exchange) -> None:
    if exchange.path.startswith("/service/token") and exchange.status == 200:
        exchange.content = json.dumps({"token": "another"}).encode()


def reformat(exchange: Exchange) -> None:
    """Another JSON text of the same manifest: what a transformation template does."""
    if manifest(exchange) and exchange.status == 200:
        exchange.content = json.dumps(json.loads(exchange.content), indent=1).encode() if exchange.content else b""


def lose_length(exchange: Exchange) -> None:
    if manifest(exchange) and exchange.method == "HEAD":
        exchange.length = 0


def flip_byte(exchange: Exchange) -> None:
    if exchange.is_s3 and exchange.content:
        exchange.content = bytes([exchange.content[0] ^ 1]) + exchange.content[1:]


def ignore_range(exchange: Exchange) -> None:
    exchange.headers = [pair for pair in exchange.headers if pair[0].lower() != "range"]
    exchange.forward()


def say_ok(exchange: Exchange) -> None:
    if exchange.is_s3 and exchange.status == 403:
        exchange.refuse(200)


def drop_authorization(exchange: Exchange) -> None:
    if exchange.is_s3:
        exchange.headers = [pair for pair in exchange.headers if pair[0].lower() != "authorization"]
    exchange.forward()


def blobs_on_the_registrys_host(exchange: Exchange) -> None:
    location = exchange.answered("location")
    if "X-Amz-Signature" in location:
        exchange.set("location", location.replace("//localhost", "//127.0.0.1"))


def another_path(exchange: Exchange) -> None:
    if exchange.method == "POST":
        exchange.set("location", exchange.answered("location").replace("/blobs/uploads/", "/layers/"))


def forget_chunk(exchange: Exchange) -> None:
    """An upload that never says that a chunk is out of order."""
    if exchange.status == 416:
        exchange.status = 202


def forget_upload(exchange: Exchange) -> None:
    """A session kept in one task's memory, asked at another task."""
    if exchange.method == "GET" and "/blobs/uploads/" in exchange.path:
        exchange.set("range", "0-0")


def take_any_digest(exchange: Exchange) -> None:
    if exchange.status == 400 and upload(exchange):
        exchange.refuse(201, b"")


def take_any_state(exchange: Exchange) -> None:
    if exchange.status == 404 and upload(exchange):
        exchange.refuse(202, b"")


def slow(exchange: Exchange) -> None:
    if exchange.method == "HEAD":
        time.sleep(0.05)
    exchange.forward()


def redirect_patch(exchange: Exchange) -> None:
    """podman takes a redirect of a PATCH for success and stores nothing."""
    exchange.refuse(307)
    exchange.set("location", "http://127.0.0.1:1/elsewhere")


FAULTS: Mapping[str, tuple[str, str, Play]] = {
    "the challenge is renamed": ("challenge", "renamed to x-amzn-remapped-www-authenticate", after(rename_challenge)),
    "no challenge below /v2/": (
        "challenge-below",
        "401 with WWW-Authenticate ''",
        after(bare_401_below),
    ),
    "junk is 403": (
        "challenge-garbage-token",
        "answered 403, wanted 401",
        instead(lambda e: "garbage" in e.header("authorization"), gateway_says(403)),
    ),
    "junk breaks the authorizer": (
        "challenge-garbage-token",
        "answered 500, wanted 401",
        instead(lambda e: "garbage" in e.header("authorization"), gateway_says(500)),
    ),
    "a wrong password is right": (
        "challenge-wrong-password",
        "registry answered 200",
        instead(lambda e: "/tags/list" in e.path and e.header("authorization") == NOBODY, lambda e: e.refuse(200)),
    ),
    "the token service takes anybody": (
        "challenge-wrong-password",
        "token service answered 200",
        instead(lambda e: "/token" in e.path and e.header("authorization") == NOBODY, lambda e: e.refuse(200)),
    ),
    "tokens of another registry": ("token", "with a token answered 401", after(forge_token)),
    "anybody may push": (
        "anonymous",
        "an anonymous push answered 202",
        after(lambda e: e.refuse(202) if e.status in (401, 403) and e.path.endswith("/uploads/") else None),
    ),
    "errors are HTML": ("errors", "as text/html", after(lambda e: e.refuse(404) if e.status == 404 else None)),
    "errors are the gateway's": (
        "errors",
        "no OCI error",
        after(lambda e: gateway_says(404)(e) if e.status == 404 else None),
    ),
    "10 MB break the gateway": (
        "body-over-10-mb",
        "no OCI error",
        instead(lambda e: len(e.body) > 10 * MIB and not upload(e), gateway_says(413)),
    ),
    "6 MB break Lambda": (
        "body-over-lambda",
        "8388608 bytes answered 502",
        instead(lambda e: len(e.body) > 6 * MIB and not upload(e), lambda e: e.refuse(502)),
    ),
    "no stage named api": (
        "console",
        "systeminfo answered 403",
        instead(lambda e: e.path.startswith("/api/"), gateway_says(403)),
    ),
    "the console drops Authorization": (
        "console",
        "users/current answered 401",
        instead(lambda e: "/users/current" in e.path, gateway_says(401)),
    ),
    "manifests are written anew": ("manifest", "not the same", after(reformat)),
    "HEAD tells 0": ("manifest-head", "Content-Length '0'", after(lose_length)),
    "bodies of 1 MB at most": (
        "manifest-4-mib",
        "PUT of 4194304 bytes answered 413",
        instead(lambda e: manifest(e) and len(e.body) > MIB, gateway_says(413)),
    ),
    "manifests of any size": (
        "manifest-over-4-mib",
        "4 MiB and a byte answered 201",
        instead(lambda e: manifest(e) and len(e.body) > 4 * MIB, created),
    ),
    "sizes are not compared": (
        "manifest-wrong-size",
        "it answered 201",
        instead(lambda e: "/manifests/wrong" in e.path, created),
    ),
    "Accept is demanded": (
        "accept",
        "GET of a blob answered 400",
        instead(lambda e: not e.header("accept") and "/blobs/sha256:" in e.path, gateway_says(400)),
    ),
    "the last Accept counts": (
        "accept",
        "GET of a manifest answered 404",
        instead(lambda e: e.headers[-1] == ("Accept", "application/json"), gateway_says(404)),
    ),
    "encoded paths are unknown": (
        "encoded-paths",
        "tags/list answered 404",
        instead(lambda e: "%" in e.path.partition("?")[0], gateway_says(404)),
    ),
    "HEAD of a blob ends here": (
        "blob-head",
        "answered 200, wanted 307",
        instead(lambda e: e.method == "HEAD" and "/blobs/" in e.path, lambda e: e.refuse(200, b"")),
    ),
    "S3 gives other bytes": ("blob-get", "another digest", after(flip_byte)),
    "S3 gives the whole blob": ("blob-range", "a range answered 200", ignore_range),
    "signatures do not cover the method": ("presigned-method", "signed for GET answered 200", after(say_ok)),
    "signatures are not checked": ("presigned-tampered", "changed address answered 200", after(say_ok)),
    "S3 takes two credentials": ("presigned-authorization", "with Authorization answered 200", drop_authorization),
    "blobs on the registry's host": ("blob-host", "served by 127.0.0.1", after(blobs_on_the_registrys_host)),
    "uploads elsewhere": ("upload-address", "/layers/", after(another_path)),
    "PATCH is redirected": (
        "upload-chunked",
        "answered 307, wanted 202",
        instead(lambda e: e.method == "PATCH", redirect_patch),
    ),
    "bodies need a length": (
        "upload-chunked",
        "answered 411, wanted 202",
        instead(lambda e: e.is_chunked, lambda e: e.refuse(411)),
    ),
    "uploads of 10 MB at most": (
        "upload-one-put",
        "closing PUT answered 413",
        instead(lambda e: len(e.body) > 10 * MIB, gateway_says(413)),
    ),
    "chunks in any order": ("upload-several", "out of order answered 202", after(forget_chunk)),
    "uploads live in one task": ("upload-resumed", "are told, and 9437184 were acknowledged", after(forget_upload)),
    "a PATCH must be quick": (
        "upload-slow",
        "a PATCH of 1 s answered 504",
        instead(lambda e: upload(e) and e.body_s > 0.5, gateway_says(504)),
    ),
    "digests are not checked": ("upload-wrong-digest", "it answered 201, wanted 400", after(take_any_digest)),
    "states are not checked": ("upload-state", "answered 202, wanted a refusal", after(take_any_state)),
    "slow": ("latency", "wanted at most 30 ms when warm", slow),
    "another header is renamed": ("headers", "etag of a GET", after(lambda e: e.rename("etag"))),
    "no event": ("scan-event", "no new job", lambda e: e.forward()),
    "nothing may be removed": (
        "clean-up",
        "answered 403; remove it by hand",
        instead(lambda e: e.method == "DELETE", gateway_says(403)),
    ),
}
"""Name -> the check that must fail, what it must have seen, and the fault."""
