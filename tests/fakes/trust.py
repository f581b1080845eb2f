"""Trust policies in a dictionary, and the keys of issuers without a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

from chalicelib.errors import RegistryError
from chalicelib.rbac.id_token import IssuerKey
from chalicelib.rbac.ports import IssuerDown
from chalicelib.rbac.trust import MAX_POLICIES, TrustPolicy


class FakeTrust:
    """The same promises as `aws.trust.DynamoTrust`; `tests/contracts/test_trust.py` holds both to them."""

    def __init__(self) -> None:
        self.policies: dict[int, dict[int, TrustPolicy]] = defaultdict(dict)
        self._last, self._lock = 0, Lock()

    def find(self, project_id: int) -> Sequence[TrustPolicy]:
        return [policy for _, policy in sorted(self.policies[project_id].items())]

    def add(self, project_id: int, policy: TrustPolicy) -> TrustPolicy:
        with self._lock:
            self._last += 1
            made = policy._replace(id=self._last)
            if len(self.policies[project_id]) >= MAX_POLICIES:
                raise RegistryError("PRECONDITION")
            self._store(project_id, made)
            return made

    def replace(self, project_id: int, policy: TrustPolicy) -> None:
        self._demand(project_id, policy.id)
        self._store(project_id, policy)

    def remove(self, project_id: int, policy_id: int) -> None:
        self._demand(project_id, policy_id)
        del self.policies[project_id][policy_id]

    def remove_all(self, project_id: int) -> None:
        self.policies.pop(project_id, None)

    def _store(self, project_id: int, policy: TrustPolicy) -> None:
        if any(other.name == policy.name and other.id != policy.id for other in self.find(project_id)):
            raise RegistryError("CONFLICT")
        self.policies[project_id][policy.id] = policy

    def _demand(self, project_id: int, policy_id: int) -> None:
        if policy_id not in self.policies[project_id]:
            raise RegistryError("NOT_FOUND")


class FakeIssuers:
    """Keys by issuer; an issuer that is not there is down. `asked` are those somebody wanted keys of."""

    def __init__(self) -> None:
        self.known: dict[str, list[IssuerKey]] = {}
        self.asked: list[str] = []

    def keys(self, issuer: str, kid: str, *, now: int) -> Sequence[IssuerKey]:
        self.asked.append(issuer)
        if issuer not in self.known:
            raise IssuerDown(issuer, "no answer in time")
        return self.known[issuer]
