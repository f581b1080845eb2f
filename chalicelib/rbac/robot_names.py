"""Robots' names and secrets. Pure but for the randomness of secrets.

A robot is called `<prefix><name>`, one of a project `<prefix><project>+<name>`, and logs in under that whole name. It keeps the
name it was made with when the prefix is configured otherwise. Users cannot have it: it begins with the prefix, and a new name
of either kind must be one that nobody has. Source: Harbor `src/controller/robot/controller.go`.
"""

from __future__ import annotations

import re
import secrets
import string

from chalicelib.rbac.model import LOGIN_NAME
from chalicelib.rbac.project import bad

SECRET_CHARACTERS = 32
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_ALPHABET = string.ascii_letters + string.digits
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_RULES = "8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number"


def full_name(prefix: str, project: str, name: str) -> str:
    """Make a robot's whole name; `project` is "" on the system level. Raises BAD_REQUEST."""
    if not _NAME.fullmatch(name):
        raise bad("robot name is not in lower case or contains illegal characters")
    made = f"{prefix}{project}+{name}" if project else f"{prefix}{name}"
    if not LOGIN_NAME.fullmatch(made):
        raise bad("the whole name of a robot has at most 255 characters")
    return made


def is_name_of(sent: str, whole: str, prefix: str) -> bool:
    """Say whether a client means the robot of this whole name: by it, or by the name that the robot was given."""
    return sent in (whole, whole.removeprefix(prefix), whole.rpartition("+")[2])


def new_secret() -> str:
    """Make a secret: 190 bits, with all kinds of characters in it that the rules ask for."""
    while True:
        made = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARACTERS))
        if _is_strong(made):
            return made


def check_secret(secret: str) -> None:
    """Demand that a secret is one. Raises BAD_REQUEST; the message holds nothing of it."""
    if not 8 <= len(secret) <= 128 or not _is_strong(secret):
        raise bad(f"the secret must be {_RULES}")


def _is_strong(secret: str) -> bool:
    return all(any(character in kind for character in secret) for kind in _KINDS)
