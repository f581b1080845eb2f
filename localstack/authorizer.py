"""Plays API Gateway's TOKEN authorizer: asks the function once per token, then judges by the policy it returned.

Source: AWS, "Output from an API Gateway Lambda authorizer". As on AWS the cached policy is held against the resource of every
request, so a policy that names only the first request's resource breaks the second one here too.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

Authorize: TypeAlias = Callable[[dict[str, Any], Any], Mapping[str, Any]]

LONGEST_CACHE_S = 300
MOST_CACHED = 1000


class Verdict(Enum):
    """What becomes of the request."""

    ALLOW = "allow"
    UNAUTHORIZED = "unauthorized"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Policy:
    """An authorizer's answer, checked: what it allows and denies, and the context that the function will see."""

    allowed: re.Pattern[str]
    denied: re.Pattern[str]
    context: Mapping[str, str]

    def verdict(self, arn: str) -> Verdict:
        """Judge one resource: a Deny wins, and what nobody allows is denied."""
        is_allowed = self.allowed.fullmatch(arn) and not self.denied.fullmatch(arn)
        return Verdict.ALLOW if is_allowed else Verdict.DENIED


class TokenAuthorizer:
    """One authorizer with its cache. Safe for threads."""

    def __init__(
        self, authorize: Authorize, *, cache_s: float = LONGEST_CACHE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authorize = authorize
        self._cache_s = min(cache_s, LONGEST_CACHE_S)
        self._clock = clock
        self._lock = threading.Lock()
        self._policies: OrderedDict[str, tuple[float, Policy]] = OrderedDict()

    def judge(self, token: str, arn: str, context: Any) -> tuple[Verdict, Mapping[str, str]]:
        """Say what becomes of a request with this Authorization header, and what to tell the function about the caller."""
        if not token:
            return Verdict.UNAUTHORIZED, {}
        policy = self._cached(token)
        if policy is None:
            try:
                answer = self._authorize({"type": "TOKEN", "authorizationToken": token, "methodArn": arn}, context)
                policy = read_policy(answer)
            except Exception as error:  # noqa: BLE001 - whatever the function raises, API Gateway answers
                return (Verdict.UNAUTHORIZED if str(error) == "Unauthorized" else Verdict.FAILED), {}
            self._keep(token, policy)
        return policy.verdict(arn), policy.context

    def _cached(self, token: str) -> Policy | None:
        with self._lock:
            until, policy = self._policies.get(token, (0.0, None))
            return policy if self._clock() < until else None

    def _keep(self, token: str, policy: Policy) -> None:
        with self._lock:
            self._policies[token] = (self._clock() + self._cache_s, policy)
            self._policies.move_to_end(token)
            while len(self._policies) > MOST_CACHED:
                self._policies.popitem(last=False)


def read_policy(answer: Mapping[str, Any]) -> Policy:
    """Check an authorizer's answer. Raises KeyError, TypeError or ValueError where AWS would report a configuration error."""
    patterns: dict[str, list[str]] = {"Allow": [], "Deny": []}
    for statement in _several(answer["policyDocument"]["Statement"]):
        if any(re.fullmatch(_pattern(action), "execute-api:Invoke") for action in _several(statement["Action"])):
            patterns[statement["Effect"]] += [_pattern(resource) for resource in _several(statement["Resource"])]
    context = {"principalId": str(answer["principalId"])}
    for name, value in (answer.get("context") or {}).items():
        if not isinstance(value, str | int | float | bool):
            raise TypeError(f"context value {name} is not text, a number or a boolean")
        context[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return Policy(_any_of(patterns["Allow"]), _any_of(patterns["Deny"]), context)


def _several(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _pattern(wildcard: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in wildcard)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", re.DOTALL)
