"""Configuration: what an administrator changes at run time through `/configurations`, beside the settings of the deployment.

Names, defaults and checks are Harbor's where it has them (`src/lib/config/metadata/metadatalist.go`); what is different:
`auth_mode` may be changed at any time and names the source that is asked first, since all configured sources work at once;
`token_expiration` is at most 60 minutes; what Moorage does not have can be read, and written only as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.cache import Cache
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.rbac import expression
from chalicelib.rbac.ports import ConfigurationStore
from chalicelib.rbac.trust import CI_PREFIX, is_ci_name

KEEP_S = 30
"""How old the configuration may be that a process works with."""
READ_ONLY = "The system is in read only mode. Any modification is prohibited."
_MAX_CHARACTERS = 2048
_TEN_DIGITS = 9_999_999_999
_WRITES = 8


class Configuration(NamedTuple):
    """Every option with its default. Secrets are not among them: see `Configurations.secret`."""

    auth_mode: str = "db_auth"
    """The source that is asked first: db_auth, ldap_auth or oidc_auth."""
    primary_auth_mode: bool = False
    self_registration: bool = False
    """Whether people may make accounts for themselves, in a browser's session."""
    session_timeout: int = 60
    """Minutes."""
    token_expiration: int = 15
    """Minutes an access token lives, 1 to 60. Unless an administrator changed it, the deployment's setting."""
    project_creation_restriction: str = "everyone"
    """Who may make projects: everyone, or adminonly."""
    read_only: bool = False
    quota_per_project_enable: bool = True
    storage_per_project: int = -1
    """Bytes a new project may hold; -1: without limit."""
    robot_name_prefix: str = "robot$"
    robot_token_duration: int = 30
    """Days a robot lives that says nothing else."""
    banner_message: str = ""
    notification_enable: bool = True
    scanner_skip_update_pulltime: bool = False
    audit_log_retention_days: int = 90
    disabled_audit_log_event_types: str = ""
    """Events that are not logged, as `create_user,pull_artifact`."""
    pull_audit_log_disable: bool = False
    pull_count_update_disable: bool = False
    pull_time_update_disable: bool = False
    ldap_url: str = ""
    ldap_base_dn: str = ""
    ldap_search_dn: str = ""
    ldap_uid: str = "cn"
    ldap_filter: str = ""
    ldap_scope: int = 2
    ldap_timeout: int = 5
    ldap_verify_cert: bool = True
    ldap_group_base_dn: str = ""
    ldap_group_search_filter: str = ""
    ldap_group_search_scope: int = 2
    ldap_group_attribute_name: str = ""
    ldap_group_membership_attribute: str = "memberof"
    ldap_group_admin_dn: str = ""
    ldap_group_attach_parallel: bool = False
    oidc_name: str = ""
    oidc_endpoint: str = ""
    oidc_client_id: str = ""
    oidc_scope: str = ""
    oidc_user_claim: str = ""
    oidc_groups_claim: str = ""
    oidc_group_filter: str = ""
    oidc_admin_group: str = ""
    oidc_auto_onboard: bool = False
    oidc_verify_cert: bool = True
    oidc_extra_redirect_parms: str = "{}"
    oidc_logout: bool = False
    uaa_client_id: str = ""
    uaa_client_secret: str = ""
    uaa_endpoint: str = ""
    uaa_verify_cert: bool = False
    http_authproxy_endpoint: str = ""
    http_authproxy_tokenreview_endpoint: str = ""
    http_authproxy_admin_groups: str = ""
    http_authproxy_admin_usernames: str = ""
    http_authproxy_verify_cert: bool = True
    http_authproxy_skip_search: bool = False
    http_authproxy_server_certificate: str = ""
    audit_log_forward_endpoint: str = ""
    skip_audit_log_database: bool = False

    @property
    def project_limit_bytes(self) -> int:
        """What a new project may hold when nobody says otherwise; -1: without limit."""
        return self.storage_per_project if self.quota_per_project_enable else -1

    @property
    def has_ldap(self) -> bool:
        """LDAP is a source of users."""
        return bool(self.ldap_url and self.ldap_base_dn and self.ldap_uid)

    @property
    def has_oidc(self) -> bool:
        """An OpenID Connect provider is a source of users."""
        return bool(self.oidc_endpoint and self.oidc_client_id)


DEFAULTS: Mapping[str, Any] = Configuration._field_defaults
SECRETS = ("ldap_search_password", "oidc_client_secret")
"""Options that are written and never read back; they are kept in Secrets Manager."""
FIXED = frozenset(
    name for name in DEFAULTS if name.startswith(("uaa_", "http_authproxy_", "audit_log_forward_", "skip_audit_"))
)
"""Options of what Moorage does not have: UAA, an authenticating proxy, forwarding the audit log."""

_CHOICES = {
    "auth_mode": ("db_auth", "ldap_auth", "oidc_auth"),
    "project_creation_restriction": ("everyone", "adminonly"),
}
_RANGES = {
    "token_expiration": (1, 60),
    "session_timeout": (1, 43200),
    "robot_token_duration": (1, _TEN_DIGITS),
    "audit_log_retention_days": (1, 3650),
    "ldap_scope": (0, 2),
    "ldap_group_search_scope": (0, 2),
    "ldap_timeout": (1, 20),
}
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+$-]{0,31}", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.ASCII)


