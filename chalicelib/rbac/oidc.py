"""Logging in at an OpenID Connect provider: settings, the way there, and what its claims mean here. Pure, but random.

Source: OpenID Connect Core 1.0 (authorization code flow), RFC 7636 (PKCE); what a claim means is Harbor's
(`src/pkg/oidc/helper.go`). The attempt travels in a sealed cookie, so that no table remembers who may come back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from chalicelib.rbac import carrier, expression
from chalicelib.rbac.identity import MAX_GROUPS, Identity, IdentityGroup, shown, user_name
from chalicelib.rbac.model import OIDC

COOKIE = "moorage_oidc"
"""Carries an attempt. Set it HttpOnly, SameSite=Lax, Path=/c/oidc, Max-Age=`ATTEMPT_S`, and Secure on https."""
ATTEMPT_S = 600
"""How long somebody may take to log in at the provider."""
ONBOARD_S = 600
"""How long they may then take to choose a name."""
_ATTEMPT, _ONBOARD = "oidc attempt", "oidc onboard"
_RESERVED = frozenset({
    "client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
})  # fmt: skip
_GOOGLE = "https://accounts.google.com"


class LoginRefused(Exception):
    """A login at a provider came to nothing. The sentence is for whoever tried."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A provider, as an administrator configured it (Harbor's `oidc_*` options)."""

    name: str
    endpoint: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scope: tuple[str, ...] = ("openid", "profile", "email")
    user_claim: str = ""
    groups_claim: str = ""
    group_filter: str = ""
    """A regular expression; groups whose name it does not find anywhere are passed over."""
    admin_group: str = ""
    auto_onboard: bool = False
    verify_cert: bool = True
    extra_redirect_parms: Mapping[str, str] = field(default_factory=dict)
    logout: bool = False
    """Whether logging out here logs out at the provider too."""

    @classmethod
    def of(cls, options: Mapping[str, Any], client_secret: str) -> OidcSettings | None:
        """Read the configuration's options; None when no provider is configured."""
        read = {name: options[f"oidc_{name}"] for name in cls.__slots__ if f"oidc_{name}" in options}
        if not read.get("endpoint") or not read.get("client_id"):
            return None
        asked = tuple(dict.fromkeys(["openid", *filter(None, re.split(r"[\s,]+", str(read.get("scope", ""))))]))
        extra = json.loads(read.get("extra_redirect_parms") or "{}")
        return cls(**{
            **read,
            "client_secret": client_secret,
            "scope": asked,
            "extra_redirect_parms": {str(name): str(value) for name, value in extra.items()},
        })  # fmt: skip


class LoginAttempt(NamedTuple):
    """Somebody on their way to the provider and back. Whoever holds it and the provider's code is logged in: seal it."""

    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    next: str
    """Where they wanted to go: a path of this registry."""
    expires_at: int


def begin(
    settings: OidcSettings, authorization_endpoint: str, redirect_uri: str, next_: str, *, now: int
) -> tuple[str, LoginAttempt]:
    """Start a login: the provider's address to send the browser to, and what must come back with it.

    Raises LoginRefused when `next_` leads away from here.
    """
    if not is_local_path(next_):
        raise LoginRefused("cannot redirect to another site")
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    is_google = authorization_endpoint.startswith(_GOOGLE)
    scope = [name for name in settings.scope if not (is_google and name == "offline_access")]
    more = {"access_type": "offline", "prompt": "consent"} if is_google and "offline_access" in settings.scope else {}
    query = {
        **{name: value for name, value in settings.extra_redirect_parms.items() if name not in _RESERVED},
        **more,
        "client_id": settings.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join(scope),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(authorization_endpoint).query else "?"
    attempt = LoginAttempt(state, nonce, verifier, redirect_uri, next_ or "/", now + ATTEMPT_S)
    return f"{authorization_endpoint}{joint}{urlencode(query)}", attempt


def seal(attempt: LoginAttempt, key: bytes) -> str:
    """Make the cookie of an attempt."""
    return carrier.seal(attempt._asdict(), _ATTEMPT, key, expires_at=attempt.expires_at)


def resume(cookie: str, state: str, keys: Iterable[bytes], *, now: int) -> LoginAttempt:
    """Read the cookie of whoever comes back with `state`. Raises LoginRefused when it is not theirs, not ours or too old."""
    try:
        attempt = LoginAttempt(**carrier.unseal(cookie, _ATTEMPT, keys, now=now))
    except carrier.NotSealed:
        raise LoginRefused("the login took too long or was not started in this browser, start again") from None
    if not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "surrogatepass")):
        raise LoginRefused("State mismatch")
    return attempt


