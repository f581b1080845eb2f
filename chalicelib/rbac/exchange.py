"""Keyless CI: the ID token of a CI job becomes a caller with the rights a project's trust policies give.

Two ways in. A job may show its ID token as the password of `ci$<project>`, as long as that token lives; or exchange it once
(RFC 8693) for a token of ours, which is shown the same way and lives as long as the policy says. Policies are read at every
request: one that was deleted trusts nobody from then on, whatever was exchanged before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.rbac import grants, id_token, tokens, trust
from chalicelib.rbac.id_token import IdTokenRules
from chalicelib.rbac.model import ACTIONS, CATALOG, Facts, Project
from chalicelib.rbac.ports import IssuerDown, IssuerKeys, PrincipalStore, SigningKeys, TrustPolicies
from chalicelib.rbac.scope import REPOSITORY, Scope
from chalicelib.rbac.tokens import TokenRefused
from chalicelib.rbac.trust import Refused, TrustPolicy

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TOKEN_TYPES = frozenset({"urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"})

ISSUED_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name


class NotTrusted(Exception):
    """A project does not trust a token. The sentence is for whoever holds the token, and holds nothing of it."""


class Trusting(NamedTuple):
    """Who trusts a job: the project, its policies that do, and until when each does."""

    project: Project
    until: Mapping[int, int]
    policies: tuple[TrustPolicy, ...]
    facts: Facts
    """What an anonymous caller could know: the projects of the scopes."""
    subject: str
    """What its issuer calls the job."""

    @property
    def name(self) -> str:
        """The caller's name when nothing was asked for yet; without a policy when several trust the job."""
        if len(self.policies) == 1:
            return trust.caller_name(self.project.name, self.policies[0].name)
        return f"{trust.CI_PREFIX}{self.project.name}"


