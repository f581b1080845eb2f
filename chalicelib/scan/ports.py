"""What scanning needs from the outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """A message that was received: its text, and what names it while it is ours."""

    body: str
    receipt: str


class JobQueue(Protocol):
    """The queue of jobs. At least once, in no order; what is neither done nor kept comes back, and after a few times goes to
    the dead-letter queue."""

    def send(self, bodies: Sequence[str]) -> None:
        """Put messages into the queue. Raises UNAVAILABLE; some may be in it then, so that sending again makes duplicates."""

    def receive(self, *, wait_s: int) -> Message | None:
        """Take one message, hidden from others for the queue's visibility timeout; None after `wait_s` without one."""

    def keep(self, message: Message, *, for_s: int) -> None:
        """Hide a message from others for so long from now."""

    def done(self, message: Message) -> None:
        """Take a message out of the queue for good."""