def seal_identity(identity: Identity, key: bytes, *, now: int) -> str:
    """Make the cookie of somebody who logged in and must choose a name; groups beyond what fits are left out."""
    groups = list(identity.groups or ())
    while True:
        kept = identity._replace(groups=None if identity.groups is None else tuple(groups))
        try:
            return carrier.seal(kept._asdict(), _ONBOARD, key, expires_at=now + ONBOARD_S)
        except ValueError:
            if not groups:
                raise
            groups = groups[: len(groups) // 2]


def resume_identity(cookie: str, keys: Iterable[bytes], *, now: int) -> Identity:
    """Read who chooses a name. Raises LoginRefused."""
    try:
        found = carrier.unseal(cookie, _ONBOARD, keys, now=now)
    except carrier.NotSealed:
        raise LoginRefused("the login took too long, start again") from None
    groups = found["groups"]
    return Identity(**{**found, "groups": None if groups is None else tuple(IdentityGroup(*group) for group in groups)})


def identity(claims: Mapping[str, Any], settings: OidcSettings, userinfo: Mapping[str, Any] | None = None) -> Identity:
    """Say who the claims of an ID token speak of; `userinfo` is what the provider adds, and must be about the same subject.

    The name is the configured claim of the ID token, else `name` of userinfo, else `name` of the ID token. Groups are
    userinfo's if it has the claim, else the ID token's. Raises LoginRefused when the two speak of different people.
    """
    more = userinfo or {}
    if userinfo is not None and more.get("sub") != claims["sub"]:
        raise LoginRefused("the provider's userinfo is about somebody else")
    chosen = claims.get(settings.user_claim) or more.get(settings.user_claim) if settings.user_claim else None
    names = [name for name in (chosen, more.get("name"), claims.get("name")) if isinstance(name, str) and name]
    groups = _groups(more, settings.groups_claim)
    groups = _groups(claims, settings.groups_claim) if groups is None else groups
    is_admin = bool(settings.admin_group) and settings.admin_group in (groups or ())
    kept = None if groups is None else tuple(IdentityGroup(name) for name in filtered(groups, settings.group_filter))
    return Identity(
        OIDC,
        claims["sub"],
        claims["iss"],
        user_name(names[0]) if names else "",
        shown(more.get("email") or claims.get("email")),
        shown(more.get("name") or claims.get("name")),
        kept,
        is_admin,
    )


def filtered(groups: Iterable[str], pattern: str) -> list[str]:
    """Pass over the groups whose name an administrator's regular expression does not find; "" keeps all, a broken one none."""
    if expression.problem(pattern):
        return []
    found = re.compile(pattern)
    return [name for name in groups if found.search(name)][:MAX_GROUPS]


def is_local_path(path: str) -> bool:
    """Say whether a browser stays here: "" or a path that begins with one slash. Browsers read backslashes as slashes."""
    return not path or (path.isprintable() and path[0] == "/" and path[1:2] != "/" and "\\" not in path and len(path) <= 1024)


def logout_url(end_session_endpoint: str, id_token: str, back_to: str) -> str:
    """Where to send the browser to log out at the provider too. Source: OpenID Connect RP-Initiated Logout 1.0."""
    query = urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": back_to})
    return f"{end_session_endpoint}{'&' if urlsplit(end_session_endpoint).query else '?'}{query}"


def _groups(claims: Mapping[str, Any], name: str) -> list[str] | None:
    """Names of groups: a list, or one text, as some providers send it; None when the claim is not there or something else."""
    found = claims.get(name) if name else None
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list):
        return None
    return list(dict.fromkeys(text for entry in listed if (text := shown(entry))))[: 2 * MAX_GROUPS]
