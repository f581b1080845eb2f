"""Refusals as events: who was not allowed to pull, push or delete."""

from __future__ import annotations

from chalicelib.cache import Cache
from chalicelib.errors import RegistryError
from chalicelib.events import PULL, Event, Recorder

_ONCE_IN_S = 60
_SIZE = 4096
_OPERATIONS = {"GET": PULL, "HEAD": PULL, "DELETE": "delete"}


class Refusals:
    """Records refusals: one row a minute for each caller, repository and operation, since a client that pushes six layers is
    refused six times, and tries again. Without credentials nobody is refused but asked to log in."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._seen: Cache[tuple[str, str, str], bool] = Cache(_SIZE, _ONCE_IN_S)

    def note(
        self,
        refusal: RegistryError,
        method: str,
        repository: str,
        operator: str,
        client_ip: str,
        project_id: int,
        *,
        now: int,
    ) -> None:
        """Record a refusal if the error is one. `project_id` 0: not known, then it is in the registry's log only."""
        operation = _OPERATIONS.get(method, "create")
        key = (operator, repository, operation)
        if refusal.code != "DENIED" or self._seen.get(key, now):
            return
        self._seen.put(key, True, now)
        description = f"{operation} artifact: {repository}, {refusal.message}"
        self._recorder.record(
            Event(operation, "artifact", repository, operator, description, False, client_ip, project_id)
        )
