"""The configuration. Source: Harbor `src/server/v2.0/handler/config.go` and `src/controller/config/controller.go`."""

from __future__ import annotations

from chalicelib.harbor.call import Call, Operations, done
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import FIXED, Configurations


class ConfigurationResource:
    """The registry's options, for administrators."""

    def __init__(self, authority: Authority, configurations: Configurations) -> None:
        self._authority, self._configurations = authority, configurations

    def operations(self) -> Operations:
        """See `Resource.operations`. `getInternalconfig` is for Harbor's own components, of which there are none here."""
        return {"getConfigurations": self._get, "updateConfigurations": self._update}

    def _get(self, call: Call) -> Response:
        """What nobody can change says so. Secrets are not shown."""
        self._authority.require_system(call.caller, "configuration", "read", now=call.now)
        current = self._configurations.current(now=call.now)._asdict()
        document = {name: {"value": value, "editable": name not in FIXED} for name, value in current.items()}
        return json_response(200, document)

    def _update(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "configuration", "update", now=call.now)
        self._configurations.change(call.body)
        return done()
