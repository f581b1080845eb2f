"""What access control needs from the outside. `chalicelib.aws` implements it; tests use fakes. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from chalicelib.rbac.id_token import IssuerKey
from chalicelib.rbac.model import Facts, Failures, Grant
from chalicelib.rbac.tokens import SigningKey, VerifyingKey
from chalicelib.rbac.trust import TrustPolicy


class PrincipalStore(Protocol):
    """Users, grants, failed logins and projects. Reads are strongly consistent."""

    def facts(self, user: str, projects: Iterable[str], *, origin: str | None = None) -> Facts:
        """Read everything about a user ("" = anonymous) and some projects; failed logins only with an origin.
        One batch read per hundred items: a user, their failures and 49 projects are one."""

    def name_of_email(self, address: str) -> str | None:
        """Find the user who has an address; capital letters make no difference. One read."""

    def add_failure(self, user: str, origin: str, *, seen: Failures, now: int, keep_s: int) -> int:
        """Count a failed login atomically and return the count. `seen` is what `facts` said: failures whose time is over
        are forgotten first. A new count ends after `keep_s` seconds."""

    def save_grant(self, user: str, project: str, grant: Grant | None) -> None:
        """Write a user's grant, or remove it. Idempotent."""


class ConfigurationStore(Protocol):
    """What an administrator configured, and the secrets among it."""

    def read(self) -> tuple[Mapping[str, Any], int]:
        """Read the options that were ever changed, and the version of this state: 0 before the first change."""

    def write(self, values: Mapping[str, Any], *, version: int) -> bool:
        """Replace the options; False when another change came first and `version` is no longer the stored one."""

    def read_secrets(self) -> Mapping[str, str]:
        """Read the secrets by name."""

    def write_secret(self, name: str, value: str) -> None:
        """Set one secret; the others stay."""


class EndedSessions(Protocol):
    """Sessions that somebody logged out of before they would have ended."""

    def add(self, user: str, session_id: str, *, until: int) -> None:
        """Remember a session until its cookie is worth nothing. One write, idempotent."""

    def has(self, user: str, session_id: str) -> bool:
        """Say whether a session was ended. One read."""


class ProjectNames(Protocol):
    """From a project's id to its name."""

    def name_of(self, project_id: int) -> str | None:
        """Find the name of the project that has this id now. One read."""


class UserNames(Protocol):
    """From a user's id to the name."""

    def user_of(self, user_id: int) -> str | None:
        """Find the name of the user who has this id. One read."""


class VerifyingKeys(Protocol):
    """Public keys of tokens, for the side that only verifies."""

    def find(self, kid: str, *, now: int) -> VerifyingKey | None:
        """Find a key that still verifies. An unknown id makes the keys be read again, at most once in 30 s."""


class SigningKeys(VerifyingKeys, Protocol):
    """Private keys of tokens, for the token service."""

    def current(self, *, now: int) -> SigningKey:
        """Return the key that signs now."""

    def jwks(self, *, now: int) -> Mapping[str, Any]:
        """Render the public keys as a JWK set (RFC 7517, section 5)."""


class IssuerDown(Exception):
    """An issuer cannot be asked, and what is known of it is too old. The message says why."""

    def __init__(self, issuer: str, reason: str) -> None:
        super().__init__(f"{issuer}: {reason}")
        self.issuer, self.reason = issuer, reason


class IssuerKeys(Protocol):
    """Public keys of other issuers of ID tokens."""

    def keys(self, issuer: str, kid: str, *, now: int) -> Sequence[IssuerKey]:
        """The keys of an issuer that somebody trusts. An unknown id makes them be read again, at most once in 30 s; while the
        issuer is down the known ones serve for an hour. Raises IssuerDown."""


class TrustPolicies(Protocol):
    """The trust policies of projects."""

    def find(self, project_id: int) -> Sequence[TrustPolicy]:
        """Read the policies of a project, at most 50, strongly consistent: a deleted one trusts nobody from now on."""


class TrustStore(TrustPolicies, Protocol):
    """The same, as the management API changes them."""

    def add(self, project_id: int, policy: TrustPolicy) -> TrustPolicy:
        """Store a policy under a new id, and return it with that. Raises CONFLICT for a known name, PRECONDITION for the 51st."""

    def replace(self, project_id: int, policy: TrustPolicy) -> None:
        """Store a policy instead of the one of its id. Raises NOT_FOUND, CONFLICT."""

    def remove(self, project_id: int, policy_id: int) -> None:
        """Remove a policy. Raises NOT_FOUND."""
