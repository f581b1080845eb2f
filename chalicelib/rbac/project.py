"""A project as the management API sees it: names, metadata and the CVE allowlist, and what is accepted of them. Pure.

Source: Harbor `src/pkg/project/manager.go` (names), `src/server/v2.0/handler/project_metadata.go` (metadata),
`src/pkg/allowlist/validator.go` (allowlist).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import PROJECT_NAME, PROJECT_NAME_MAX_CHARACTERS, Project

PUBLIC = "public"
_BOOLEANS = frozenset(
    {
        PUBLIC,
        "enable_content_trust",
        "enable_content_trust_cosign",
        "auto_sbom_generation",
        "prevent_vul",
        "auto_scan",
        "reuse_sys_cve_allowlist",
        "proxy_cache_local_on_not_found",
        "proxy_referrer_api",
    }
)
_SEVERITIES = frozenset({"none", "low", "medium", "high", "critical"})
_SEVERITY_NAMES = {"negligible": "none"}
PROXY_ONLY = frozenset({"proxy_speed_kb", "max_upstream_conn", "proxy_cache_filter_pattern", "proxy_cache_filter_kind"})
"""Metadata of proxy caches; other projects have none of it."""
KEYS = _BOOLEANS | {"severity", "retention_id"} | PROXY_ONLY
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
CVES_MAX = 2000
"""An allowlist is read with its project, so it is bounded; Harbor's lists have some tens of entries."""
_CVE_CHARACTERS = 64


class Allowlist(NamedTuple):
    """CVEs that do not stand in a pull's way. `expires_at` in Unix seconds; None: never."""

    cve_ids: tuple[str, ...] = ()
    expires_at: int | None = None
    updated_at: int = 0


NO_ALLOWLIST = Allowlist()


class ProjectRecord(NamedTuple):
    """Everything about a project. `metadata` has no `public`: that is `project.is_public`. `version` moves with every change."""

    project: Project
    owner: str = ""
    owner_id: int = 0
    created_at: int = 0
    updated_at: int = 0
    metadata: Mapping[str, str] = {}
    allowlist: Allowlist = Allowlist()
    version: int = 0

    @property
    def all_metadata(self) -> dict[str, str]:
        """The metadata as the API shows it."""
        return {PUBLIC: _word(self.project.is_public), **self.metadata}


class ProjectRow(NamedTuple):
    """A project in a list: what lists are filtered and sorted by. Times are Unix seconds."""

    name: str
    project_id: int
    is_public: bool
    owner: str = ""
    created_at: int = 0
    updated_at: int = 0
    owner_id: int = 0


def check_name(name: str) -> None:
    """Demand that a project can have this name. Raises BAD_REQUEST.

    A project's name is the first component of its repositories' names, which have 255 characters at most; so the longest is two
    characters shorter than Harbor's.
    """
    if not 1 <= len(name) <= PROJECT_NAME_MAX_CHARACTERS:
        raise bad(f"a project's name has 1 to {PROJECT_NAME_MAX_CHARACTERS} characters")
    if not PROJECT_NAME.fullmatch(name):
        raise bad("project name is not in lower case or contains illegal characters")


def check_metadata(found: Mapping[str, str]) -> dict[str, str]:
    """Bring metadata into its stored form: `true` and `false`, severities in lower case. Raises BAD_REQUEST for a key or value
    that Harbor does not know, and for what only proxy caches have."""
    return {key: _checked(key, value) for key, value in found.items()}


def _checked(key: str, value: str) -> str:
    lower = value.strip().lower()
    if key in _BOOLEANS:
        if lower in _TRUE or lower in _FALSE:
            return _word(lower in _TRUE)
    elif key == "severity":
        severity = _SEVERITY_NAMES.get(lower, lower)
        if severity in _SEVERITIES:
            return severity
    elif key in PROXY_ONLY:
        raise bad(f"{key} is for proxy cache projects only")
    else:
        raise bad(f"invalid key: {key[:64]}")
    raise bad(f"invalid value of {key}: {value[:64]!r}")


def allowlist(cve_ids: Iterable[str], expires_at: int | None, *, now: int) -> Allowlist:
    """Make an allowlist. Raises BAD_REQUEST for an id that is empty, too long or there twice, and for too many."""
    found = tuple(cve_ids)
    if len(found) > CVES_MAX:
        raise bad(f"an allowlist has at most {CVES_MAX} entries")
    for cve_id in found:
        if not cve_id.strip() or len(cve_id) > _CVE_CHARACTERS:
            raise bad("empty or overlong CVE ID in allowlist")
    if len(set(found)) != len(found):
        raise bad("duplicate CVE ID in allowlist")
    return Allowlist(found, expires_at, now)


def merged(record: ProjectRecord, change: Mapping[str, str], *, now: int) -> ProjectRecord:
    """The record with some metadata changed."""
    is_public = change.get(PUBLIC, _word(record.project.is_public)) == "true"
    metadata = {**record.metadata, **{key: value for key, value in change.items() if key != PUBLIC}}
    return record._replace(project=record.project._replace(is_public=is_public), metadata=metadata, updated_at=now)


def bad(message: str) -> RegistryError:
    """Make the 400 that says what is wrong."""
    return RegistryError("BAD_REQUEST", message=message)


def _word(is_true: bool) -> str:
    return "true" if is_true else "false"
