"""Talking to an OpenID Connect provider: where it is, tokens for a code, who somebody is, new tokens for old.

Source: OpenID Connect Core 1.0, sections 3.1.3, 5.3 and 12; RFC 6749, section 2.3.1 (how a client says who it is).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from chalicelib.rbac import id_token
from chalicelib.rbac.id_token import IdTokenRules
from chalicelib.rbac.identity import Identity, SourceDown
from chalicelib.rbac.model import OIDC
from chalicelib.rbac.oidc import LoginAttempt, LoginRefused, OidcSettings, identity
from chalicelib.rbac.ports import IssuerDown
from chalicelib.rbac.tokens import TokenRefused
from chalicelib.upstream.fetch import Fetch, Reach, UpstreamError
from chalicelib.upstream.issuers import Issuers, Metadata, discover

MAX_AGE_S = 24 * 3600
"""How old an ID token may be that somebody shows as a Bearer token; `exp` ends it earlier."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who came back from the provider, and the tokens they brought: all of them secrets."""

    identity: Identity
    id_token: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


class OidcProvider:
    """The provider an administrator configured. It may be in a private network. Safe under threads."""

    def __init__(self, settings: OidcSettings, reach: Reach) -> None:
        self._settings = settings
        self._fetch = Fetch(max(reach, Reach.PRIVATE), verify_cert=settings.verify_cert)
        self._issuers = Issuers(self._fetch)

    def metadata(self, *, now: int) -> Metadata:
        """Where the provider's endpoints are: two requests, or none for five minutes. Raises SourceDown."""
        try:
            found = self._issuers.metadata(self._settings.endpoint, now=now)
        except IssuerDown as down:
            raise SourceDown(OIDC, down.reason) from None
        if not found.authorization_endpoint or not found.token_endpoint:
            raise SourceDown(OIDC, "the provider does not offer logins (no authorization_endpoint, or no token_endpoint)")
        return found

    def log_in(self, attempt: LoginAttempt, code: str, *, now: int) -> LoggedIn:
        """Turn the code somebody came back with into who they are. Two requests, four when the provider is not known yet.
        Raises LoginRefused, SourceDown."""
        metadata = self.metadata(now=now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.code_verifier,
        }
        answer = self._token(metadata, form)
        rules = IdTokenRules(metadata.issuer, self._settings.client_id, attempt.nonce, is_login=True)
        return self._logged_in(metadata, answer, rules, now)

    def refresh(self, refresh_token: str, subject: str, *, now: int) -> LoggedIn | None:
        """Ask the provider whether somebody it let in may still come: None when not. Three requests at most. Raises SourceDown.
        Section 12.2: the new ID token, if there is one, must be about the same subject."""
        metadata = self.metadata(now=now)
        try:
            answer = self._token(metadata, {"grant_type": "refresh_token", "refresh_token": refresh_token})
            rules = IdTokenRules(metadata.issuer, self._settings.client_id, is_login=True)
            found = self._logged_in(metadata, {"refresh_token": refresh_token, **answer}, rules, now)
        except LoginRefused:
            return None
        return found if found.identity.subject == subject else None

    def bearer(self, token: str, *, now: int) -> Identity | None:
        """Say who shows an ID token of this provider as a Bearer token, as Harbor allows; None when it is not one, so that others
        may look at it. No request while the provider is known. Raises SourceDown."""
        try:
            if id_token.peek(token).issuer.rstrip("/") != self._settings.endpoint.rstrip("/"):
                return None
            metadata = self.metadata(now=now)
            rules = IdTokenRules(metadata.issuer, self._settings.client_id, max_age_s=MAX_AGE_S, is_login=True)
            return identity(self._verify(token, rules, now), self._settings)
        except (TokenRefused, LoginRefused):
            return None

    def _logged_in(self, metadata: Metadata, answer: Mapping[str, str], rules: IdTokenRules, now: int) -> LoggedIn:
        token, access_token = answer.get("id_token", ""), answer.get("access_token", "")
        userinfo = self._userinfo(metadata, access_token)
        if not token and not rules.nonce and userinfo is not None and isinstance(userinfo.get("sub"), str):
            claims = {**userinfo, "iss": metadata.issuer}  # A refresh need not bring an ID token; a login must.
        else:
            try:
                claims = self._verify(token, rules, now)
            except TokenRefused as refusal:
                raise LoginRefused(f"the provider's ID token is not good: {refusal}") from None
        return LoggedIn(identity(claims, self._settings, userinfo), token, access_token, answer.get("refresh_token", ""))

    def _verify(self, token: str, rules: IdTokenRules, now: int) -> dict[str, Any]:
        try:
            keys = self._issuers.keys(self._settings.endpoint, id_token.peek(token).kid, now=now)
        except IssuerDown as down:
            raise SourceDown(OIDC, down.reason) from None
        return id_token.verify(token, keys, rules, now=now)

    def _token(self, metadata: Metadata, form: Mapping[str, str]) -> dict[str, str]:
        """Ask the token endpoint. What it refuses is the person's matter, anything else the provider's."""
        client, secret = self._settings.client_id, self._settings.client_secret
        methods = metadata.token_auth_methods or ("client_secret_basic",)
        basic = (quote(client, safe=""), quote(secret, safe="")) if secret and "client_secret_basic" in methods else None
        if basic is None:
            form = {**form, "client_id": client, **({"client_secret": secret} if secret else {})}
        try:
            answer = self._fetch.post(metadata.token_endpoint, form, basic=basic)
            document = answer.document()
        except UpstreamError as error:
            raise SourceDown(OIDC, str(error)) from None
        if answer.status in (400, 401):
            raise LoginRefused(f"the provider refuses: {str(document.get('error', answer.status))[:100]}")
        if answer.status != 200:
            raise SourceDown(OIDC, f"its token endpoint answers {answer.status}")
        return {name: value for name, value in document.items() if isinstance(value, str)}

    def _userinfo(self, metadata: Metadata, access_token: str) -> dict[str, Any] | None:
        """What the provider adds, if it can and does: the ID token alone is enough to log in, as in Harbor."""
        if not metadata.userinfo_endpoint or not access_token:
            return None
        try:
            answer = self._fetch.get(metadata.userinfo_endpoint, bearer=access_token)
            return answer.document() if answer.status == 200 else None
        except UpstreamError:
            return None


def ping(endpoint: str, reach: Reach, *, verify_cert: bool) -> None:
    """Try whether a provider is where an administrator says (`POST /system/oidc/ping`). One request. Raises UpstreamError."""
    discover(Fetch(max(reach, Reach.PRIVATE), verify_cert=verify_cert), endpoint)
