"""One call through PynamoDB's connection, and what telemetry learns of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pynamodb.exceptions import VerboseClientError

from chalicelib import telemetry

if TYPE_CHECKING:
    from pynamodb.connection import Connection

_TOO_FAST = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})


def dispatched(connection: Connection, table: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return its answer. Raises what PynamoDB raises."""
    with telemetry.aws_call("dynamodb", operation, table) as call:
        try:
            answer: dict[str, Any] = connection.dispatch(operation, request)
        except VerboseClientError as error:
            _tell(call, getattr(error.__cause__, "response", {}))
            if error.response["Error"]["Code"] in _TOO_FAST:
                call.throttled()
            raise
        _tell(call, answer)
        return answer


def _tell(call: telemetry.Call | telemetry.Unmeasured, answer: Mapping[str, Any]) -> None:
    """Tell of a call what botocore says about its answer."""
    metadata = answer.get("ResponseMetadata", {})
    for _ in range(metadata.get("RetryAttempts", 0)):
        call.retried()
    call.answered(metadata.get("HTTPStatusCode", 0), metadata.get("HTTPHeaders", {}))
