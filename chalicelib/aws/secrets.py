"""Keys in Secrets Manager: the token service's private keys, and what the registry and the upload service need.

Two secrets, so that a function which only verifies never holds a private key:

    token keys     {"keys": [{kid, active_from, retired_at, jwk with its private half}]}
    registry keys  {"keys": [the same, public half only], "state_keys": [{kid, active_from, retired_at, key_b64}]}

Lists are newest first. A process reads a secret at most once in `keyset.KEEP_S`, and again for an unknown key at most once in
`AGAIN_S`. Only one rotation may run at a time: an operator's, or a schedule's.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from chalicelib.aws.wire import SECRETS_MANAGER, CallFailed, Wire
from chalicelib.config import Settings, SettingsError
from chalicelib.rbac import keyset
from chalicelib.rbac.keyset import Key
from chalicelib.rbac.tokens import ACCESS_MAX_S, LEEWAY_S, REFRESH_S, SigningKey, VerifyingKey

AGAIN_S = 30
TOKEN_LIFE_S = ACCESS_MAX_S + LEEWAY_S
ROTATE_AGAIN_S = 86400
STATE_LIFE_S = 7 * 86400 + 60
"""Longest life of an upload that settings allow."""


class Secrets:
    """Secrets Manager: whole secrets as JSON, by name. Source: Secrets Manager API reference."""

    def __init__(self, settings: Settings) -> None:
        self._wire = Wire(SECRETS_MANAGER, settings, settings.secrets_endpoint_url)

    def read(self, name: str) -> dict[str, Any] | None:
        """Read a secret; None when there is none, or none was written to it yet."""
        text = self.read_text(name)
        value: dict[str, Any] | None = None if text is None else json.loads(text)
        return value

    def read_text(self, name: str) -> str | None:
        """Like `read`, for a secret that is no JSON. AWS calls a secret without a value not found, an emulator just has none."""
        answer = self._call("GetSecretValue", {"SecretId": name})
        return None if answer is None else answer.get("SecretString")

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a secret, and make it first where Terraform did not."""
        self.write_text(name, json.dumps(value))

    def write_text(self, name: str, text: str) -> None:
        """Like `write`, for a secret that is no JSON."""
        token = secrets.token_hex(16)
        if self._call("PutSecretValue", {"SecretId": name, "ClientRequestToken": token, "SecretString": text}) is None:
            self._call("CreateSecret", {"Name": name, "ClientRequestToken": token, "SecretString": text})

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self._wire.call(operation, request)
        except CallFailed as failure:
            if failure.code == "ResourceNotFoundException":
                return None
            raise


class _Cached:
    """The keys of one secret, read when needed and not more often than is allowed."""

    def __init__(self, store: Secrets, name: str) -> None:
        self._store, self._name = store, name
        self._lock = Lock()
        self._read_at: int | None = None
        self._value: dict[str, Any] = {}
        self._parsed: dict[str, Any] = {}

    def keys(self, field_: str, now: int, *, older_s: int = keyset.KEEP_S) -> Sequence[Key]:
        """Return the keys under a field, read less than `older_s` seconds ago."""
        with self._lock:
            if self._read_at is None or not 0 <= now - self._read_at < older_s:
                value = self._store.read(self._name)
                if value is None:
                    raise LookupError(f"the secret {self._name} holds no keys; run the provisioning first")
                self._parsed = {name: [Key.of_json(key) for key in keys] for name, keys in value.items()}
                self._read_at = now
            found: Sequence[Key] = self._parsed[field_]
            return found

    def find(self, field_: str, kid: str, now: int, keep_s: int) -> Key | None:
        """Find a key that verifies; look once more when there is none, though not within `AGAIN_S` of the last look."""
        for older_s in (keyset.KEEP_S, AGAIN_S):
            for key in self.keys(field_, now, older_s=older_s):
                if key.kid == kid:
                    return key if key.verifies(now, keep_s) else None
        return None


class RegistryKeys:
    """`rbac.ports.VerifyingKeys` and the keys of upload states, from the registry's secret."""

    def __init__(
        self,
        settings: Settings,
        store: Secrets,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - states are signed without a time at hand
    ) -> None:
        self._cached = _Cached(store, settings.registry_keys_secret)
        self._clock = clock
        self._loaded: dict[str, VerifyingKey] = {}

    def find(self, kid: str, *, now: int) -> VerifyingKey | None:
        """Find a token key."""
        return _verifying(self._cached.find("keys", kid, now, TOKEN_LIFE_S), self._loaded)

    def state_keys(self) -> list[tuple[str, bytes]]:
        """Return the keys of upload states as (kid, key): the first signs, all of them verify."""
        now = int(self._clock())
        keys = self._cached.keys("state_keys", now)
        signing = keyset.current(keys, now)
        ordered = [signing, *(key for key in keys if key is not signing and key.verifies(now, STATE_LIFE_S))]
        return [(key.kid, base64.b64decode(key.material["key_b64"])) for key in ordered]


