"""The sources of users beside the registry itself, as they are configured at the moment: what login and its pages need of them.
`chalicelib.upstream` implements it; tests use fakes or real servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chalicelib.rbac.configuration import Configuration
from chalicelib.rbac.identity import Identity, IdentityGroup, IdentitySource
from chalicelib.rbac.oidc import LoginAttempt, OidcSettings


class Metadata(Protocol):
    """Where a provider's endpoints are; "" where it has none."""

    @property
    def authorization_endpoint(self) -> str:
        """Where browsers are sent to log in."""

    @property
    def end_session_endpoint(self) -> str:
        """Where browsers are sent to log out."""


class LoggedIn(Protocol):
    """Who came back from a provider, and with what."""

    @property
    def identity(self) -> Identity:
        """Who it is."""

    @property
    def id_token(self) -> str:
        """The provider's ID token, a secret."""


class Provider(Protocol):
    """An OpenID Connect provider."""

    def metadata(self, *, now: int) -> Metadata:
        """Find the endpoints. Raises SourceDown."""

    def log_in(self, attempt: LoginAttempt, code: str, *, now: int) -> LoggedIn:
        """Turn the code somebody came back with into who they are. Raises LoginRefused, SourceDown."""

    def bearer(self, token: str, *, now: int) -> Identity | None:
        """Say whose ID token this is; None when it is not this provider's, or not good. Raises SourceDown."""


class Directory(IdentitySource, Protocol):
    """An LDAP directory."""

    def search_users(self, username: str = "") -> list[Identity]:
        """Find users by name. Raises SourceDown."""

    def search_groups(self, name: str = "", dn: str = "") -> list[IdentityGroup]:
        """Find groups by name or DN. Raises SourceDown."""

    def ping(self) -> None:
        """Try whether it is there. Raises SourceDown."""


class IdentitySources(Protocol):
    """All sources, by the configuration of the moment."""

    def passwords(self, *, now: int) -> Mapping[str, IdentitySource]:
        """The sources that know passwords, by name, in the order they are asked."""

    def directory(self, *, now: int) -> Directory | None:
        """The directory, if one is configured."""

    def provider(self, *, now: int) -> tuple[OidcSettings, Provider] | None:
        """The provider and its settings, if one is configured."""

    def directory_of(self, configuration: Configuration, search_password: str) -> Directory | None:
        """The directory of a configuration that is only tried out."""

    def ping_provider(self, endpoint: str, *, verify_cert: bool) -> None:
        """Try whether a provider is there. Raises SourceDown."""
