"""The token service: `GET|POST /service/token` and `GET /service/token/jwks`.

Source: distribution, "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST, RFC 6749 forms).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs

from chalicelib import telemetry
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import UNRECORDED, Recorder
from chalicelib.http import Request, Response, json_response
from chalicelib.rbac import authorization, exchange, grants, passwords, tokens, trust
from chalicelib.rbac import scope as scopes_
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.exchange import Exchange, NotTrusted, Trusting
from chalicelib.rbac.login import Login
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.model import Facts, Principal
from chalicelib.rbac.ports import PrincipalStore, SigningKeys
from chalicelib.rbac.scope import Scope

MAX_SCOPES = 48
"""So many projects, their grants, the user and the failed logins are one batch read."""
_MAX_FORM_BYTES = 64 * 1024
_JWKS_AGE_S = 300
_ISSUED = {"issued_token_type": exchange.ISSUED_TOKEN_TYPE, "token_type": "Bearer"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A token request. `scopes` is None when none were asked for: an identity token."""

    scopes: list[Scope] | None
    wants_refresh: bool
    credentials: Basic | None = None
    refresh_token: str = field(default="", repr=False)

    @property
    def projects(self) -> list[str]:
        """The projects of the scopes."""
        return [scope.project for scope in self.scopes or () if scope.type == scopes_.REPOSITORY]


