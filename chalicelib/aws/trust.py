"""Trust policies in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from chalicelib.aws import keys
from chalicelib.aws.table import ConditionFailed, Table
from chalicelib.aws.tables import TrustItem, TrustVersionItem
from chalicelib.errors import RegistryError
from chalicelib.rbac import trust
from chalicelib.rbac.trust import MAX_POLICIES, TrustGrant, TrustPolicy

_ATTEMPTS = 6


class DynamoTrust:
    """`rbac.ports.TrustPolicies`, and what manages them: names are unique in a project, and there are 50 at most.

    Every change also moves the project's version, on the condition that nobody else did meanwhile. So a change decides on all
    policies of the project, and two at the same time cannot both take the last place or the same name. It also
    demands that the project is there, so that nothing is made in one that was removed meanwhile. Raises NOT_FOUND then.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, project_id: int) -> Sequence[TrustPolicy]:
        """One Query."""
        return self._read(project_id)[0]

    def add(self, project_id: int, policy: TrustPolicy) -> TrustPolicy:
        """Store a policy under a new id, which is returned with it. Raises CONFLICT for a known name, PRECONDITION for the 51st.
        One UpdateItem, one Query, one transaction."""
        made = policy._replace(id=self._table.add(keys.counter("trust"), keys.COUNTER, "last", 1, kind="counter"))

        def decide(found: Sequence[TrustPolicy]) -> TrustPolicy:
            if len(found) >= MAX_POLICIES:
                raise RegistryError("PRECONDITION", message=f"a project has at most {MAX_POLICIES} trust policies")
            return _unique(made, found)

        self._change(project_id, made.id, decide)
        return made

    def replace(self, project_id: int, policy: TrustPolicy) -> None:
        """Store a policy instead of the one of its id. Raises NOT_FOUND, CONFLICT. One Query, one transaction."""

        def decide(found: Sequence[TrustPolicy]) -> TrustPolicy:
            _demand(policy.id, found)
            return _unique(policy, found)

        self._change(project_id, policy.id, decide)

    def remove(self, project_id: int, policy_id: int) -> None:
        """Remove a policy. Raises NOT_FOUND. One Query, one transaction."""
        self._change(project_id, policy_id, lambda found: _demand(policy_id, found))

    def remove_all(self, project_id: int) -> None:
        """Remove what a deleted project leaves. Nobody reads it again: ids are never used twice. One Query, a write each."""
        pk = keys.trust(project_id)
        for item in self._table.query(pk, ""):
            self._table.write([self._table.delete(pk, item.sk)])

    def _read(self, project_id: int) -> tuple[list[TrustPolicy], int]:
        """The policies in the order of their ids, and the version of the set; 0 before the first change."""
        items = self._table.query(keys.trust(project_id), "")
        policies = [_policy(item) for item in items if isinstance(item, TrustItem)]
        version = next((int(item.version) for item in items if isinstance(item, TrustVersionItem)), 0)
        return policies, version

    def _change(
        self, project_id: int, policy_id: int, decide: Callable[[Sequence[TrustPolicy]], TrustPolicy | None]
    ) -> None:
        """Store what is decided about the policies there are; None removes the policy."""
        pk, sk = keys.trust(project_id), keys.trust_policy(policy_id)
        for _ in range(_ATTEMPTS):
            found, version = self._read(project_id)
            policy = decide(found)
            document = "" if policy is None else json.dumps(trust.view(policy), separators=(",", ":"))
            changed = self._table.delete(pk, sk) if policy is None else self._table.put(TrustItem(pk, sk, document=document))
            moved = TrustVersionItem(pk, keys.TRUST_VERSION, version=version + 1)
            seen = {"condition": "version = :v", "values": {":v": version}} if version else {"is_new": True}
            is_there = self._table.check(keys.project_id(project_id), keys.NAME)
            try:
                self._table.write([changed, self._table.put(moved, **seen), is_there])
            except ConditionFailed as failure:
                if 2 in failure.failed:
                    raise RegistryError("NOT_FOUND", message="the project was removed") from None
                continue
            return
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})


def _policy(item: TrustItem) -> TrustPolicy:
    """Read what `trust.view` rendered. It was judged when it was stored, and is not judged again by rules of a later version."""
    fields = json.loads(item.document)
    grants = tuple(TrustGrant(**{**grant, "actions": frozenset(grant["actions"])}) for grant in fields["grants"])
    claims = {name: tuple(patterns) for name, patterns in fields["claims"].items()}
    return TrustPolicy(**{**fields, "claims": claims, "grants": grants})


def _demand(policy_id: int, found: Sequence[TrustPolicy]) -> None:
    if all(policy.id != policy_id for policy in found):
        raise RegistryError("NOT_FOUND", message=f"the project has no trust policy {policy_id}")


def _unique(policy: TrustPolicy, found: Sequence[TrustPolicy]) -> TrustPolicy:
    if any(other.name == policy.name and other.id != policy.id for other in found):
        raise RegistryError("CONFLICT", message=f"the project has a trust policy {policy.name} already")
    return policy
