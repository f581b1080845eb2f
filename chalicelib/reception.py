"""Wiring of who comes in: users, groups, the sources they come from, and the sessions of their browsers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.aws.ended_sessions import DynamoEndedSessions
from chalicelib.aws.groups import DynamoGroups
from chalicelib.harbor.configurations import ConfigurationResource
from chalicelib.harbor.doors import Doors, Operating
from chalicelib.harbor.groups import GroupResource
from chalicelib.harbor.oidc_pages import OidcPages
from chalicelib.harbor.session import SessionPages
from chalicelib.harbor.sources import SourceResource
from chalicelib.harbor.users import UserResource
from chalicelib.rbac.authority import Authenticate, Authority
from chalicelib.rbac.csrf import Csrf
from chalicelib.rbac.groups import Groups
from chalicelib.rbac.id_bearer import IdBearer
from chalicelib.rbac.session import Sessions

if TYPE_CHECKING:
    from chalicelib.aws.principals import DynamoPrincipals
    from chalicelib.aws.secrets import RegistryKeys
    from chalicelib.aws.table import Table
    from chalicelib.config import Settings
    from chalicelib.events import Recorder
    from chalicelib.harbor.routes import Resource
    from chalicelib.rbac.configuration import Configurations
    from chalicelib.rbac.login import Login
    from chalicelib.rbac.onboarding import Onboarding
    from chalicelib.rbac.sources import IdentitySources
    from chalicelib.rbac.users import Users


class Reception:
    """The parts of the management API that deal with people, made once per process."""

    def __init__(
        self,
        settings: Settings,
        table: Table,
        principals: DynamoPrincipals,
        keys: RegistryKeys,
        configurations: Configurations,
        *,
        users: Users,
        login: Login,
        sources: IdentitySources,
        onboarding: Onboarding,
        recorder: Recorder,
    ) -> None:
        self._settings, self._table, self._configurations = settings, table, configurations
        self._users, self._login, self._sources, self._onboarding = users, login, sources, onboarding
        self._keys, self._recorder = keys, recorder
        self._csrf = Csrf(settings, keys.state_keys)
        self._sessions = Sessions(
            settings, principals, DynamoEndedSessions(table), configurations, self._csrf, keys.state_keys
        )

    @property
    def authenticators(self) -> Iterable[Authenticate]:
        """What `Authority` asks before it looks for a password or a token of the registry's own."""
        return self._sessions.authenticate, IdBearer(self._sources, self._onboarding).authenticate

    def resources(self, authority: Authority) -> list[Resource]:
        """The operations on people and on the configuration."""
        return [
            ConfigurationResource(authority, self._configurations),
            UserResource(authority, self._users, self._login, self._csrf, self._configurations),
            GroupResource(authority, Groups(DynamoGroups(self._table))),
            SourceResource(authority, self._sources, self._onboarding, self._configurations),
        ]

    def doors(self, authority: Authority, api: Operating) -> Doors:
        """The whole management API: the operations, and the pages of browsers."""
        oidc = OidcPages(
            self._settings,
            self._sources,
            self._onboarding,
            self._sessions,
            self._csrf,
            self._configurations,
            self._keys.state_keys,
            self._recorder,
        )
        pages = SessionPages(
            self._settings,
            authority,
            self._users,
            self._login,
            self._sessions,
            self._csrf,
            self._configurations,
            self._recorder,
            oidc.pages(),
        )
        return Doors(api, pages, self._sessions, self._csrf, self._configurations)
