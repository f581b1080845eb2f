"""Logs: one JSON line per event worth one, with the request's id; never a credential."""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="moorage", level="INFO")


def failure(request_id: str, method: str, path: str) -> None:
    """Log the exception being handled. The path has no query, so no signature can be in it."""
    logger.exception("request failed", extra={"request_id": request_id, "method": method, "path": path})
