"""Trust policies of a project over HTTP: which CI jobs may push and pull without a secret. An extension of Harbor's API."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.harbor.call import Call, Operations, created, done
from chalicelib.harbor.paging import listed, page_response
from chalicelib.harbor.query import Fields, Order
from chalicelib.http import Response, json_response
from chalicelib.rbac import trust
from chalicelib.rbac.authority import Authority, Standing, forbidden
from chalicelib.rbac.permissions import Permissions
from chalicelib.rbac.ports import TrustStore
from chalicelib.rbac.roles import oci_actions
from chalicelib.rbac.trust import TrustPolicy


class TrustResource:
    """`/projects/{project_name_or_id}/trust-policies`."""

    def __init__(self, authority: Authority, store: TrustStore) -> None:
        self._authority, self._store = authority, store

    def operations(self) -> Operations:
        """Handlers by operationId."""
        return {
            "listTrustPolicies": self._list,
            "createTrustPolicy": self._create,
            "getTrustPolicy": self._get,
            "updateTrustPolicy": self._update,
            "deleteTrustPolicy": self._delete,
        }

    def _list(self, call: Call) -> Response:
        project, asked = self._require(call, "list").project, call.asked
        found = self._store.find(project.project_id)
        page = listed(
            asked,
            natural=Order("id"),
            page=lambda offset, limit, is_descending: (_part(found, offset, limit, is_descending), len(found)),
            every=lambda: found,
            fields_of=_fields,
        )
        return page_response(call.request, asked, [trust.view(policy) for policy in page.items], page.total)

    def _create(self, call: Call) -> Response:
        standing = self._require(call, "create")
        policy = _policy(call, standing.permissions)
        made = self._store.add(standing.project.project_id, policy)
        return created(f"/projects/{call.project}/trust-policies/{made.id}")

    def _get(self, call: Call) -> Response:
        project, number = self._require(call, "read").project, call.path["policy_id"]
        for policy in self._store.find(project.project_id):
            if policy.id == number:
                return json_response(200, trust.view(policy))
        raise RegistryError("NOT_FOUND", message=f"the project has no trust policy {number}")

    def _update(self, call: Call) -> Response:
        standing = self._require(call, "update")
        policy = _policy(call, standing.permissions, call.path["policy_id"])
        self._store.replace(standing.project.project_id, policy)
        return done()

    def _delete(self, call: Call) -> Response:
        self._store.remove(self._require(call, "delete").project.project_id, call.path["policy_id"])
        return done()

    def _require(self, call: Call, action: str) -> Standing:
        is_name, now = call.is_by_name, call.now
        return self._authority.require(call.caller, call.project, "trust-policy", action, is_name=is_name, now=now)


def _policy(call: Call, permissions: Permissions, number: int = 0) -> TrustPolicy:
    """Read the policy as it was sent, since a field that nobody knows makes it wider than its author thinks. Raises
    BAD_REQUEST, and FORBIDDEN when it grants what the author may not."""
    document = json.loads(call.request.body)
    if isinstance(document, dict):
        document.pop("id", None)
    policy = trust.parse(document, id=number)
    granted = frozenset[str]().union(*(grant.actions for grant in policy.grants))
    if not granted <= oci_actions(permissions):
        raise forbidden("the policy grants rights that you do not have")
    return policy


def _part(found: Any, offset: int, limit: int, is_descending: bool) -> list[TrustPolicy]:
    ordered = sorted(found, key=lambda policy: policy.id, reverse=is_descending)
    return ordered[offset : offset + limit]


def _fields(policy: TrustPolicy) -> Fields:
    return {"id": policy.id, "name": policy.name, "issuer": policy.issuer}
