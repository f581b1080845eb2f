"""Onboarding: from an identity that a source vouches for to a user of the registry, made at the first login and kept up to date.

What the source says about groups and administrators holds from login to login. Source: Harbor `src/core/auth/ldap/ldap.go`
(PostAuthenticate, OnBoardUser) and `src/core/controllers/oidc.go`.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib import telemetry
from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Event, Recorder
from chalicelib.rbac import identity as identities
from chalicelib.rbac import password_rules
from chalicelib.rbac.groups import DN_MAX_BYTES
from chalicelib.rbac.identity import GROUP_TYPES, Identity, IdentityGroup, KnownGroup
from chalicelib.rbac.model import OIDC, USER_NAME, User
from chalicelib.rbac.people import GroupStore, UserStore
from chalicelib.rbac.users import Users

NEW_GROUPS = 20
"""So many groups are made at one login; somebody in more brings the rest at the next ones."""
_COMMENTS = {"ldap": "From LDAP", "oidc": "Onboarded via OIDC provider"}


class Onboarding:
    """Finds or makes the user of an identity."""

    def __init__(
        self, users: Users, store: UserStore, groups: GroupStore, recorder: Recorder = UNRECORDED
    ) -> None:
        self._users, self._store, self._groups, self._recorder = users, store, groups, recorder

    def find(self, identity: Identity) -> User | None:
        """Find whose identity it is: by subject for an OpenID provider, by name for LDAP. Two reads, or one.
        None too when the name belongs to somebody of another source."""
        name = self._store.name_of_subject(identity.key) if identity.source == OIDC else identity.username
        user = self._store.named(name) if name and USER_NAME.fullmatch(name) else None
        if user is None or not identities.may_be(identity, user.source, user.subject):
            return None
        return user

    def admit(self, identity: Identity, *, now: int) -> User | None:
        """Let somebody in whom a source vouches for; a new user is made of somebody new. None when the name is taken by
        somebody else, or there is none. Two reads, two batch reads for groups; writes only where something changed."""
        user = self.find(identity)
        if user is None:
            return self.onboard(identity, identity.username, now=now) if identity.username else None
        return self._refresh(user, identity, now)

    def onboard(self, identity: Identity, name: str, *, now: int) -> User | None:
        """Make the user of an identity under a name; None when it is taken. Three calls, and those of the groups."""
        user = User(
            name,
            "",
            email=self._email(identity),
            realname=identity.realname or name,
            comment=_COMMENTS[identity.source],
            source=identity.source,
            subject=identity.key,
            groups=self._group_ids(identity) or (),
            admin_role_in_auth=identity.is_admin or False,
        )
        try:
            made = self._users.enter(user, now=now)
        except RegistryError as error:
            if error.code != "CONFLICT":
                raise
        else:
            description = f"create user: {name}, {_COMMENTS[identity.source]}"
            self._recorder.record(Event("create", "user", name, name, description))
            return made
        found = self.find(identity)
        if found is None:
            telemetry.logger().warning("name taken", extra={"source": identity.source, "user": name})
        return found

    def _refresh(self, user: User, identity: Identity, now: int) -> User:
        groups = self._group_ids(identity)

        def refreshed(known: User) -> User:
            return replace(
                known,
                subject=identity.key,
                groups=known.groups if groups is None else groups,
                admin_role_in_auth=known.admin_role_in_auth if identity.is_admin is None else identity.is_admin,
                realname=identity.realname or known.realname,
            )

        return user if refreshed(user) == user else self._users.change(user, refreshed, now=now)

    def _group_ids(self, identity: Identity) -> tuple[int, ...] | None:
        """Find the ids of the groups somebody is in, and make those that are new; None when the source does not say."""
        if identity.groups is None:
            return None
        known = self._groups.known(identity.source, identity.groups)
        for group in identities.new_groups(identity, known)[:NEW_GROUPS]:
            made = self._make_group(identity, group)
            if made is not None:
                known.append(made)
        return identities.group_ids(identity, known)

    def _make_group(self, identity: Identity, group: IdentityGroup) -> KnownGroup | None:
        source = identity.source
        if len(identities.group_key(source, group).encode()) > DN_MAX_BYTES:
            return None
        made = self._groups.create(GROUP_TYPES[source], group.name, group.ldap_dn)
        if made is None:  # by another login at the same moment
            return next(iter(self._groups.known(source, [group])), None)
        description = f"create usergroup: {group.name}, {_COMMENTS[source]}"
        self._recorder.record(Event("create", "usergroup", group.name or group.ldap_dn, identity.username, description))
        return made

    def _email(self, identity: Identity) -> str:
        """The address the source knows, unless it is none, or somebody's here already: it is good for nothing but to be seen."""
        try:
            password_rules.check_email(identity.email)
        except RegistryError:
            return ""
        return "" if self._store.name_of_email(identity.email) else identity.email