class TokenService:
    """Gives tokens to whoever proves who they are, and to anonymous callers for what is public."""

    def __init__(
        self,
        settings: Settings,
        store: PrincipalStore,
        keys: SigningKeys,
        login: Login,
        configurations: Configurations,
        ci: Exchange | None = None,
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._settings, self._store, self._keys, self._ci = settings, store, keys, ci
        self._login, self._configurations = login, configurations
        self._logins = Logins(recorder)
        self._challenge = authorization.basic_challenge(settings)

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below `/service/`. Raises RegistryError; one batch read for a token, none for the keys."""
        if request.path == "/service/token/jwks":
            _allow(request, ("GET", "HEAD"))
            headers = {"Cache-Control": f"public, max-age={_JWKS_AGE_S}"}
            return json_response(200, self._keys.jwks(now=now), headers)
        if request.path != "/service/token":
            raise RegistryError("NOT_FOUND", {"path": request.path[:300]})
        _allow(request, ("GET", "POST"))
        return self._token(request, now)

    def _token(self, request: Request, now: int) -> Response:
        form = _form(request) if request.method == "POST" else request.query
        service = _first(form, "service")
        if service not in ("", self._settings.service):
            return _bad_request("invalid_request", f"this service gives tokens for {self._settings.service!r} only")
        scopes = scopes_.parse(form.get("scope", ()))
        if len(scopes or ()) > MAX_SCOPES:
            return _bad_request("invalid_scope", f"at most {MAX_SCOPES} repositories in one token")
        if request.method == "GET":
            # docker's login asks for an offline token here. Given one, it forgets the password, and then podman and skopeo, which
            # share its login, refuse to log in beside it. Other registries give none either.
            return self._issue(Asked(scopes, False, self._basic(request)), request.client_ip, now)
        return self._grant(form, scopes, request.client_ip, now)

    def _grant(self, form: Mapping[str, list[str]], scopes: list[Scope] | None, client_ip: str, now: int) -> Response:
        wants_refresh = _first(form, "access_type") == "offline"
        grant_type, name = _first(form, "grant_type"), _first(form, "username")
        if grant_type == "password" and name:
            return self._issue(Asked(scopes, wants_refresh, Basic(name, _first(form, "password"))), client_ip, now)
        if grant_type == "refresh_token" and _first(form, "refresh_token"):
            asked = Asked(scopes, wants_refresh, refresh_token=_first(form, "refresh_token"))
            return self._issue(asked, client_ip, now)
        if grant_type == exchange.GRANT_TYPE and self._ci is not None:
            return self._exchange(self._ci, form, scopes, client_ip, now)
        error = "invalid_request" if grant_type in ("password", "refresh_token") else "unsupported_grant_type"
        return _bad_request(
            error, f"grant_type is password (with username and password), refresh_token or {exchange.GRANT_TYPE}"
        )

    def _basic(self, request: Request) -> Basic | None:
        header = request.header("authorization")
        if header is None:
            return None
        credentials = authorization.parse(header)
        if not isinstance(credentials, Basic):
            raise authorization.unauthorized(self._challenge, "the token service takes a user name and a password")
        return credentials

    def _exchange(
        self, ci: Exchange, form: Mapping[str, list[str]], scopes: list[Scope] | None, client_ip: str, now: int
    ) -> Response:
        """Exchange the ID token of a CI job (RFC 8693): for an access token when scopes are asked for, else for a token to log
        in with. Parameters of ours: `project` (else the first scope's) and `policy`."""
        if _first(form, "subject_token_type") not in exchange.SUBJECT_TOKEN_TYPES:
            kinds = " or ".join(sorted(exchange.SUBJECT_TOKEN_TYPES))
            return _bad_request("invalid_request", f"subject_token_type is {kinds}")
        project = _first(form, "project") or next((scope.project for scope in scopes or () if scope.project), "")
        if not project:
            return _bad_request("invalid_request", "project says which project trusts the job")
        try:
            trusting = ci.admit(project, _first(form, "policy"), _first(form, "subject_token"), scopes or (), now=now)
        except NotTrusted as refusal:
            self._logins.failed(f"{trust.CI_PREFIX}{project}", client_ip, now=now)
            return _bad_request("invalid_request", f"subject_token: {refusal}")
        self._logins.trusted(trusting.name, trusting.subject, trusting.project.project_id, client_ip)
        if scopes is None:
            token, expires_at = ci.exchanged(trusting, now=now)
            return self._answer(token, expires_at, now, _ISSUED)
        return self._issue_ci(ci, trusting, scopes, now)

    def _log_in_ci(
        self, ci: Exchange, basic: Basic, scopes: list[Scope] | None, client_ip: str, now: int
    ) -> Response:
        """Let in the CI job that shows a token as the password of `ci$<project>`."""
        project, policy = trust.split_name(basic.name)
        try:
            trusting = ci.admit(project, policy, basic.password, scopes or (), now=now)
        except NotTrusted as refusal:
            self._logins.failed(basic.name, client_ip, now=now)
            raise authorization.unauthorized(self._challenge, str(refusal)) from None
        if scopes is None:
            self._logins.trusted(trusting.name, trusting.subject, trusting.project.project_id, client_ip)
        return self._issue_ci(ci, trusting, scopes or (), now)

    def _issue_ci(self, ci: Exchange, trusting: Trusting, scopes: Sequence[Scope], now: int) -> Response:
        claims = ci.claims(trusting, scopes, token_s=self._configurations.token_s(now=now), now=now)
        return self._answer(self._sign(claims, now), claims["exp"], now, _ISSUED)

    def _issue(self, asked: Asked, client_ip: str, now: int) -> Response:
        if asked.credentials and self._ci is not None and trust.is_ci_name(asked.credentials.name):
            return self._log_in_ci(self._ci, asked.credentials, asked.scopes, client_ip, now)
        facts = self._facts(asked, client_ip, now)
        principal = facts.principal
        telemetry.identified(principal.name if principal else "")
        token_s = self._configurations.token_s(now=now)
        claims: dict[str, object] = {
            "sub": f"{tokens.USER_SUBJECT}{principal.name}" if principal else tokens.ANONYMOUS_SUBJECT,
            "exp": now + token_s,
        }
        if principal and principal.is_admin:
            claims["adm"] = True
        if asked.scopes is not None:
            granted = grants.judge(asked.scopes, facts, now=now)
            claims |= {"access": tokens.access_claims(granted.access), "pids": dict(granted.project_ids)}
        elif principal:
            claims["gen"] = passwords.generation(principal.password_hash)
        more = {}
        if asked.wants_refresh and principal and principal.password_hash:
            more["refresh_token"] = asked.refresh_token or self._refresh_token(principal, now)
        return self._answer(self._sign(claims, now), now + token_s, now, more)

    def _sign(self, claims: Mapping[str, object], now: int) -> str:
        """Sign an access token that claims this and what all of them do."""
        settings = self._settings
        common = {"iss": settings.public_url, "aud": settings.service, "iat": now, "nbf": now}
        return tokens.sign({**common, "jti": secrets.token_urlsafe(12), **claims}, self._keys.current(now=now), tokens.ACCESS)

    def _answer(self, token: str, expires_at: int, now: int, more: Mapping[str, str]) -> Response:
        issued_at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"token": token, "access_token": token, "expires_in": expires_at - now, "issued_at": issued_at, **more}
        return json_response(200, answer, {"Cache-Control": "no-store"})

    def _facts(self, asked: Asked, client_ip: str, now: int) -> Facts:
        """Find out who asks, and read what decides about the scopes with it."""
        if asked.refresh_token:
            return self._refreshed(asked.refresh_token, asked.projects, now)
        if asked.credentials is not None:
            return self._logged_in(asked, asked.credentials, client_ip, now)
        return self._store.facts("", asked.projects) if asked.projects else Facts()

    def _logged_in(self, asked: Asked, credentials: Basic, client_ip: str, now: int) -> Facts:
        """Check a password. A request without a scope is what `docker login` sends, so that is the login that is recorded."""
        try:
            facts = self._login.facts(credentials, client_ip, asked.projects, challenge=self._challenge, now=now)
        except RegistryError as refusal:
            if refusal.code in ("UNAUTHORIZED", "TOOMANYREQUESTS"):
                self._logins.failed(credentials.name, client_ip, now=now)
            raise
        if asked.scopes is None:
            self._logins.succeeded(credentials.name, client_ip)
        return facts

    def _refreshed(self, refresh_token: str, projects: Sequence[str], now: int) -> Facts:
        """Accept a refresh token while its user is enabled and has the password it was made with. People of LDAP get none, since
        nobody would notice here that they left or have another password."""
        try:
            claims = tokens.verify(refresh_token, lambda kid: self._keys.find(kid, now=now), self._rules(), now=now)
            name, generation = tokens.caller(claims).name, str(claims.get("gen"))
        except tokens.TokenRefused:
            raise authorization.unauthorized(self._challenge, "the refresh token is not valid, log in again") from None
        facts = self._store.facts(name, projects)
        principal = facts.principal
        if not principal or not principal.works_at(now) or not principal.password_hash:
            raise authorization.unauthorized(self._challenge, "the refresh token is not valid, log in again")
        if not hmac.compare_digest(passwords.generation(principal.password_hash).encode(), generation.encode()):
            raise authorization.unauthorized(self._challenge, "the password was changed, log in again")
        return facts

    def _refresh_token(self, principal: Principal, now: int) -> str:
        rules = self._rules()
        claims = {
            "iss": rules.issuer,
            "aud": rules.audience,
            "sub": f"{tokens.USER_SUBJECT}{principal.name}",
            "gen": passwords.generation(principal.password_hash),
            "iat": now,
            "nbf": now,
            "exp": now + tokens.REFRESH_S,
            "jti": secrets.token_urlsafe(12),
        }
        return tokens.sign(claims, self._keys.current(now=now), tokens.REFRESH)

    def _rules(self) -> tokens.Rules:
        return tokens.Rules(tokens.REFRESH, self._settings.public_url, self._settings.realm, tokens.REFRESH_S)


def _allow(request: Request, methods: Sequence[str]) -> None:
    if request.method not in methods:
        raise RegistryError("UNSUPPORTED", headers={"Allow": ", ".join(methods)})


def _form(request: Request) -> dict[str, list[str]]:
    """Read a form; one that is not a form is empty."""
    if len(request.body) > _MAX_FORM_BYTES:
        raise RegistryError("TOO_LARGE")
    try:
        return parse_qs(request.body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return {}


def _first(form: object, name: str) -> str:
    values = form.get(name) if hasattr(form, "get") else None
    return values[0] if values else ""


def _bad_request(error: str, message: str) -> Response:
    """Answer 400 in OAuth2's words (RFC 6749, section 5.2) and in the registry's."""
    errors = [{"code": "UNSUPPORTED", "message": message}]
    return json_response(400, {"error": error, "error_description": message, "errors": errors})
