"""Users and their grants, as an administrator changes them."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.rbac import passwords
from chalicelib.rbac.model import USER_NAME, Grant, PrincipalError, User
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.roles import ROLES


class Users:
    """The users of the registry. What is wrong with a request is raised as PrincipalError."""

    def __init__(self, store: PrincipalStore) -> None:
        self._store = store

    def find(self, name: str) -> User | None:
        """Read a user. One read."""
        return self._store.facts(name, ()).user

    def create(self, name: str, password: str, *, is_admin: bool = False, now: int) -> User:
        """Make a user."""
        if not USER_NAME.fullmatch(name):
            raise PrincipalError(
                f"{name!r} cannot be a user's name: use letters, digits and . _ @ + - $ after the first"
            )
        user = User(name, _hash(password), is_admin, created_at=now)
        if not self._store.save_user(user, is_new=True):
            raise PrincipalError(f"there is a user {name} already")
        return user

    def set_password(self, name: str, password: str) -> None:
        """Change a password. Refresh tokens made with the old one are void from now on, access tokens end by themselves."""
        self._save(replace(self._known(name), password_hash=_hash(password)))

    def enable(self, name: str, *, is_enabled: bool) -> None:
        """Lock a user out, or in again."""
        self._save(replace(self._known(name), is_enabled=is_enabled))

    def grant(self, project: str, name: str, role: str) -> None:
        """Give a user a role in a project, instead of the one they may have."""
        if role not in ROLES:
            raise PrincipalError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
        facts = self._store.facts(name, [project])
        if facts.user is None:
            raise PrincipalError(f"there is no user {name}")
        if project not in facts.projects:
            raise PrincipalError(f"there is no project {project}")
        self._store.save_grant(name, project, Grant(facts.projects[project].project_id, role))

    def revoke(self, project: str, name: str) -> None:
        """Take a user's role in a project away."""
        self._store.save_grant(name, project, None)

    def _known(self, name: str) -> User:
        user = self.find(name)
        if user is None:
            raise PrincipalError(f"there is no user {name}")
        return user

    def _save(self, user: User) -> None:
        if not self._store.save_user(user, is_new=False):
            raise PrincipalError(f"user {user.name} was removed meanwhile")


def _hash(password: str) -> str:
    if not 1 <= len(password) <= passwords.MAX_CHARACTERS:
        raise PrincipalError(f"a password has 1 to {passwords.MAX_CHARACTERS} characters")
    return passwords.hash_password(password)
