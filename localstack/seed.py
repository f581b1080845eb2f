"""Makes what an empty registry needs on the emulator, and knows the admin's password."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chalicelib import bootstrap
from chalicelib.config import Settings
from chalicelib.rbac.passwords import is_password
from localstack.folder import DataFolder


@dataclass(frozen=True, slots=True)
class Admin:
    """The first user. `password` is None when a person changed it: it is written down nowhere."""

    password: str | None


def seed(settings: Settings, folder: DataFolder, chosen_password: str | None) -> Admin:
    """Create table, bucket, secrets, the admin and the public project where they are missing.

    A chosen password replaces the admin's, so that a person who forgot it can get in again.
    """
    generated = bootstrap.provision(settings, chosen_password, now=int(time.time()))
    if generated is not None:
        folder.keep_password(generated)
    password = chosen_password or folder.password()
    if password is None or _is_right(settings, password):
        return Admin(password)
    if chosen_password is None:
        return Admin(None)
    bootstrap.users(settings).reset_first(bootstrap.ADMIN, chosen_password, now=int(time.time()))
    return Admin(chosen_password)


def _is_right(settings: Settings, password: str) -> bool:
    admin = bootstrap.users(settings).find(bootstrap.ADMIN)
    return admin is not None and is_password(password, admin.password_hash)
