"""Keys in Secrets Manager: the token service's private keys, and what the registry and the upload service need.

Two secrets, so that a function which only verifies never holds a private key:

    token keys     {"keys": [{kid, active_from, retired_at, jwk with its private half}]}
    registry keys  {"keys": [the same, public half only], "state_keys": [{kid, active_from, retired_at, key_b64}]}

Lists are newest first. A process reads a secret at most once in `keyset.KEEP_S`, and again for an unknown key at most once in
`AGAIN_S`. One reader and writer of rotation at a time: an operator, or a schedule.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from chalicelib.config import Settings
from chalicelib.rbac import keyset
from chalicelib.rbac.keyset import Key
from chalicelib.rbac.tokens import ACCESS_MAX_S, LEEWAY_S, REFRESH_S, SigningKey, VerifyingKey

AGAIN_S = 30
TOKEN_LIFE_S = ACCESS_MAX_S + LEEWAY_S
STATE_LIFE_S = 7 * 86400 + 60
"""Longest life of an upload that settings allow."""


@dataclass(frozen=True, slots=True)
class StateKey:
    """A key that signs upload states."""

    kid: str
    key: bytes = field(repr=False)


class Secrets:
    """Secrets Manager: whole secrets as JSON, by name."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self._settings, self._session = settings, session
        self._made: BaseClient | None = None

    def read(self, name: str) -> dict[str, Any] | None:
        """Read a secret; None when there is none, or none was written to it yet."""
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        value: dict[str, Any] = json.loads(answer["SecretString"])
        return value

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a secret, and make it first where Terraform did not."""
        text = json.dumps(value)
        try:
            self._client.put_secret_value(SecretId=name, SecretString=text)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            self._client.create_secret(Name=name, SecretString=text)

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = self._session.create_client(
                "secretsmanager",
                region_name=self._settings.region,
                endpoint_url=self._settings.secrets_endpoint_url or None,
                config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 4}),
            )
        return self._made


class _Cached:
    """The keys of one secret, read when needed and not more often than is allowed."""

    def __init__(self, secrets: Secrets, name: str) -> None:
        self._secrets, self._name = secrets, name
        self._lock = Lock()
        self._read_at: int | None = None
        self._value: dict[str, Any] = {}
        self._parsed: dict[str, Any] = {}

    def keys(self, field_: str, now: int, *, older_s: int = keyset.KEEP_S) -> Sequence[Key]:
        """Return the keys under a field, read less than `older_s` seconds ago."""
        with self._lock:
            if self._read_at is None or not 0 <= now - self._read_at < older_s:
                value = self._secrets.read(self._name)
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

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._cached = _Cached(secrets, settings.registry_keys_secret)
        self._loaded: dict[str, VerifyingKey] = {}

    def find(self, kid: str, *, now: int) -> VerifyingKey | None:
        """Find a token key."""
        return _verifying(self._cached.find("keys", kid, now, TOKEN_LIFE_S), self._loaded)

    def state_key(self, *, now: int) -> StateKey:
        """Return the key that signs upload states now."""
        return _state_key(keyset.current(self._cached.keys("state_keys", now), now))

    def find_state_key(self, kid: str, *, now: int) -> StateKey | None:
        """Find a key of upload states."""
        key = self._cached.find("state_keys", kid, now, STATE_LIFE_S)
        return _state_key(key) if key else None


class TokenKeys:
    """`rbac.ports.SigningKeys`, from the token service's secret."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._cached = _Cached(secrets, settings.token_keys_secret)
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


def ensure_keys(settings: Settings, secrets: Secrets, *, now: int) -> None:
    """Make the keys that are missing. Idempotent; run before the first request."""
    token_keys = secrets.read(settings.token_keys_secret)
    keys = _keys(token_keys, "keys") or [keyset.new_token_key(active_from=now)]
    _publish(settings, secrets, keys, now=now)
    if not token_keys:
        secrets.write(settings.token_keys_secret, {"keys": [key.to_json() for key in keys]})


def rotate_keys(settings: Settings, secrets: Secrets, *, now: int, is_emergency: bool = False) -> str:
    """Make new keys for tokens and upload states and return the new token key's id.

    The new keys are published now and sign after `keyset.KEEP_S` seconds, when every process knows them; the old ones verify
    until what they signed has ended. In an emergency the old ones are dropped and the new ones sign at once: all tokens, also
    refresh tokens, and all uploads under way are void.
    """
    active_from = now if is_emergency else now + keyset.KEEP_S
    old = [] if is_emergency else _keys(secrets.read(settings.token_keys_secret), "keys")
    registry = None if is_emergency else secrets.read(settings.registry_keys_secret)
    new = keyset.new_token_key(active_from=active_from)
    keys = keyset.rotated(old, new, now=now, keep_s=REFRESH_S)
    state_key = keyset.new_state_key(active_from=active_from)
    state_keys = keyset.rotated(_keys(registry, "state_keys"), state_key, now=now, keep_s=STATE_LIFE_S)
    secrets.write(settings.registry_keys_secret, _registry_value(keys, state_keys, now))
    secrets.write(settings.token_keys_secret, {"keys": [key.to_json() for key in keys]})
    return new.kid


def _publish(settings: Settings, secrets: Secrets, keys: Sequence[Key], *, now: int) -> None:
    """Write the public halves to the registry's secret unless they are there."""
    registry = secrets.read(settings.registry_keys_secret)
    known, state_keys = _keys(registry, "keys"), _keys(registry, "state_keys")
    if state_keys and {key.kid for key in keys} <= {key.kid for key in known}:
        return
    state_keys = state_keys or [keyset.new_state_key(active_from=now)]
    secrets.write(settings.registry_keys_secret, _registry_value(keyset.merged(known, keys), state_keys, now))


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


def _state_key(key: Key) -> StateKey:
    return StateKey(key.kid, base64.b64decode(key.material["key_b64"]))
