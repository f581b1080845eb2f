"""What a new registry must have beside its table and bucket: keys, the user `admin`, the project `library`. Part of `bootstrap`.

Idempotent: run before the first request, and at every upgrade.
"""

from __future__ import annotations

import secrets as randomness
from typing import TYPE_CHECKING

from chalicelib.aws.secrets import ensure_keys

if TYPE_CHECKING:
    from chalicelib.aws.secrets import Secrets
    from chalicelib.config import Settings
    from chalicelib.rbac.projects import Projects
    from chalicelib.rbac.users import Users

ADMIN = "admin"
PUBLIC_PROJECT = "library"


class Furnishing:
    """The first keys, user and project of one registry."""

    def __init__(self, settings: Settings, secrets: Secrets, users: Users, projects: Projects) -> None:
        self._settings, self._secrets, self._users, self._projects = settings, secrets, users, projects

    def furnish(self, admin_password: str | None, *, now: int) -> str | None:
        """Make what is missing. Returns the administrator's password when it was made here, else None."""
        ensure_keys(self._settings, self._secrets, now=now)
        generated = None
        if self._users.find(ADMIN) is None:
            generated = None if admin_password else randomness.token_urlsafe(18)
            self._users.create_first(ADMIN, admin_password or generated or "", now=now)
        self._projects.ensure(PUBLIC_PROJECT, is_public=True, by=ADMIN, now=now)
        return generated

    def furnish_deployment(self, *, now: int) -> bool:
        """Make what is missing where nobody is there to read a password: it goes to the secret `admin_secret`, and only then
        to the user, so that a run which dies between the two leaves a password that the next run takes.
        Returns whether the administrator was made."""
        if self._users.find(ADMIN) is not None:
            self.furnish(None, now=now)
            return False
        name = self._settings.admin_secret
        password = self._secrets.read_text(name)
        if password is None:
            password = randomness.token_urlsafe(18)
            self._secrets.write_text(name, password)
        self.furnish(password, now=now)
        return True