def _quota(value: int) -> str:
    return "" if value == -1 or 0 < value < 2**53 else "must be -1 or the number of bytes"


def _prefix(value: str) -> str:
    if is_ci_name(value):
        return f"must not begin with {CI_PREFIX}, as the names of CI jobs do"
    return "" if _PREFIX.fullmatch(value) else "must be 1 to 32 letters, digits and . _ @ + - $ after the first"


def _parameters(value: str) -> str:
    try:
        found = json.loads(value or "{}")
    except (ValueError, RecursionError):
        found = None
    is_good = isinstance(found, dict) and all(isinstance(item, str) for item in found.values())
    return "" if is_good else "must be a JSON object of strings"


def _endpoint(value: str) -> str:
    return "" if not value or _WEB.fullmatch(value) else "must be an address such as https://login.example.com"


def _scope(value: str) -> str:
    return "" if not value or "openid" in re.split(r"[\s,]+", value) else "must contain openid"


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "storage_per_project": _quota,
    "robot_name_prefix": _prefix,
    "oidc_group_filter": expression.problem,
    "oidc_extra_redirect_parms": _parameters,
    "oidc_endpoint": _endpoint,
    "oidc_scope": _scope,
}


class Configurations:
    """The configuration of the registry, as every process sees it within `KEEP_S` seconds of a change."""

    def __init__(self, settings: Settings, store: ConfigurationStore) -> None:
        self._store, self._settings = store, settings
        self._deployed = {"token_expiration": max(1, settings.token_s // 60)}
        self._known: Cache[str, Configuration] = Cache(1, KEEP_S)
        self._secrets: Cache[str, Mapping[str, str]] = Cache(1, KEEP_S)

    def current(self, *, now: int) -> Configuration:
        """Return the configuration. One read when the last is `KEEP_S` seconds old, else none."""
        known = self._known.get("", now)
        if known is None:
            known = self._of(self._store.read()[0])
            self._known.put("", known, now)
        return known

    def token_s(self, *, now: int) -> int:
        """How many seconds an access token lives: as configured, else as the deployment says."""
        minutes = self.current(now=now).token_expiration
        return self._settings.token_s if minutes == self._deployed["token_expiration"] else 60 * minutes

    def secret(self, name: str, *, now: int) -> str:
        """Return one of `SECRETS`, "" when it was never set. One call to Secrets Manager under the same terms."""
        known = self._secrets.get("", now)
        if known is None:
            known = self._store.read_secrets()
            self._secrets.put("", known, now)
        return known.get(name, "")

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Change the options among `wanted`; names that are none are passed over. Seen here at once, elsewhere within `KEEP_S`.
        Raises BAD_REQUEST when a value is wrong or nothing is left. One read, one conditional write; one call a secret."""
        secrets = {name: wanted[name] for name in SECRETS if wanted.get(name) is not None}
        options = {name: wanted[name] for name in DEFAULTS if wanted.get(name) is not None}
        if not secrets and not options:
            raise _bad("there is no option in the request")
        for name, value in (*options.items(), *secrets.items()):
            check(name, value)
        for name, value in secrets.items():
            self._store.write_secret(name, value)
        if options:
            self._write(options)
        self._known.drop("")
        self._secrets.drop("")

    def _write(self, options: Mapping[str, Any]) -> None:
        for _ in range(_WRITES):
            values, version = self._store.read()
            if self._store.write({**values, **options}, version=version):
                return
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _of(self, values: Mapping[str, Any]) -> Configuration:
        """What this version does not know, or knows otherwise, was written by another: it counts as not set."""
        known = {name: values[name] for name in DEFAULTS if type(values.get(name)) is type(DEFAULTS[name])}
        return Configuration(**{**self._deployed, **known})


def check(name: str, value: Any) -> None:
    """Demand that a value may be an option's. Raises BAD_REQUEST with a sentence, which holds no value."""
    default = DEFAULTS.get(name, "")
    if type(value) is not type(default):
        raise _bad(f"{name} must be of type {type(default).__name__}")
    if name in FIXED and value != default:
        raise _bad(f"{name} cannot be changed: Moorage does not have this")
    if isinstance(value, str) and len(value) > _MAX_CHARACTERS:
        raise _bad(f"{name} may have {_MAX_CHARACTERS} characters")
    choices, limits = _CHOICES.get(name), _RANGES.get(name)
    if choices and value not in choices:
        raise _bad(f"{name} must be one of {', '.join(choices)}")
    if limits and not limits[0] <= value <= limits[1]:
        raise _bad(f"{name} must be a number from {limits[0]} to {limits[1]}")
    problem = _CHECKS[name](value) if name in _CHECKS else ""
    if problem:
        raise _bad(f"{name} {problem}")


def _bad(message: str) -> RegistryError:
    return RegistryError("BAD_REQUEST", message=message)
