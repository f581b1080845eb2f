"""Upload sessions in memory, with the one rule that matters: a save on an old version is refused."""

from __future__ import annotations

from chalicelib.oci.ports import SessionMoved
from chalicelib.oci.session import Session


class FakeSessions:
    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.saves = 0
        self._next_part: dict[str, int] = {}

    def load(self, upload_id: str) -> Session | None:
        return self.sessions.get(upload_id)

    def save(self, before: Session | None, after: Session) -> None:
        stored = self.sessions.get(after.upload_id)
        if (stored.version if stored else None) != (before.version if before else None):
            raise SessionMoved(after.upload_id)
        if before is not None:
            assert after.parts[: len(before.parts)] == before.parts, "a save adds parts, it keeps the old ones"
        if before is None or not before.multipart_id:
            self._next_part[after.upload_id] = after.parts[-1].number + 1 if after.parts else 1
        self.saves += 1
        self.sessions[after.upload_id] = after

    def reserve_parts(self, session: Session, count: int) -> int:
        first = self._next_part[session.upload_id]
        self._next_part[session.upload_id] = first + count
        return first
