"""The registry about itself: ping, health, system information, volumes.

Source: Harbor `src/server/v2.0/handler/{ping,health,systeminfo}.go` and `src/controller/{health,systeminfo}`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib import telemetry
from chalicelib.cache import Cache
from chalicelib.config import Settings
from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations
from chalicelib.harbor.views import moment
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import Configuration, Configurations

Probe = Callable[[], object]
"""Uses a component once, cheaply; raises when it does not work."""

HARBOR_VERSION = "v2.16.0-moorage-0.1.0"
"""As Harbor writes it, `v<version>-<build>`: scripts compare what is before the first dash. The version is that of the API
description Moorage answers by; the build says who answers, and in which version of its own."""
_PROBE_S = 3
_KEEP_S = 5
_CAPACITY_BYTES = 2**60
"""What a bucket holds: S3 knows no limit, and clients want a number. One EiB, which an unlimited quota is too."""


class System:
    """What a registry says about itself."""

    def __init__(
        self, settings: Settings, authority: Authority, configurations: Configurations, probes: Mapping[str, Probe]
    ) -> None:
        self._settings, self._authority, self._configurations = settings, authority, configurations
        self._probes = dict(probes)
        self._seen: Cache[str, Mapping[str, str]] = Cache(1, _KEEP_S)

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "getPing": self._ping,
            "getHealth": self._health,
            "getSystemInfo": self._info,
            "getVolumes": self._volumes,
            "getCert": self._certificate,
        }

    def _ping(self, _: Call) -> Response:
        return Response(200, {"Content-Type": "text/plain; charset=utf-8"}, b"Pong")

    def _health(self, call: Call) -> Response:
        """The components' state, at most `_KEEP_S` seconds old, so that nobody makes work with it; in at most `_PROBE_S`."""
        errors = self._seen.get("", call.now)
        if errors is None:
            errors = probed(self._probes, _PROBE_S)
            self._seen.put("", errors, call.now)
        components = [{"name": "core", "status": "healthy"}, *(_component(name, errors) for name in self._probes)]
        return json_response(200, {"status": "unhealthy" if errors else "healthy", "components": components})

    def _info(self, call: Call) -> Response:
        """Harbor tells strangers how to log in, and people who did the rest."""
        configuration = self._configurations.current(now=call.now)
        document = _public(configuration)
        if call.caller.name:
            self._authority.require_login(call.caller, now=call.now)
            document |= self._protected(configuration, call.now)
        return json_response(200, document)

    def _protected(self, configuration: Configuration, now: int) -> dict[str, Any]:
        url = self._settings.public_url  # clients take their image names from it
        return {
            "current_time": moment(now),
            "registry_url": url.partition("://")[2] or url,
            "external_url": self._settings.management_url,
            "project_creation_restriction": configuration.project_creation_restriction,
            "has_ca_root": False,
            "harbor_version": HARBOR_VERSION,
            "registry_storage_provider_name": "s3",
            "read_only": configuration.read_only,
            "notification_enable": configuration.notification_enable,
        }

    def _volumes(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "system-volumes", "read", now=call.now)
        return json_response(200, {"storage": [{"total": _CAPACITY_BYTES, "free": _CAPACITY_BYTES}]})

    def _certificate(self, _: Call) -> Response:
        raise RegistryError(
            "NOT_FOUND", message="there is no certificate to download: it is signed by a public authority"
        )


def probed(probes: Mapping[str, Probe], timeout_s: float) -> Mapping[str, str]:
    """Use all components at the same time; say in a sentence what does not work, by name. Takes at most `timeout_s` seconds: who
    has not answered then does not work. What was raised goes to the log, since it may name tables and buckets."""
    answered: dict[str, str] = {}

    def use(name: str) -> None:
        try:
            probes[name]()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            telemetry.logger().error(
                "health", extra={"component": name, "error": f"{type(error).__name__}: {error}"[:500]}
            )
            answered[name] = "it answers with an error"
        else:
            answered[name] = ""

    threads = [threading.Thread(target=use, args=(name,), daemon=True) for name in probes]
    ends_at = time.monotonic() + timeout_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    found = dict(answered)
    return {name: error for name in probes if (error := found.get(name, "it does not answer"))}


def _component(name: str, errors: Mapping[str, str]) -> dict[str, str]:
    if name in errors:
        return {"name": name, "status": "unhealthy", "error": errors[name]}
    return {"name": name, "status": "healthy"}


def _public(configuration: Configuration) -> dict[str, Any]:
    """All identity sources work at once, so that the provider's name is told whichever is asked first."""
    return {
        "auth_mode": configuration.auth_mode,
        "primary_auth_mode": configuration.primary_auth_mode,
        "self_registration": configuration.self_registration,
        "banner_message": configuration.banner_message,
        "oidc_provider_name": configuration.oidc_name if configuration.has_oidc else "",
    }
