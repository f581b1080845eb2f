"""`scan.ports.JobQueue` on SQS. Source: SQS API reference (JSON protocol), SendMessageBatch: at most 10 messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.aws.wire import SQS, CallFailed, Wire
from chalicelib.errors import RegistryError
from chalicelib.scan.ports import Message

if TYPE_CHECKING:
    from chalicelib.config import Settings

_BATCH = 10
_TIMEOUT_S = 30
"""Longer than the longest poll, which is 20 s."""


class SqsQueue:
    """One queue, by its address. Safe under threads."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._url = url
        self._wire = Wire(SQS, settings, settings.sqs_endpoint_url, timeout_s=_TIMEOUT_S)

    def send(self, bodies: Sequence[str]) -> None:
        """See `JobQueue.send`. One SendMessageBatch for ten."""
        for start in range(0, len(bodies), _BATCH):
            entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies[start : start + _BATCH])]
            answer = self._wire.call("SendMessageBatch", {"QueueUrl": self._url, "Entries": entries})
            if answer.get("Failed"):
                raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def receive(self, *, wait_s: int) -> Message | None:
        """See `JobQueue.receive`. One ReceiveMessage."""
        wanted = {"QueueUrl": self._url, "MaxNumberOfMessages": 1, "WaitTimeSeconds": wait_s}
        for message in self._wire.call("ReceiveMessage", wanted).get("Messages") or ():
            return Message(message["Body"], message["ReceiptHandle"])
        return None

    def keep(self, message: Message, *, for_s: int) -> None:
        """See `JobQueue.keep`. One ChangeMessageVisibility; a message that is gone is fine."""
        self._on(message, "ChangeMessageVisibility", VisibilityTimeout=for_s)

    def done(self, message: Message) -> None:
        """See `JobQueue.done`. One DeleteMessage; a message that is gone is fine."""
        self._on(message, "DeleteMessage")

    def _on(self, message: Message, operation: str, **more: int) -> None:
        try:
            self._wire.call(operation, {"QueueUrl": self._url, "ReceiptHandle": message.receipt, **more})
        except CallFailed as failure:
            if failure.code not in ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"):
                raise
