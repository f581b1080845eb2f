"""Keys in Secrets Manager: made once, rotated without a gap, read seldom, private where they belong."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from chalicelib.aws.secrets import (
    AGAIN_S,
    STATE_LIFE_S,
    TOKEN_LIFE_S,
    RegistryKeys,
    Secrets,
    TokenKeys,
    ensure_keys,
    rotate_keys,
)
from chalicelib.aws.wire import SECRETS_MANAGER, CallFailed, Wire
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.rbac import tokens
from chalicelib.rbac.keyset import KEEP_S
from tests.conftest import free_port

NOW = 1_800_000_000


class CountingSecrets(Secrets):
    """Counts reads, so that tests can say how often AWS is asked."""

    reads = 0

    def read(self, name: str) -> dict[str, Any] | None:
        self.reads += 1
        return super().read(name)


@pytest.fixture
def own(settings: Settings) -> Settings:
    """Settings with secrets that no other test has."""
    name = uuid.uuid4().hex
    return replace(settings, token_keys_secret=f"{name}/token-keys", registry_keys_secret=f"{name}/registry-keys")


@pytest.fixture
def store(own: Settings) -> CountingSecrets:
    return CountingSecrets(own)


@pytest.fixture
def made(own: Settings, store: CountingSecrets) -> CountingSecrets:
    ensure_keys(own, store, now=NOW)
    store.reads = 0
    return store


def registry_keys(own: Settings, store: Secrets, at: int = NOW) -> RegistryKeys:
    return RegistryKeys(own, store, clock=lambda: at)


def token(keys: TokenKeys, now: int) -> str:
    claims = {"iss": "i", "aud": "a", "iat": now, "nbf": now, "exp": now + 900, "sub": "user:ann"}
    return tokens.sign(claims, keys.current(now=now), tokens.ACCESS)


def is_good(text: str, keys: RegistryKeys | TokenKeys, now: int) -> bool:
    rules = tokens.Rules(tokens.ACCESS, "i", "a", 900)
    try:
        tokens.verify(text, lambda kid: keys.find(kid, now=now), rules, now=now)
    except tokens.TokenRefused:
        return False
    return True


def test_secret_that_is_not_there_is_none_and_is_made_by_writing(own: Settings, store: Secrets) -> None:
    assert store.read(own.token_keys_secret) is None
    for value in ({"keys": [1]}, {"keys": [2]}):
        store.write(own.token_keys_secret, value)
        assert store.read(own.token_keys_secret) == value


def test_secret_that_terraform_made_without_a_value_is_none_until_it_is_written(own: Settings, store: Secrets) -> None:
    wire = Wire(SECRETS_MANAGER, own, own.secrets_endpoint_url)
    wire.call("CreateSecret", {"Name": own.token_keys_secret, "ClientRequestToken": uuid.uuid4().hex})
    assert store.read(own.token_keys_secret) is None
    store.write(own.token_keys_secret, {"keys": []})
    assert store.read(own.token_keys_secret) == {"keys": []}


def test_keys_are_made_once(own: Settings, store: CountingSecrets) -> None:
    ensure_keys(own, store, now=NOW)
    before = store.read(own.token_keys_secret), store.read(own.registry_keys_secret)
    ensure_keys(own, store, now=NOW + 1000)
    assert (store.read(own.token_keys_secret), store.read(own.registry_keys_secret)) == before


def test_registry_never_holds_a_private_token_key(own: Settings, made: Secrets) -> None:
    rotate_keys(own, made, now=NOW)
    private, public = (made.read(name) or {} for name in (own.token_keys_secret, own.registry_keys_secret))
    assert [key["kid"] for key in private["keys"]] == [key["kid"] for key in public["keys"]]
    for key in private["keys"]:
        assert key["jwk"]["d"] not in json.dumps(public)
    assert all(set(key["jwk"]) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in public["keys"])


def test_crash_between_the_two_secrets_is_repaired(own: Settings, store: Secrets) -> None:
    ensure_keys(own, store, now=NOW)
    whole: Mapping[str, Any] = store.read(own.registry_keys_secret) or {}
    store.write(own.registry_keys_secret, {"keys": [], "state_keys": whole["state_keys"]})
    ensure_keys(own, store, now=NOW)
    assert store.read(own.registry_keys_secret) == whole


def test_token_of_one_side_is_good_on_the_other(own: Settings, made: Secrets) -> None:
    assert is_good(token(TokenKeys(own, made), NOW), registry_keys(own, made), NOW)


def test_secret_is_read_once_in_five_minutes(own: Settings, made: CountingSecrets) -> None:
    keys = TokenKeys(own, made)
    for at in (0, 100, KEEP_S - 1):
        keys.current(now=NOW + at)
    keys.jwks(now=NOW + KEEP_S - 1)
    assert made.reads == 1
    keys.current(now=NOW + KEEP_S)
    assert made.reads == 2


def test_unknown_key_is_looked_for_at_most_once_in_30_seconds(own: Settings, made: CountingSecrets) -> None:
    keys = registry_keys(own, made)
    for at in range(AGAIN_S):
        assert keys.find("unknown", now=NOW + at) is None
    assert made.reads == 1
    for at in range(AGAIN_S, 2 * AGAIN_S):
        assert keys.find("unknown", now=NOW + at) is None
    assert made.reads == 2


def test_rotation_leaves_no_gap_for_processes_that_know_only_the_old_keys(own: Settings, made: Secrets) -> None:
    """Signers and verifiers that read the secrets just before the rotation, at every moment after it."""
    signer, verifier = TokenKeys(own, made), registry_keys(own, made)
    first = token(signer, NOW)
    assert is_good(first, verifier, NOW)
    kid = rotate_keys(own, made, now=NOW)
    for at in (1, KEEP_S - 1, KEEP_S, KEEP_S + 1, 2 * KEEP_S):
        fresh_signer, fresh_verifier = TokenKeys(own, made), registry_keys(own, made)
        for text in (token(signer, NOW + at), token(fresh_signer, NOW + at)):
            assert is_good(text, verifier, NOW + at)
            assert is_good(text, fresh_verifier, NOW + at)
        assert is_good(first, verifier, NOW + at)
        assert (fresh_signer.current(now=NOW + at).kid == kid) is (at >= KEEP_S)


class Interrupted(Secrets):
    """Somebody else does something between the two writes of a rotation."""

    def __init__(self, settings: Settings, meanwhile: Callable[[], object]) -> None:
        super().__init__(settings)
        self._settings, self._meanwhile = settings, meanwhile

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        if name == self._settings.token_keys_secret:
            self._meanwhile()
        super().write(name, value)


def test_two_rotations_at_once_leave_a_key_that_the_registry_knows(own: Settings, made: Secrets) -> None:
    rotate_keys(own, Interrupted(own, lambda: rotate_keys(own, made, now=NOW)), now=NOW)
    for at in (0, KEEP_S, KEEP_S + 1):
        assert is_good(token(TokenKeys(own, made), NOW + at), registry_keys(own, made), NOW + at)


def test_two_first_provisionings_at_once_leave_a_key_that_the_registry_knows(own: Settings, store: Secrets) -> None:
    """The other one read before this one wrote, so it writes over what this one published."""
    other = replace(own, token_keys_secret=uuid.uuid4().hex, registry_keys_secret=uuid.uuid4().hex)
    ensure_keys(other, store, now=NOW)

    def overwrite() -> None:
        for name, made in zip(
            (own.registry_keys_secret, own.token_keys_secret),
            (other.registry_keys_secret, other.token_keys_secret),
            strict=True,
        ):
            store.write(name, store.read(made) or {})

    ensure_keys(own, Interrupted(own, overwrite), now=NOW)
    assert is_good(token(TokenKeys(own, store), NOW), registry_keys(own, store), NOW)


def test_provisioning_writes_nothing_for_keys_whose_tokens_have_ended(own: Settings, made: Secrets) -> None:
    """A write for nothing could take back what a rotation at the same moment has just written."""
    rotate_keys(own, made, now=NOW)
    later = NOW + KEEP_S + TOKEN_LIFE_S
    rotate_keys(own, made, now=later)
    before = made.read(own.registry_keys_secret)
    ensure_keys(own, Unwritable(own), now=later + 1)
    assert made.read(own.registry_keys_secret) == before


class Unwritable(Secrets):
    """Takes no writes."""

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        raise AssertionError(name)


def test_retired_key_verifies_until_its_tokens_have_ended(own: Settings, made: Secrets) -> None:
    old = TokenKeys(own, made).current(now=NOW).kid
    rotate_keys(own, made, now=NOW)
    retired_at = NOW + KEEP_S
    for at, is_known in ((TOKEN_LIFE_S - 1, True), (TOKEN_LIFE_S, False)):
        keys, now = registry_keys(own, made), retired_at + at
        assert (keys.find(old, now=now) is not None) is is_known
        listed = [key["kid"] for key in TokenKeys(own, made).jwks(now=now)["keys"]]
        assert (old in listed) is is_known
    assert TokenKeys(own, made).find(old, now=retired_at + tokens.REFRESH_S - 1) is not None
    assert TokenKeys(own, made).find(old, now=retired_at + tokens.REFRESH_S) is None


def test_rotating_every_week_keeps_the_secrets_small(own: Settings, made: Secrets) -> None:
    for week in range(20):
        rotate_keys(own, made, now=NOW + week * 7 * 86400)
    private, public = (made.read(name) or {} for name in (own.token_keys_secret, own.registry_keys_secret))
    assert len(private["keys"]) == 14
    assert len(public["keys"]) == 2
    assert len(public["state_keys"]) == 3
    assert len(json.dumps(private)) < 65536 / 4


def test_emergency_voids_everything_at_once(own: Settings, made: Secrets) -> None:
    old, old_states = token(TokenKeys(own, made), NOW), registry_keys(own, made).state_keys()
    kid = rotate_keys(own, made, now=NOW, is_emergency=True)
    keys = TokenKeys(own, made)
    assert keys.current(now=NOW).kid == kid
    assert not is_good(old, registry_keys(own, made), NOW)
    assert not is_good(old, keys, NOW)
    assert is_good(token(keys, NOW), registry_keys(own, made), NOW)
    assert {kid for kid, _ in registry_keys(own, made).state_keys()}.isdisjoint(kid for kid, _ in old_states)


def test_new_token_key_is_found_by_a_process_that_does_not_know_it(own: Settings, made: Secrets) -> None:
    verifier = registry_keys(own, made)
    assert is_good(token(TokenKeys(own, made), NOW), verifier, NOW)
    rotate_keys(own, made, now=NOW, is_emergency=True)
    text = token(TokenKeys(own, made), NOW)
    assert not is_good(text, verifier, NOW + AGAIN_S - 1)
    assert is_good(text, verifier, NOW + AGAIN_S)


def test_state_key_signs_after_every_process_knows_it_and_verifies_while_uploads_live(
    own: Settings, made: Secrets
) -> None:
    (old,) = registry_keys(own, made).state_keys()
    assert len(old[1]) == 32
    rotate_keys(own, made, now=NOW)
    before = registry_keys(own, made, NOW + KEEP_S - 1).state_keys()
    after = registry_keys(own, made, NOW + KEEP_S).state_keys()
    assert before[0] == old
    assert after[0] != old
    assert set(before) == set(after)
    assert old in registry_keys(own, made, NOW + KEEP_S + STATE_LIFE_S - 1).state_keys()
    assert old not in registry_keys(own, made, NOW + KEEP_S + STATE_LIFE_S).state_keys()


def test_missing_secret_says_what_to_do(own: Settings, store: Secrets) -> None:
    with pytest.raises(LookupError, match="provisioning"):
        TokenKeys(own, store).current(now=NOW)


class Scripted(BaseHTTPRequestHandler):
    """Answers one scripted (status, error) after the other, then with a secret."""

    answers: ClassVar[list[tuple[int, str]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, error = self.answers.pop(0) if self.answers else (200, "")
        body = json.dumps({"__type": error} if error else {"SecretString": "{}"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def scripted(own: Settings) -> Iterator[Secrets]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Secrets(replace(own, secrets_endpoint_url=url))
        server.shutdown()


@pytest.mark.parametrize("error", [(500, "InternalServiceError"), (400, "ThrottlingException"), (503, "x")])
def test_passing_trouble_is_tried_again(scripted: Secrets, error: tuple[int, str]) -> None:
    Scripted.answers = [error, error]
    assert scripted.read("any") == {}
    Scripted.answers = [error] * 5
    with pytest.raises(RegistryError, match="UNAVAILABLE"):
        scripted.read("any")


def test_refusal_says_why_at_once(scripted: Secrets) -> None:
    Scripted.answers = [(400, "com.amazonaws#AccessDeniedException"), (500, "x")]
    with pytest.raises(CallFailed, match=r"^GetSecretValue: 400 AccessDeniedException"):
        scripted.read("any")
    assert len(Scripted.answers) == 1


def test_service_that_cannot_be_reached_is_unavailable(own: Settings) -> None:
    nowhere = replace(own, secrets_endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryError, match="UNAVAILABLE"):
        Secrets(nowhere).read(own.token_keys_secret)
