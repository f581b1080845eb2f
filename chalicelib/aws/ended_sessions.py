"""Sessions that were logged out of, in DynamoDB."""

from __future__ import annotations

from chalicelib.aws import keys
from chalicelib.aws.table import Table
from chalicelib.aws.tables import EndedSessionItem


class DynamoEndedSessions:
    """`rbac.ports.EndedSessions`. The items are gone by TTL some time after they matter."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, user: str, session_id: str, *, until: int) -> None:
        """See the port. One PutItem."""
        self._table.write([self._table.put(EndedSessionItem(keys.user(user), keys.ended_session(session_id), ttl=until))])

    def has(self, user: str, session_id: str) -> bool:
        """See the port. One GetItem."""
        return self._table.get(keys.user(user), keys.ended_session(session_id)) is not None
