"""`/c/`: logging in and out with a form, and what the sign-up form asks. Source: Harbor `src/core/controllers/base.go`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.events import Recorder
from chalicelib.http import Request, Response, json_response
from chalicelib.rbac.authority import Authority, unauthorized
from chalicelib.rbac.authorization import Basic
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.csrf import Csrf
from chalicelib.rbac.login import Login
from chalicelib.rbac.logins import Logins
from chalicelib.rbac.model import OIDC
from chalicelib.rbac.session import Sessions
from chalicelib.rbac.users import Users

Page = Callable[[Request, int], Response]
Pages = Mapping[tuple[str, str], Page]
"""Pages by method and path."""
OIDC_LOGIN, OIDC_LOGOUT = "/c/oidc/login", "/c/oidc/logout"
_MAX_FORM_BYTES = 64 * 1024


class SessionPages:
    """The login form's side of the registry."""

    def __init__(
        self,
        settings: Settings,
        authority: Authority,
        users: Users,
        login: Login,
        sessions: Sessions,
        csrf: Csrf,
        configurations: Configurations,
        recorder: Recorder,
        others: Pages,
    ) -> None:
        self._settings, self._authority, self._users, self._login = settings, authority, users, login
        self._sessions, self._csrf, self._configurations = sessions, csrf, configurations
        self._logins = Logins(recorder)
        self._pages: Pages = {
            ("POST", "/c/login"): self._log_in,
            ("GET", "/c/log_out"): self._log_out,
            ("POST", "/c/userExists"): self._user_exists,
            **others,
        }

    def answer(self, request: Request, *, now: int) -> Response:
        """Answer a request below `/c/`. Raises RegistryError."""
        method = "GET" if request.method == "HEAD" else request.method
        page = self._pages.get((method, request.path))
        if page is not None:
            return page(request, now)
        allowed = sorted(known for known, path in self._pages if path == request.path)
        if allowed:
            raise RegistryError("UNSUPPORTED", headers={"Allow": ", ".join(allowed)})
        raise RegistryError("NOT_FOUND", {"path": request.path[:300]})

    def _log_in(self, request: Request, now: int) -> Response:
        """`principal` and `password`: 200 with the cookie of a session. Where an OpenID provider is the primary source, whoever
        is not let in is told where to log in, the same for every name."""
        self._csrf.demand_own_page(request)
        form = read_form(request)
        credentials = Basic(form.get("principal", "").strip(), form.get("password", ""))
        try:
            user = self._login.facts(credentials, request.client_ip, (), challenge="", now=now).user
        except RegistryError as refusal:
            self._logins.failed(credentials.name, request.client_ip, now=now)
            configuration = self._configurations.current(now=now)
            if refusal.code == "UNAUTHORIZED" and configuration.auth_mode == "oidc_auth" and configuration.has_oidc:
                return self._elsewhere(OIDC_LOGIN)
            raise
        if user is None:
            raise unauthorized("robots have no sessions")
        self._logins.succeeded(user.name, request.client_ip)
        return Response(200, {"Set-Cookie": self._sessions.begin(user, now=now), "Cache-Control": "no-store"})

    def _log_out(self, request: Request, now: int) -> Response:
        """The cookie goes. People of an OpenID provider are told where to log out there too, as Harbor's pages expect it."""
        session = self._sessions.carried(request, now=now)
        headers = {"Set-Cookie": self._sessions.end(session), "Cache-Control": "no-store"}
        if session is None:
            return Response(200, headers)
        self._logins.succeeded(session.name, request.client_ip, operation="logout")
        user = self._users.find(session.name)
        if user is not None and user.source == OIDC:
            return self._elsewhere(OIDC_LOGOUT)
        return Response(200, headers)

    def _user_exists(self, request: Request, now: int) -> Response:
        """`target` (username or email) and `value`: whether somebody has it. Only where everybody may make an account, which
        tells the same, and for administrators."""
        caller = self._authority.authenticate(request, now=now)
        is_admin = bool(caller.name) and self._is_admin(caller.name, now)
        if not is_admin:
            if not self._configurations.current(now=now).self_registration:
                message = "self registration deactivated, only sysadmin can check user existence"
                raise RegistryError("PRECONDITION", message=message)
            self._login.demand_patience(request.client_ip, now=now)
        form = read_form(request)
        target, value = form.get("target", ""), form.get("value", "")
        if target == "email":
            return json_response(200, self._users.has_email(value))
        return json_response(200, target == "username" and self._users.find(value) is not None)

    def _is_admin(self, name: str, now: int) -> bool:
        user = self._users.find(name)
        return user is not None and user.is_admin and user.works_at(now)

    def _elsewhere(self, path: str) -> Response:
        return json_response(403, {"redirect_location": f"{self._settings.management_url}{path}"})


def read_form(request: Request) -> Mapping[str, str]:
    """Read a form, or a JSON object of texts; of several values of a field the first. Raises BAD_REQUEST, TOO_LARGE."""
    if len(request.body) > _MAX_FORM_BYTES:
        raise RegistryError("TOO_LARGE")
    is_json = (request.header("content-type") or "").partition(";")[0].strip().lower() == "application/json"
    try:
        text = request.body.decode()
        if not is_json:
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=50)
            return {name: values[0] for name, values in fields.items()}
        document = json.loads(text)
        json.dumps(document, ensure_ascii=False).encode()  # refuses halves of surrogate pairs
    except (ValueError, RecursionError):
        raise RegistryError("BAD_REQUEST", message="the form cannot be read") from None
    if not isinstance(document, dict):
        raise RegistryError("BAD_REQUEST", message="the form cannot be read")
    return {name: value for name, value in document.items() if isinstance(value, str)}
