"""Which permission an operation needs, where MiniStack asks for one that IAM does not have.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS": a batch needs the permission of
its single operation. MiniStack asks for `sqs:SendMessageBatch`, so that a role which is right on AWS is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ON_AWS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}


def name_as_aws(iam_actions: Any) -> None:
    """Put MiniStack's names of permissions right."""
    iam_actions.extract_iam_action = _renaming(iam_actions.extract_iam_action)


def _renaming(extract: Callable[..., str | None]) -> Callable[..., str | None]:
    def named(*request: Any) -> str | None:
        action = extract(*request)
        return _ON_AWS.get(action, action) if action else None

    return named
