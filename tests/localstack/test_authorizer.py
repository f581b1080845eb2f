"""The authorizer's cache and policies, as API Gateway handles them."""

from __future__ import annotations

from typing import Any

import pytest

from localstack.authorizer import LONGEST_CACHE_S, MOST_CACHED, TokenAuthorizer, Verdict, read_policy

ARN = "arn:aws:execute-api:us-east-1:000000000000:registry/v2/GET/library/x/manifests/latest"


class Asked:
    """An authorizer function that counts its calls."""

    def __init__(self, resource: str | None = "*") -> None:
        self.tokens: list[str] = []
        self._resource = resource

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self.tokens.append(event["authorizationToken"])
        assert event["type"] == "TOKEN"
        return policy(allow=self._resource or event["methodArn"])


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def policy(allow: Any = (), deny: Any = (), action: Any = "execute-api:Invoke") -> dict[str, Any]:
    statements = [
        {"Effect": effect, "Action": action, "Resource": list(value) if isinstance(value, tuple) else value}
        for effect, value in (("Allow", allow), ("Deny", deny))
        if value
    ]
    return {"principalId": "caller", "policyDocument": {"Version": "2012-10-17", "Statement": statements}}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (policy(allow="*"), Verdict.ALLOW),
        (policy(allow=ARN), Verdict.ALLOW),
        (policy(allow="arn:aws:execute-api:*:*:registry/*/GET/*"), Verdict.ALLOW),
        (policy(allow=("nothing", "arn:aws:execute-api:us-east-?:000000000000:registry/*")), Verdict.ALLOW),
        (policy(allow="*", action=["other:Thing", "execute-api:*"]), Verdict.ALLOW),
        (policy(allow="*", action="other:Thing"), Verdict.DENIED),
        (policy(allow="arn:aws:execute-api:*:*:registry/*/PUT/*"), Verdict.DENIED),
        (policy(allow="*", deny=ARN), Verdict.DENIED),
        (policy(allow="*", deny="*/GET/*"), Verdict.DENIED),
        (policy(), Verdict.DENIED),
    ],
)
def test_a_policy_is_judged_as_iam_does(answer: dict[str, Any], verdict: Verdict) -> None:
    assert read_policy(answer).verdict(ARN) is verdict


def test_a_policy_that_names_one_request_refuses_the_next_one() -> None:
    authorizer = TokenAuthorizer(Asked(resource=None))
    assert authorizer.judge("token", ARN, None)[0] is Verdict.ALLOW
    assert authorizer.judge("token", ARN + "2", None)[0] is Verdict.DENIED


def test_an_answer_is_kept_by_token_for_its_time_and_not_longer() -> None:
    asked, clock = Asked(), Clock()
    authorizer = TokenAuthorizer(asked, cache_s=3600, clock=clock)
    for token in ("a", "b", "a"):
        authorizer.judge(token, ARN, None)
    assert asked.tokens == ["a", "b"]
    clock.now += LONGEST_CACHE_S
    authorizer.judge("a", ARN, None)
    assert asked.tokens == ["a", "b", "a"]


def test_the_cache_is_bounded() -> None:
    asked = Asked()
    authorizer = TokenAuthorizer(asked)
    for number in range(MOST_CACHED + 1):
        authorizer.judge(str(number), ARN, None)
    asked.tokens.clear()
    for token in ("1", "0"):
        authorizer.judge(token, ARN, None)
    assert asked.tokens == ["0"]


def test_a_refusal_is_not_kept() -> None:
    answers = iter([Exception("Unauthorized"), None])

    def authorize(event: Any, context: Any) -> dict[str, Any]:
        error = next(answers)
        if error is not None:
            raise error
        return policy(allow="*")

    authorizer = TokenAuthorizer(authorize)
    verdicts = [authorizer.judge("token", ARN, None)[0] for _ in range(2)]
    assert verdicts == [Verdict.UNAUTHORIZED, Verdict.ALLOW]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"principalId": "x"},
        {"policyDocument": {"Statement": []}},
        {**policy(allow="*"), "context": {"a": {}}},
    ],
)
def test_a_wrong_answer_is_a_failure(answer: Any) -> None:
    assert TokenAuthorizer(lambda event, context: answer).judge("token", ARN, None)[0] is Verdict.FAILED
