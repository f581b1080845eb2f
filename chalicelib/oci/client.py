"""What a client cannot do, by the name it gives itself in User-Agent.

oras-go 2.7 (in oras 1.3.6) refuses an upload's Location on another host than the registry's, lest a registry lead its token
astray (its advisory GHSA-jxpm-75mh-9fp7), so it must stay where it is. helm is built on it.
"""

from __future__ import annotations

import re

_STAYS = re.compile(r"(?:oras/(?P<major>\d+)\.(?P<minor>\d+)|oras-go|Helm/)")
_FOLLOWED = (1, 2)
"""The last minor version of oras that follows wherever it is led."""


def stays_on_host(user_agent: str | None) -> bool:
    """Say whether a client sends layers to the registry's own host only."""
    found = _STAYS.match(user_agent or "")
    if found is None:
        return False
    return found["major"] is None or (int(found["major"][:9]), int(found["minor"][:9])) > _FOLLOWED
