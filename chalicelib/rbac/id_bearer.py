"""ID tokens of the OpenID provider as Bearer tokens at the management API, as Harbor allows. Source: Harbor
`src/server/middleware/security/idtoken.go`."""

from __future__ import annotations

from chalicelib import telemetry
from chalicelib.http import Request
from chalicelib.rbac import authorization
from chalicelib.rbac.authorization import Bearer
from chalicelib.rbac.identity import SourceDown
from chalicelib.rbac.model import Caller
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.sources import IdentitySources


class IdBearer:
    """Finds out who shows an ID token. Only people who logged in before: this makes no users and changes none."""

    def __init__(self, sources: IdentitySources, onboarding: Onboarding) -> None:
        self._sources, self._onboarding = sources, onboarding

    def authenticate(self, request: Request, now: int) -> Caller | None:
        """None for whatever is not a good ID token of the provider, so that others may look at it. Two reads, and requests to
        the provider while its keys are not known."""
        header = request.header("authorization")
        credentials = authorization.parse(header) if header and header[:7].lower() == "bearer " else None
        known = self._sources.provider(now=now) if isinstance(credentials, Bearer) else None
        if known is None or not isinstance(credentials, Bearer):
            return None
        try:
            identity = known[1].bearer(credentials.token, now=now)
        except SourceDown as down:
            telemetry.logger().error("identity source down", extra={"source": down.source, "error": down.reason})
            return None
        user = self._onboarding.find(identity) if identity is not None else None
        if user is None or not user.works_at(now):
            return None
        return Caller(user.name, user.is_admin, None, {})
