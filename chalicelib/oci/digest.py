"""Content digests.

Source: OCI image-spec 1.1, descriptor.md, "Digests"; sha256 and sha512 are the registered algorithms.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import RegistryError

if TYPE_CHECKING:
    from hashlib import _Hash

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})", re.ASCII)
ALGORITHMS = ("sha256", "sha512")


@dataclass(frozen=True, slots=True)
class Digest:
    """An algorithm and the hex of its sum: the name of some bytes."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `algorithm:hex`. Raises DIGEST_INVALID (400) for anything that is not a whole sha256 or sha512 digest."""
        if not _DIGEST.fullmatch(text):
            raise RegistryError(
                "DIGEST_INVALID", {"digest": text[:200]}, message="a digest is sha256:<64 hex> or sha512:<128 hex>"
            )
        algorithm, _, value = text.partition(":")
        return cls(algorithm, value)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """Compute the digest of `content`."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    @classmethod
    def of_hash(cls, running: _Hash) -> Digest:
        """Take the digest of what a running hash has seen."""
        return cls(running.name, running.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
