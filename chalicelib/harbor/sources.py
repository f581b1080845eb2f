"""The directory and the provider, as administrators try them out. Source: Harbor `src/server/v2.0/handler/{ldap,oidc}.go`."""

from __future__ import annotations

from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, done
from chalicelib.http import Response, json_response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import Configurations, check
from chalicelib.rbac.identity import Identity, SourceDown
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.sources import Directory, IdentitySources

_IMPORTED = 100
"""So many users are imported by one request: each is a search and up to three writes."""


class SourceResource:
    """LDAP: ping, search, import; the OpenID provider: ping."""

    def __init__(
        self, authority: Authority, sources: IdentitySources, onboarding: Onboarding, configurations: Configurations
    ) -> None:
        self._authority, self._sources, self._onboarding = authority, sources, onboarding
        self._configurations = configurations

    def operations(self) -> Operations:
        """See `Resource.operations`."""
        return {
            "pingLdap": self._ping,
            "searchLdapUser": self._search_users,
            "importLdapUser": self._import,
            "searchLdapGroup": self._search_groups,
            "pingOIDC": self._ping_provider,
        }

    def _ping(self, call: Call) -> Response:
        """Try settings before they are written; without any the written ones. What is wrong is said in the answer."""
        self._authority.require_system(call.caller, "configuration", "read", now=call.now)
        directory = self._tried(call) if call.body else self._sources.directory(now=call.now)
        try:
            if directory is None:
                raise SourceDown("ldap", "ldap_url, ldap_base_dn and ldap_uid are needed")
            directory.ping()
        except SourceDown as down:
            return json_response(200, {"success": False, "message": f"error: {down.reason}"})
        return json_response(200, {"success": True})

    def _tried(self, call: Call) -> Directory | None:
        """The directory of the request. The password may be left out, as Harbor's pages do, which cannot know the written one;
        that is shown only to the directory it was written for."""
        body, current = dict(call.body), self._configurations.current(now=call.now)
        password = body.pop("ldap_search_password", "")
        if "ldap_connection_timeout" in body:
            body["ldap_timeout"] = body.pop("ldap_connection_timeout")
        for name, value in body.items():
            check(name, value)
        tried = current._replace(**body)
        is_known = (tried.ldap_url, tried.ldap_search_dn) == (current.ldap_url, current.ldap_search_dn)
        if not password and is_known:
            password = self._configurations.secret("ldap_search_password", now=call.now)
        return self._sources.directory_of(tried, password)

    def _search_users(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "ldap-user", "list", now=call.now)
        directory = self._directory(call)
        try:
            found = directory.search_users(call.query.get("username", ""))
        except SourceDown as down:
            raise _down(down) from None
        return json_response(200, [_user_view(identity) for identity in found])

    def _search_groups(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "ldap-user", "list", now=call.now)
        directory = self._directory(call)
        try:
            found = directory.search_groups(call.query.get("groupname", ""), call.query.get("groupdn", ""))
        except SourceDown as down:
            raise _down(down) from None
        return json_response(200, [{"group_name": g.name, "ldap_group_dn": g.ldap_dn, "group_type": 1} for g in found])

    def _import(self, call: Call) -> Response:
        """Make users of people in the directory before they log in. 404 with those who could not be made, as Harbor answers."""
        self._authority.require_system(call.caller, "ldap-user", "create", now=call.now)
        directory = self._directory(call)
        wanted = list(dict.fromkeys(call.body.get("ldap_uid_list", [])))
        if len(wanted) > _IMPORTED:
            raise RegistryError("BAD_REQUEST", message=f"at most {_IMPORTED} users in one request")
        failed = []
        for uid in wanted:
            problem = self._import_one(directory, uid, call.now)
            if problem:
                failed.append({"uid": uid, "error": problem})
        return json_response(404, failed) if failed else done()

    def _import_one(self, directory: Directory, uid: str, now: int) -> str:
        if not uid.strip():
            return "empty_uid"
        try:
            found = [identity for identity in directory.search_users(uid) if identity.username.lower() == uid.lower()]
        except SourceDown as down:
            raise _down(down) from None
        if len(found) != 1:
            return "unknown_user"
        identity = found[0]._replace(groups=None, is_admin=None)
        return "" if self._onboarding.admit(identity, now=now) else "failed_to_import_user"

    def _directory(self, call: Call) -> Directory:
        directory = self._sources.directory(now=call.now)
        if directory is None:
            raise RegistryError("BAD_REQUEST", message="no LDAP directory is configured")
        return directory

    def _ping_provider(self, call: Call) -> Response:
        self._authority.require_system(call.caller, "configuration", "update", now=call.now)
        try:
            self._sources.ping_provider(call.body.get("url", ""), verify_cert=call.body.get("verify_cert") is not False)
        except SourceDown as down:
            raise RegistryError("BAD_REQUEST", message=f"failed to verify connection: {down.reason}") from None
        return done()


def _user_view(identity: Identity) -> dict[str, Any]:
    return {"username": identity.username, "realname": identity.realname, "email": identity.email}


def _down(down: SourceDown) -> RegistryError:
    """A directory that does not answer is an administrator's finding, not the registry's failure."""
    return RegistryError("BAD_REQUEST", message=f"the directory cannot be asked: {down.reason}")
