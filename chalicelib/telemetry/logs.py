"""The process's log: Powertools' Logger, one JSON line per event worth one, with the request it belongs to; never a credential.

What is logged is made of names, so there is nothing to hide in it, but for texts of exceptions, which other programs write: an
address with a signature, a header. They are blotted out.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from typing import TYPE_CHECKING, Any

from chalicelib.telemetry.observation import current
from chalicelib.telemetry.plan import chosen

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

_SCHEME = re.compile(r"\b(Bearer|Basic|Digest|Negotiate)(:? )[^\s\"'\\,]{6,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{4,}\.[\w-]*\.?[\w-]*")
_PARAMETER = re.compile(
    r"\b(X-Amz-(?:Signature|Security-Token|Credential)|_state|state|code|(?:\w+_)?token|(?:\w+_)?secret|password|assertion)=[^&\s\"'\\]+",
    re.IGNORECASE,
)
_BLOT = "***"


def blotted(text: str) -> str:
    """Take out of a text whatever looks like a credential: tokens, Authorization headers, signatures and secrets of addresses.
    Pure."""
    text = _SCHEME.sub(rf"\1\2{_BLOT}", text)
    return _PARAMETER.sub(rf"\1={_BLOT}", _JWT.sub(_BLOT, text))


@functools.cache
def logger() -> Logger:
    """The process's logger, made when something is worth a line."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - 10 ms of a cold start for what is hardly ever said

    plan = chosen()
    made = Logger(service=plan.service, level=plan.level, json_serializer=_blotted_json)
    made.addFilter(_add_names)
    return made


def failure(request_id: str, method: str, path: str) -> None:
    """Log the exception being handled. The path has no query, so no signature can be in it."""
    logger().exception("request failed", extra={"request_id": request_id, "method": method, "path": path})


def odd_message(message_id: str, reason: str) -> None:
    """Log that a message of a queue makes no sense, or could not be passed on: it comes again, until the dead-letter queue."""
    logger().warning("message refused", extra={"message_id": message_id, "reason": reason})


def _add_names(record: logging.LogRecord) -> bool:
    """Tell with each line which request it belongs to, and who sent it."""
    seen = current()
    if seen is not None:
        told = {"duty": chosen().duty, **seen.names}
        for name, value in told.items():
            if value and not hasattr(record, name):
                setattr(record, name, value)
    return True


def _blotted_json(log: dict[str, Any]) -> str:
    return blotted(json.dumps(log, default=str, separators=(",", ":"), ensure_ascii=False))
