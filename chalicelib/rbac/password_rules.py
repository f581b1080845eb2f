"""Which passwords and which facts about people are taken, in Harbor's words. Pure.

Source: Harbor `src/server/v2.0/handler/user.go` (requireValidSecret, validateUserProfile) and `src/common/const.go`. Stricter in
one thing: a name must be one that can log in everywhere, so it is `USER_NAME` without `$`, which is the robots' and CI jobs'.
"""

from __future__ import annotations

import re

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import USER_NAME

RULE = (
    "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, "
    "1 lowercase letter and 1 number"
)
_CLASSES = tuple(re.compile(pattern) for pattern in ("[a-z]", "[A-Z]", "[0-9]"))
_ILLEGAL = frozenset(',"~#%$')
_EMAIL = re.compile(
    r"(?:[^<>()\[\]\\.,;:\s@\"]+(?:\.[^<>()\[\]\\.,;:\s@\"]+)*|\"[^\"]+\")"
    r"@(?:\[[0-9]{1,3}(?:\.[0-9]{1,3}){3}\]|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})"
)
EMAIL_MAX_CHARACTERS, COMMENT_MAX_BYTES, REALNAME_MAX_BYTES = 255, 30, 255


def check_password(password: str) -> None:
    """Demand a password or secret that is hard to guess. Raises BAD_REQUEST."""
    if not 8 <= len(password) <= 128 or not all(found.search(password) for found in _CLASSES):
        raise bad(RULE)


def check_name(name: str, robot_prefix: str) -> None:
    """Demand a name that a person may have. Raises BAD_REQUEST."""
    if not 1 <= len(name) <= 128:
        raise bad("username with illegal length")
    if not USER_NAME.fullmatch(name) or "$" in name:
        raise bad("username contains illegal characters: use letters, digits and . _ @ + - after the first")
    if name.startswith(robot_prefix):
        raise bad(f"username begins like the name of a robot: {robot_prefix}")


def check_profile(email: str, realname: str, comment: str) -> None:
    """Demand what Harbor demands of a profile. Raises BAD_REQUEST."""
    if not email:
        raise bad("email can't be empty")
    check_email(email)
    if not 1 <= len(realname.encode()) <= REALNAME_MAX_BYTES:
        raise bad("realname with illegal length")
    if _ILLEGAL & set(realname):
        raise bad("realname contains illegal characters")
    if len(comment.encode()) > COMMENT_MAX_BYTES:
        raise bad("comment with illegal length")


def check_email(email: str) -> None:
    """Demand an address. Raises BAD_REQUEST."""
    if len(email) > EMAIL_MAX_CHARACTERS or not _EMAIL.fullmatch(email):
        raise bad("email with illegal format")


def bad(message: str) -> RegistryError:
    """Make the 400 that says what is wrong."""
    return RegistryError("BAD_REQUEST", message=message)
