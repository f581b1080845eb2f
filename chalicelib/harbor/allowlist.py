"""The registry's own CVE allowlist over HTTP. Source: Harbor `src/server/v2.0/handler/sys_cve_allowlist.go`."""

from __future__ import annotations

from chalicelib.harbor import project_views
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.project import allowlist
from chalicelib.rbac.project_ports import AllowlistStore


class AllowlistResource:
    """`/system/CVEAllowlist`."""

    def __init__(self, authority: Authority, store: AllowlistStore) -> None:
        self._authority, self._store = authority, store

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {"getSystemCVEAllowlist": self._get, "putSystemCVEAllowlist": self._put}

    def _get(self, call: Call) -> Response:
        self._authority.require_login(call.caller, now=call.now)
        return json_response(200, project_views.allowlist(0, self._store.read(), created_at=0))

    def _put(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "configuration", "update", now=call.now)
        ids = (item.get("cve_id", "") for item in call.body.get("items", ()))
        self._store.write(allowlist(ids, call.body.get("expires_at"), now=call.now))
        return done()
