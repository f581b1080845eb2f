"""Logs: one JSON line per event worth one, with the request's id; never a credential."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


_chosen = {"level": "INFO"}


def choose_level(level: str) -> None:
    """Say how much is logged: DEBUG, INFO, WARNING or ERROR. Once per process, before the first line."""
    _chosen["level"] = level


@functools.cache
def logger() -> Logger:
    """The process's logger, made when something is worth a line."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - 60 ms of a cold start for what is hardly ever said

    return Logger(service="moorage", level=_chosen["level"])


def failure(request_id: str, method: str, path: str) -> None:
    """Log the exception being handled. The path has no query, so no signature can be in it."""
    logger().exception("request failed", extra={"request_id": request_id, "method": method, "path": path})


def odd_message(message_id: str, reason: str) -> None:
    """Log that a message of a queue makes no sense, or could not be passed on: it comes again, until the dead-letter queue."""
    logger().warning("message refused", extra={"message_id": message_id, "reason": reason})