class Exchange:
    """Judges the tokens of CI jobs. One batch read and one Query each; keys of issuers are known or two requests away."""

    def __init__(
        self, settings: Settings, store: PrincipalStore, policies: TrustPolicies, issuers: IssuerKeys, keys: SigningKeys
    ) -> None:
        self._settings, self._store, self._policies = settings, store, policies
        self._issuers, self._keys = issuers, keys

    def admit(self, project_name: str, policy_name: str, token: str, scopes: Sequence[Scope], *, now: int) -> Trusting:
        """Find the policies that trust the holder of a token: an ID token, or what was exchanged for one.

        Raises NotTrusted; UNAVAILABLE when the issuer's keys cannot be read. An issuer no policy names is never asked.
        """
        try:
            seen = id_token.peek(token)
        except TokenRefused as refusal:
            raise NotTrusted(str(refusal)) from None
        facts = self._store.facts("", [project_name, *(scope.project for scope in scopes if scope.type == REPOSITORY)])
        project = facts.projects.get(project_name)
        policies = self._policies.find(project.project_id) if project else ()
        wanted = [policy for policy in policies if policy_name in ("", policy.name)]
        if project is None or not wanted:
            raise NotTrusted("the project trusts no CI system")
        if seen.issuer == self._settings.public_url and seen.type == tokens.TRUST:
            until, subject = self._read_exchanged(token, project, wanted, now)
        else:
            trusted, subject = self._judge(token, seen, wanted, now)
            until = {policy.id: now + policy.expires_s for policy in trusted}
        return Trusting(project, until, tuple(policy for policy in wanted if policy.id in until), facts, subject)

    def claims(self, trusting: Trusting, scopes: Sequence[Scope], *, token_s: int, now: int) -> dict[str, Any]:
        """Say what an access token for these scopes claims: subject, access, project ids, tags, and its end, which is after
        `token_s` seconds or when the policy says. Pure."""
        project = trusting.project
        policy = trust.choose(trusting.policies, _asked(project, scopes))
        access: dict[str, frozenset[str]] = {}
        project_ids: dict[str, int] = {}
        tags: dict[str, Mapping[str, Sequence[str]]] = {}
        for scope in scopes:
            if scope.type != REPOSITORY:
                access[CATALOG] = grants.NOTHING
                continue
            rights = grants.allowed(trusting.facts, scope.project, now=now)
            given = trust.Access(grants.NOTHING, {})
            if scope.project == project.name:
                given = trust.access(policy, scope.name.partition("/")[2])
            actions = access[scope.name] = grants.granted(scope.actions, rights | given.actions)
            tags[scope.name] = {action: list(of) for action, of in given.tags.items() if action in actions}
            if actions:
                project_ids[scope.project] = trusting.facts.projects[scope.project].project_id
        return {
            "sub": f"{tokens.CI_SUBJECT}{project.name}+{policy.name}",
            "exp": min(now + token_s, trusting.until[policy.id]),
            "access": tokens.access_claims(access),
            "pids": project_ids,
            "tags": tags,
        }

    def exchanged(self, trusting: Trusting, *, now: int) -> tuple[str, int]:
        """Make the token a job shows instead of its ID token from now on, and say when it ends."""
        rules, expires_at = self._rules(), max(trusting.until.values())
        claims = {
            "iss": rules.issuer,
            "aud": rules.audience,
            "sub": f"{tokens.CI_SUBJECT}{trusting.project.name}",
            "pid": trusting.project.project_id,
            "job": trusting.subject,
            "until": {str(policy): until for policy, until in trusting.until.items()},
            "iat": now,
            "nbf": now,
            "exp": expires_at,
        }
        return tokens.sign(claims, self._keys.current(now=now), tokens.TRUST), expires_at

    def _judge(
        self, token: str, seen: id_token.Unverified, wanted: Sequence[TrustPolicy], now: int
    ) -> tuple[tuple[TrustPolicy, ...], str]:
        concerned = [p for p in wanted if p.issuer == seen.issuer and p.audience == seen.audience]
        if not concerned:
            raise NotTrusted("no policy of the project names this issuer and audience")
        try:
            keys = self._issuers.keys(seen.issuer, seen.kid, now=now)
            claims = id_token.verify(token, keys, IdTokenRules(seen.issuer, seen.audience), now=now)
        except TokenRefused as refusal:
            raise NotTrusted(str(refusal)) from None
        except IssuerDown as down:
            message = f"the keys of the token's issuer cannot be read: {down.reason}"
            raise RegistryError("UNAVAILABLE", message=message, headers={"Retry-After": "30"}) from None
        verdict = trust.judge(concerned, claims, now)
        if isinstance(verdict, Refused):
            raise NotTrusted(verdict.reason)
        return verdict.policies, claims["sub"]

    def _read_exchanged(
        self, token: str, project: Project, wanted: Sequence[TrustPolicy], now: int
    ) -> tuple[dict[int, int], str]:
        try:
            claims = tokens.verify(token, lambda kid: self._keys.find(kid, now=now), self._rules(), now=now)
        except TokenRefused as refusal:
            raise NotTrusted(str(refusal)) from None
        if claims.get("pid") != project.project_id or claims["sub"] != f"{tokens.CI_SUBJECT}{project.name}":
            raise NotTrusted("the token was exchanged for another project")
        until = {policy.id: claims["until"].get(str(policy.id), 0) for policy in wanted}
        found = {policy: end for policy, end in until.items() if end > now}
        if not found:
            raise NotTrusted("the policy that trusted this job is gone")
        return found, claims["job"]

    def _rules(self) -> tokens.Rules:
        return tokens.Rules(tokens.TRUST, self._settings.public_url, self._settings.realm, trust.MAX_S)


def _asked(project: Project, scopes: Sequence[Scope]) -> dict[str, frozenset[str]]:
    """What is asked of the project that trusts, by repository without the project."""
    return {
        scope.name.partition("/")[2]: ACTIONS if "*" in scope.actions else scope.actions
        for scope in scopes
        if scope.type == REPOSITORY and scope.project == project.name
    }
