"""The sources of users as the configuration has them at the moment. What talks to them is loaded when one is configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.config import Settings
from chalicelib.rbac.configuration import Configuration, Configurations
from chalicelib.rbac.identity import IdentitySource, SourceDown
from chalicelib.rbac.model import LDAP, OIDC

if TYPE_CHECKING:
    from chalicelib.rbac.oidc import OidcSettings
    from chalicelib.rbac.sources import Directory, Provider


class ConfiguredSources:
    """`rbac.sources.IdentitySources`."""

    def __init__(self, settings: Settings, configurations: Configurations) -> None:
        self._settings, self._configurations = settings, configurations
        self._provider: tuple[OidcSettings, Provider] | None = None

    def passwords(self, *, now: int) -> Mapping[str, IdentitySource]:
        """No call, unless a secret must be read."""
        directory = self.directory(now=now)
        return {LDAP: directory} if directory is not None else {}

    def directory(self, *, now: int) -> Directory | None:
        """No call, unless a secret must be read."""
        configuration = self._configurations.current(now=now)
        if not configuration.has_ldap:
            return None
        return self.directory_of(configuration, self._configurations.secret("ldap_search_password", now=now))

    def directory_of(self, configuration: Configuration, search_password: str) -> Directory | None:
        """No call."""
        from chalicelib.rbac.ldap import LdapSettings  # noqa: PLC0415 - only where there is a directory
        from chalicelib.upstream.ldap import LdapDirectory  # noqa: PLC0415

        settings = LdapSettings.of(configuration._asdict(), search_password)
        return LdapDirectory(settings) if settings is not None else None

    def provider(self, *, now: int) -> tuple[OidcSettings, Provider] | None:
        """No call, unless a secret must be read. The provider is kept with what it knows until its settings change."""
        configuration = self._configurations.current(now=now)
        if not configuration.has_oidc:
            return None
        from chalicelib.rbac.oidc import OidcSettings  # noqa: PLC0415 - only where there is a provider
        from chalicelib.upstream.fetch import Reach  # noqa: PLC0415
        from chalicelib.upstream.oidc import OidcProvider  # noqa: PLC0415

        secret = self._configurations.secret("oidc_client_secret", now=now)
        settings = OidcSettings.of(configuration._asdict(), secret)
        if settings is None:
            return None
        known = self._provider
        if known is None or known[0] != settings:
            known = settings, OidcProvider(settings, Reach.named(self._settings.upstream_reach))
            self._provider = known
        return known

    def ping_provider(self, endpoint: str, *, verify_cert: bool) -> None:
        """One request."""
        from chalicelib.upstream.fetch import Reach, UpstreamError  # noqa: PLC0415
        from chalicelib.upstream.oidc import ping  # noqa: PLC0415

        try:
            ping(endpoint, Reach.named(self._settings.upstream_reach), verify_cert=verify_cert)
        except UpstreamError as error:
            raise SourceDown(OIDC, str(error)) from None
