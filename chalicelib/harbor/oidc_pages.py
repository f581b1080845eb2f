"""`/c/oidc/`: logging in at an OpenID Connect provider, and choosing a name the first time. Source: Harbor
`src/core/controllers/oidc.go`.

Nothing is stored on the way: the attempt, and who must choose a name, travel in sealed cookies of the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from chalicelib import telemetry
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import Recorder
from chalicelib.harbor.session import OIDC_LOGIN, OIDC_LOGOUT, Pages, read_form
from chalicelib.http import Request, Response
from chalicelib.rbac import carrier, oidc, password_rules
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.cookies import cookie, set_cookie
from chalicelib.rbac.csrf import Csrf, Keys
from chalicelib.rbac.identity import SourceDown
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.model import User
from chalicelib.rbac.oidc import LoginRefused, OidcSettings
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.session import Sessions
from chalicelib.rbac.sources import IdentitySources, Provider

CALLBACK, ONBOARD = "/c/oidc/callback", "/c/oidc/onboard"
SIGN_IN = "/account/sign-in"
_PATH = "/c/oidc"
_ONBOARD_COOKIE, _ID_TOKEN_COOKIE = "moorage_onboard", "moorage_id_token"
_ID_TOKEN = "oidc id token"  # noqa: S105 - a purpose


class OidcPages:
    """The pages between a browser, the provider and the registry."""

    def __init__(
        self,
        settings: Settings,
        sources: IdentitySources,
        onboarding: Onboarding,
        sessions: Sessions,
        csrf: Csrf,
        configurations: Configurations,
        keys: Keys,
        recorder: Recorder,
    ) -> None:
        self._settings, self._sources, self._onboarding = settings, sources, onboarding
        self._sessions, self._csrf, self._configurations, self._keys = sessions, csrf, configurations, keys
        self._logins = Logins(recorder)

    def pages(self) -> Pages:
        """See `SessionPages`."""
        return {
            ("GET", OIDC_LOGIN): self._begin,
            ("GET", CALLBACK): self._callback,
            ("POST", ONBOARD): self._onboard,
            ("GET", OIDC_LOGOUT): self._log_out,
        }

    def _begin(self, request: Request, now: int) -> Response:
        """Send the browser to the provider; `redirect_url` says where it wants to be afterwards."""
        settings, provider = self._provider(now)
        try:
            endpoint = provider.metadata(now=now).authorization_endpoint
            wanted = request.parameter("redirect_url") or ""
            url, attempt = oidc.begin(settings, endpoint, f"{self._settings.management_url}{CALLBACK}", wanted, now=now)
        except LoginRefused as refusal:
            raise _refused(str(refusal)) from None
        except SourceDown as down:
            raise _down(down) from None
        sealed = oidc.seal(attempt, self._keys()[0][1])
        return _redirect(url, [self._cookie(oidc.COOKIE, sealed, oidc.ATTEMPT_S)])

    def _callback(self, request: Request, now: int) -> Response:
        """Take the browser back from the provider: with a session, or with the question which name to have here."""
        settings, provider = self._provider(now)
        keys = [key for _, key in self._keys()]
        try:
            attempt = oidc.resume(cookie(request, oidc.COOKIE) or "", request.parameter("state") or "", keys, now=now)
            if request.parameter("error"):
                raise LoginRefused(f"the provider refuses: {(request.parameter('error') or '')[:100]}")
            found = provider.log_in(attempt, request.parameter("code") or "", now=now)
        except LoginRefused as refusal:
            raise _refused(str(refusal)) from None
        except SourceDown as down:
            raise _down(down) from None
        identity, gone = found.identity, self._cookie(oidc.COOKIE, "", 0)
        user = self._onboarding.find(identity)
        if user is None and not (settings.auto_onboard and identity.username):
            sealed = oidc.seal_identity(identity, keys[0], now=now)
            query = urlencode({"username": identity.username, "redirect_url": attempt.next})
            return _redirect(f"/oidc-onboard?{query}", [gone, self._cookie(_ONBOARD_COOKIE, sealed, oidc.ONBOARD_S)])
        user = self._onboarding.admit(identity, now=now)
        if user is None:
            raise RegistryError("CONFLICT", message=f"the name {identity.username} belongs to somebody else here")
        self._demand_enabled(user, now)
        self._logins.succeeded(user.name, request.client_ip)
        lines = [gone, self._sessions.begin(user, now=now)]
        if settings.logout:
            lines += self._remembered(found.id_token, now)
        return _redirect(attempt.next, lines)

    def _onboard(self, request: Request, now: int) -> Response:
        """Make the user of somebody who logged in at the provider, under the name they chose (JSON or form: `username`)."""
        self._csrf.demand_own_page(request)
        keys = [key for _, key in self._keys()]
        try:
            identity = oidc.resume_identity(cookie(request, _ONBOARD_COOKIE) or "", keys, now=now)
        except LoginRefused as refusal:
            raise _refused(str(refusal)) from None
        name = read_form(request).get("username", "")
        password_rules.check_name(name, self._configurations.current(now=now).robot_name_prefix)
        user = self._onboarding.onboard(identity, name, now=now)
        if user is None:
            raise RegistryError("CONFLICT", message=f"there is a user {name} already")
        self._demand_enabled(user, now)
        self._logins.succeeded(user.name, request.client_ip)
        lines = [self._cookie(_ONBOARD_COOKIE, "", 0), self._sessions.begin(user, now=now)]
        return Response(200, {"Set-Cookie": lines, "Cache-Control": "no-store"})

    def _log_out(self, request: Request, now: int) -> Response:
        """End the session here, and at the provider too where `oidc_logout` is on and it offers that."""
        lines = [self._sessions.end(self._sessions.carried(request, now=now)), self._cookie(_ID_TOKEN_COOKIE, "", 0)]
        known, token = self._sources.provider(now=now), self._id_token(request, now)
        if known is None or not known[0].logout or not token:
            return _redirect(SIGN_IN, lines)
        try:
            endpoint = known[1].metadata(now=now).end_session_endpoint
        except SourceDown:
            endpoint = ""
        if not endpoint:
            return _redirect(SIGN_IN, lines)
        return _redirect(oidc.logout_url(endpoint, token, f"{self._settings.management_url}{SIGN_IN}"), lines)

    def _provider(self, now: int) -> tuple[OidcSettings, Provider]:
        known = self._sources.provider(now=now)
        if known is None:
            raise RegistryError("PRECONDITION", message="no OIDC provider is configured")
        return known

    def _demand_enabled(self, user: User, now: int) -> None:
        if not user.works_at(now):
            raise RegistryError("FORBIDDEN", message="this user is disabled")

    def _remembered(self, id_token: str, now: int) -> Sequence[str]:
        """The cookie with what the provider wants to see at logout; none when it does not fit into one."""
        try:
            sealed = carrier.seal({"token": id_token}, _ID_TOKEN, self._keys()[0][1], expires_at=now + 24 * 3600)
        except ValueError:
            return ()
        return (self._cookie(_ID_TOKEN_COOKIE, sealed, None),)

    def _id_token(self, request: Request, now: int) -> str:
        try:
            keys = (key for _, key in self._keys())
            return str(carrier.unseal(cookie(request, _ID_TOKEN_COOKIE) or "", _ID_TOKEN, keys, now=now)["token"])
        except carrier.NotSealed:
            return ""

    def _cookie(self, name: str, value: str, keep_s: int | None) -> str:
        return set_cookie(self._settings, name, value, keep_s=keep_s, path=_PATH)


def _redirect(url: str, cookies: Sequence[str]) -> Response:
    return Response(302, {"Location": url, "Set-Cookie": list(cookies), "Cache-Control": "no-store"})


def _refused(message: str) -> RegistryError:
    return RegistryError("BAD_REQUEST", message=message)


def _down(down: SourceDown) -> RegistryError:
    telemetry.logger().error("identity source down", extra={"source": down.source, "error": down.reason})
    return RegistryError("UNAVAILABLE", message="the OIDC provider does not answer", headers={"Retry-After": "10"})
