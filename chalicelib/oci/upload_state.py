"""The signed `_state` of an upload's URL: the only credential of the data plane, and all there is of a fresh session.

`<kid>.<payload>.<mac>`, the latter two base64url without padding. The MAC covers upload id and repository name, which the URL
has in its path, so a state is worth nothing on another one. Never log it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import ALGORITHMS
from chalicelib.oci.reference import Name, Repository

Keys = Callable[[], Sequence[tuple[str, bytes]]]
"""Returns the signing keys as (kid, key), the newest first."""
_STATE_MAX_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class UploadState:
    """Who uploads what into which repository, until when, and which digest will be asked for."""

    upload_id: str
    repository: Repository
    principal: str
    expires_at: int
    algorithm: str = "sha256"

    def sign(self, keys: Keys) -> str:
        """Render with the newest key."""
        kid, key = keys()[0]
        fields = [self.repository.project_id, self.principal, self.expires_at, self.algorithm]
        payload = _encode(json.dumps(fields, separators=(",", ":")).encode())
        return f"{kid}.{payload}.{_encode(_mac(key, kid, self.upload_id, str(self.repository.name), payload))}"

    @classmethod
    def verify(cls, text: str | None, name: str, upload_id: str, keys: Keys, *, now: int) -> UploadState:
        """Read a state that belongs to this path. Raises BLOB_UPLOAD_UNKNOWN (404) for any other and for an expired one."""
        unknown = RegistryError("BLOB_UPLOAD_UNKNOWN", {"uuid": upload_id[:64]})
        kid, payload, mac = _split(text)
        key = next((key for known, key in keys() if known == kid), None)
        if key is None or not hmac.compare_digest(_encode(_mac(key, kid, upload_id, name, payload)), mac):
            raise unknown
        project_id, principal, expires_at, algorithm = json.loads(
            urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
        if expires_at <= now or algorithm not in ALGORITHMS:
            raise unknown
        return cls(upload_id, Repository(project_id, Name.parse(name)), principal, expires_at, algorithm)


def _split(text: str | None) -> tuple[str, str, str]:
    fields = (text or "").split(".") if text and text.isascii() and len(text) <= _STATE_MAX_CHARACTERS else []
    return (fields[0], fields[1], fields[2]) if len(fields) == 3 else ("", "", "")


def _mac(key: bytes, *fields: str) -> bytes:
    """The fields hold no line feed: a kid, an id and a name of the URL, base64url."""
    return hmac.digest(key, "\n".join(fields).encode("utf-8", "surrogatepass"), hashlib.sha256)


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
