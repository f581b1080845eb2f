"""Cookies: read from a request, rendered for an answer. Source: RFC 6265bis."""

from __future__ import annotations

from chalicelib.config import Settings
from chalicelib.http import Request

_MAX_CHARACTERS = 16384


def cookie(request: Request, name: str) -> str | None:
    """Find a cookie. Of several with one name the first counts: browsers send the most exact path first."""
    for header in request.headers.get("cookie", []):
        if len(header) > _MAX_CHARACTERS:
            continue
        for pair in header.split(";"):
            found, equals, value = pair.strip().partition("=")
            if equals and found == name:
                return value.strip('"')
    return None


def set_cookie(
    settings: Settings, name: str, value: str, *, keep_s: int | None = None, path: str = "/", same_site: str = "Lax"
) -> str:
    """Render a cookie that scripts cannot read; Secure where the registry is reached by https. `keep_s` None: until the browser
    is closed; 0 takes the cookie away."""
    parts = [f"{name}={value}", f"Path={path}", "HttpOnly", f"SameSite={same_site}"]
    if keep_s is not None:
        parts.append(f"Max-Age={keep_s}")
    if settings.management_url.startswith("https://"):
        parts.append("Secure")
    return "; ".join(parts)
