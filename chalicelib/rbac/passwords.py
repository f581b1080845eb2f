"""Passwords: argon2id, stored in PHC form.

Source: OWASP Password Storage Cheat Sheet (argon2id, m = 19 MiB, t = 2, p = 1); RFC 9106. One check takes about 50 ms and 19 MiB,
so no more than four run at once, however many threads there are. `cryptography`'s argon2 is imported where a password is
checked, not before.
"""

from __future__ import annotations

import hashlib
import os
from threading import BoundedSemaphore

ITERATIONS, MEMORY_KIB, LANES = 2, 19456, 1
MAX_CHARACTERS = 1024
_AT_ONCE = BoundedSemaphore(4)

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$bW9vcmFnZS1ub2JvZHkhIQ$l73xqZX9VhIzvyTVUy8124JtTzUsHYfoSHgQ9jtHfD8"
"""A hash no password matches: checked for users there are not, so that they take as long as those there are."""


def hash_password(password: str) -> str:
    """Hash a new password with a new salt."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    argon2 = Argon2id(salt=os.urandom(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    with _AT_ONCE:
        return argon2.derive_phc_encoded(_bytes(password))


def is_password(password: str, password_hash: str) -> bool:
    """Say whether a password is the one that was hashed, in constant time. A hash that is not one matches nothing."""
    from cryptography.exceptions import InvalidKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    try:
        with _AT_ONCE:
            Argon2id.verify_phc_encoded(_bytes(password), password_hash)
    except (InvalidKey, ValueError):
        return False
    return True


def generation(password_hash: str) -> str:
    """Name this password without saying anything about it: each hash has its own random salt, so each change gives a new name."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:24]


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