class TokenKeys:
    """`rbac.ports.SigningKeys`, from the token service's secret."""

    def __init__(self, settings: Settings, store: Secrets) -> None:
        self._cached = _Cached(store, settings.token_keys_secret)
        self._loaded: dict[str, VerifyingKey] = {}
        self._signing: SigningKey | None = None

    def current(self, *, now: int) -> SigningKey:
        """Return the key that signs now, loaded once."""
        key, known = keyset.current(self._cached.keys("keys", now), now), self._signing
        if known is None or known.kid != key.kid:
            known = self._signing = SigningKey(key.kid, keyset.private_key(key))
        return known

    def find(self, kid: str, *, now: int) -> VerifyingKey | None:
        """Find the key of a refresh token."""
        return _verifying(self._cached.find("keys", kid, now, REFRESH_S), self._loaded)

    def jwks(self, *, now: int) -> Mapping[str, Any]:
        """Render the keys that access tokens are verified with."""
        return keyset.jwks(self._cached.keys("keys", now), now, TOKEN_LIFE_S)


def ensure_keys(settings: Settings, store: Secrets, *, now: int) -> None:
    """Make the keys that are missing. Idempotent; run before the first request."""
    token_keys = store.read(settings.token_keys_secret)
    keys = _keys(token_keys, "keys") or [keyset.new_token_key(active_from=now - LEEWAY_S)]
    _publish(settings, store, keys, now=now)
    if not token_keys:
        store.write(settings.token_keys_secret, {"keys": [key.to_json() for key in keys]})
        _publish(settings, store, _keys(store.read(settings.token_keys_secret), "keys"), now=now)  # as in `rotate_keys`


def rotate_keys(settings: Settings, store: Secrets, *, now: int, is_emergency: bool = False) -> str:
    """Make new keys for tokens and upload states and return the new token key's id.

    The new keys are published now and sign after `keyset.KEEP_S` seconds, when every process knows them; the old ones verify
    until what they signed has ended. In an emergency the old ones are dropped and the new ones sign at once: all tokens, also
    refresh tokens, and all uploads under way are void, after `keyset.KEEP_S` seconds in every process.
    Raises SettingsError when there are no keys: these are not the registry's secrets then, and its own would stay as they are.
    """
    known = _keys(store.read(settings.token_keys_secret), "keys")
    if not known:
        where = f"{settings.token_keys_secret} in {settings.region} holds no keys"
        raise SettingsError(f"{where}: check MOORAGE_TOKEN_KEYS_SECRET and AWS_REGION, or run the provisioning first")
    active_from = now - LEEWAY_S if is_emergency else now + keyset.KEEP_S
    old = [] if is_emergency else known
    registry = None if is_emergency else store.read(settings.registry_keys_secret)
    new = keyset.new_token_key(active_from=active_from)
    keys = keyset.rotated(old, new, now=now, keep_s=REFRESH_S)
    state_key = keyset.new_state_key(active_from=active_from)
    state_keys = keyset.rotated(_keys(registry, "state_keys"), state_key, now=now, keep_s=STATE_LIFE_S)
    store.write(settings.registry_keys_secret, _registry_value(keys, state_keys, now))
    store.write(settings.token_keys_secret, {"keys": [key.to_json() for key in keys]})
    if not is_emergency:
        # A schedule may come twice at once: of two rotations, the later one sees that the registry knows whichever key stayed.
        _publish(settings, store, _keys(store.read(settings.token_keys_secret), "keys"), now=now)
    return new.kid


def rotate_when_due(settings: Settings, store: Secrets, *, now: int) -> str | None:
    """Like `rotate_keys`, for a schedule, which may come twice: nothing happens when the newest key is not a day old.
    Returns the new token key's id."""
    newest = next(iter(_keys(store.read(settings.token_keys_secret), "keys")), None)
    if newest is not None and now - newest.active_from < ROTATE_AGAIN_S:
        return None
    return rotate_keys(settings, store, now=now)


def _publish(settings: Settings, store: Secrets, keys: Sequence[Key], *, now: int) -> None:
    """Write the public halves to the registry's secret unless they are there."""
    registry = store.read(settings.registry_keys_secret)
    known, state_keys = _keys(registry, "keys"), _keys(registry, "state_keys")
    needed = {key.kid for key in keys if key.verifies(now, TOKEN_LIFE_S)}
    if state_keys and needed <= {key.kid for key in known}:
        return
    state_keys = state_keys or [keyset.new_state_key(active_from=now - LEEWAY_S)]
    store.write(settings.registry_keys_secret, _registry_value(keyset.merged(known, keys), state_keys, now))


def _registry_value(keys: Sequence[Key], state_keys: Sequence[Key], now: int) -> dict[str, Any]:
    return {
        "keys": [key.public().to_json() for key in keys if key.verifies(now, TOKEN_LIFE_S)],
        "state_keys": [key.to_json() for key in state_keys],
    }


def _keys(value: Mapping[str, Any] | None, field_: str) -> list[Key]:
    return [Key.of_json(key) for key in (value or {}).get(field_, [])]


def _verifying(key: Key | None, loaded: dict[str, VerifyingKey]) -> VerifyingKey | None:
    if key is None:
        return None
    if key.kid not in loaded:
        loaded[key.kid] = VerifyingKey.of_jwk({**key.public().material, "kid": key.kid})
    return loaded[key.kid]
