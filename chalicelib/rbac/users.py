"""Users: made, changed and removed, by themselves, by administrators, and by the sources they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac import password_rules, passwords
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.model import DATABASE, OIDC, USER_NAME, Grant, PrincipalError, User
from chalicelib.rbac.people import Saved, UserRow, UserStore
from chalicelib.rbac.ports import PrincipalStore
from chalicelib.rbac.roles import ROLES

FIRST_ID = 1
"""The administrator made with the registry: cannot be deleted, stays an administrator, and is in no list, as in Harbor."""
_TRIES = 8


class Profile(NamedTuple):
    """What people say of themselves."""

    email: str
    realname: str
    comment: str = ""


class Users:
    """The users of the registry. Raises RegistryError: BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, PRECONDITION."""

    def __init__(self, store: UserStore, principals: PrincipalStore, configurations: Configurations) -> None:
        self._store, self._principals, self._configurations = store, principals, configurations

    def find(self, name: str) -> User | None:
        """Read a user by name. One read."""
        return self._store.named(name) if USER_NAME.fullmatch(name) else None

    def get(self, user_id: int) -> User:
        """Read a user by id. Two reads."""
        user = self._store.find(user_id)
        if user is None:
            raise RegistryError("NOT_FOUND", message=f"user {user_id} not found")
        return user

    def has_email(self, address: str) -> bool:
        """Say whether somebody has this address. One read."""
        is_one = 0 < len(address) <= password_rules.EMAIL_MAX_CHARACTERS
        return is_one and self._store.name_of_email(address) is not None

    def create(
        self, name: str, password: str, *, profile: Profile | None = None, is_admin: bool = False, now: int
    ) -> User:
        """Make a user with a password here. Only an operator may leave the profile out. Three calls and one hash."""
        password_rules.check_password(password)
        if profile is not None:
            password_rules.check_profile(*profile)
        password_rules.check_name(name, self._configurations.current(now=now).robot_name_prefix)
        user = User(name, passwords.hash_password(password), is_admin, **(profile._asdict() if profile else {}))
        return self.enter(user, now=now)

    def enter(self, user: User, *, now: int) -> User:
        """Store a new user under a new id. Three calls."""
        user_id = self._store.allocate()
        if user_id == FIRST_ID:
            user_id = self._store.allocate()
        return self._enter(replace(user, user_id=user_id, created_at=now, updated_at=now))

    def create_first(self, name: str, password: str, *, now: int) -> User:
        """Make the administrator every registry begins with. The password is the operator's own affair."""
        user = User(name, _hash(password), sysadmin_flag=True, realname="system admin", comment="admin user")
        return self._enter(replace(user, user_id=FIRST_ID, created_at=now, updated_at=now))

    def reset_first(self, name: str, password: str, *, now: int) -> None:
        """Give that administrator the operator's password, whatever the present one is."""
        user, hashed = self._store.named(name), _hash(password)
        if user is not None:
            self.change(user, lambda known: replace(known, password_hash=hashed), now=now)

    def _enter(self, user: User) -> User:
        saved = self._store.create(user)
        if saved is Saved.NAME_TAKEN:
            raise RegistryError("CONFLICT", message=f"there is a user {user.name} already")
        if saved is Saved.EMAIL_TAKEN:
            raise RegistryError("CONFLICT", message="there is a user with this email already")
        return user

    def change_profile(self, user: User, profile: Profile, *, now: int) -> None:
        """Change what a user with a password here says of themselves. One transaction."""
        _demand_own(user)
        password_rules.check_profile(*profile)
        self.change(user, lambda known: replace(known, **profile._asdict()), now=now)

    def change_password(self, user: User, new: str, *, now: int) -> None:
        """Change a password. What was made with the old one, refresh tokens and sessions, is void. One write, two hashes."""
        _demand_own(user)
        password_rules.check_password(new)
        if passwords.is_password(new, user.password_hash):
            raise password_rules.bad("New password is identical to old password")
        hashed = passwords.hash_password(new)
        self.change(user, lambda known: replace(known, password_hash=hashed), now=now)

    def set_secret(self, user: User, secret: str, *, now: int) -> None:
        """Set what somebody who logs in at an OpenID provider uses as docker's password."""
        if user.source != OIDC:
            message = f"unable to update CLI secret: user {user.user_id} does not log in at an OIDC provider"
            raise RegistryError("PRECONDITION", message=message)
        password_rules.check_password(secret)
        hashed = passwords.hash_password(secret)
        self.change(user, lambda known: replace(known, password_hash=hashed), now=now)

    def set_admin(self, user: User, *, is_admin: bool, by: User | None, now: int) -> None:
        """Make a user a system administrator, or no longer one."""
        is_self = by is not None and by.user_id == user.user_id
        if not is_admin and (is_self or user.user_id == FIRST_ID):
            raise RegistryError("FORBIDDEN", message=f"User with ID {user.user_id} stays a system administrator")
        self.change(user, lambda known: replace(known, sysadmin_flag=is_admin), now=now)

    def enable(self, user: User, *, is_enabled: bool, by: User | None = None, now: int) -> None:
        """Lock a user out, or let them in again."""
        if not is_enabled and by is not None and user.user_id in (by.user_id, FIRST_ID):
            raise RegistryError("FORBIDDEN", message=f"User with ID {user.user_id} cannot be disabled")
        self.change(user, lambda known: replace(known, is_enabled=is_enabled), now=now)

    def remove(self, user: User, *, by: User | None, now: int) -> None:
        """Delete a user and all their grants. They may nothing from the first write on, whatever happens then."""
        if user.user_id == FIRST_ID or (by is not None and by.user_id == user.user_id):
            raise RegistryError("FORBIDDEN", message=f"User with ID {user.user_id} cannot be deleted")
        changed = self.change(user, lambda known: replace(known, is_enabled=False), now=now)
        while not self._store.remove(changed):
            changed = self.change(changed, lambda known: known, now=now)

    def change(self, user: User, change: Callable[[User], User], *, now: int) -> User:
        """Change a user as they are now, whoever else changes them meanwhile. Raises NOT_FOUND when they were removed."""
        for _ in range(_TRIES):
            after = replace(change(user), updated_at=now, version=user.version + 1)
            saved = self._store.save(user, after)
            if saved is Saved.DONE:
                return after
            if saved is Saved.EMAIL_TAKEN:  # 400, since clients know no conflict here
                raise password_rules.bad("there is a user with this email already")
            known = self._store.named(user.name)
            if known is None or known.user_id != user.user_id:
                raise RegistryError("NOT_FOUND", message=f"user {user.user_id} not found")
            user = known
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def page(self, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[UserRow], int]:
        """Read a page of the list in the order of names, and how many there are. Two reads."""
        return self._store.page(offset, limit, is_descending)

    def rows(self) -> Sequence[UserRow]:
        """Read the whole list. One read per MB, about 6,000 users."""
        return self._store.rows()

    def many(self, names: Sequence[str]) -> list[User]:
        """Read users, in the order of the names; those who are gone are not among them. One batch read per hundred."""
        return self._store.many(names)

    def grant(self, project: str, name: str, role: str) -> None:
        """Give a user a role in a project, instead of the one they may have."""
        if role not in ROLES:
            raise PrincipalError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
        facts = self._principals.facts(name, [project])
        if facts.user is None:
            raise PrincipalError(f"there is no user {name}")
        if project not in facts.projects:
            raise PrincipalError(f"there is no project {project}")
        self._principals.save_grant(name, project, Grant(facts.projects[project].project_id, role))

    def revoke(self, project: str, name: str) -> None:
        """Take a user's role in a project away."""
        self._principals.save_grant(name, project, None)


def _demand_own(user: User) -> None:
    """People of another source are changed there."""
    if user.source != DATABASE:
        raise RegistryError("FORBIDDEN", message=f"User with ID {user.user_id} can't be updated")


def _hash(password: str) -> str:
    if not 1 <= len(password) <= passwords.MAX_CHARACTERS:
        raise password_rules.bad(f"a password has 1 to {passwords.MAX_CHARACTERS} characters")
    return passwords.hash_password(password)
