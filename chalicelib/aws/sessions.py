"""Upload sessions in DynamoDB: the `SessionStore` port. The session is one item, its parts are rows of up to a thousand."""

from __future__ import annotations

import json
from typing import Any, cast

from chalicelib.aws import keys
from chalicelib.aws.table import Action, ConditionFailed, Table
from chalicelib.aws.tables import PartsItem, SessionItem
from chalicelib.errors import RegistryError
from chalicelib.oci.ports import SessionMoved
from chalicelib.oci.session import Part, Phase, Piece, Session

_PARTS_A_ROW = 1_000
_ATTEMPTS = 5


class DynamoSessions:
    """The upload sessions of one registry."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, upload_id: str) -> Session | None:
        """See `SessionStore.load`. One Query. A Query may see one item of a transaction and miss another, so what it found must
        add up, or it is asked again."""
        for _ in range(_ATTEMPTS):
            session = self._read(upload_id)
            if session is None or _adds_up(session):
                return session
        raise RegistryError("UNAVAILABLE", headers={"Retry-After": "1"})

    def _read(self, upload_id: str) -> Session | None:
        found: SessionItem | None = None
        parts: list[Part] = []
        for item in self._table.query(keys.session(upload_id), ""):
            if isinstance(item, PartsItem):
                parts += [Part(number, etag, size) for number, size, etag in json.loads(item.parts)]
            elif item.sk == keys.SESSION and item.attribute_values.get("phase"):
                found = cast(SessionItem, item)
        return None if found is None else _session(upload_id, found, parts)

    def save(self, before: Session | None, after: Session) -> None:
        """See `SessionStore.save`. One write, or one transaction when there are new parts."""
        new_parts = after.parts[len(before.parts) :] if before else after.parts
        rows = [
            self._table.put(
                PartsItem(
                    keys.session(after.upload_id),
                    keys.parts(row[0].number),
                    parts=json.dumps([[p.number, p.size_bytes, p.etag] for p in row], separators=(",", ":")),
                    ttl=after.expires_at,
                )
            )
            for row in (new_parts[i : i + _PARTS_A_ROW] for i in range(0, len(new_parts), _PARTS_A_ROW))
        ]
        try:
            self._table.write([self._insert(after) if before is None else self._replace(before, after), *rows])
        except ConditionFailed:
            raise SessionMoved(after.upload_id) from None

    def reserve_parts(self, session: Session, count: int) -> int:
        """See `SessionStore.reserve_parts`. One UpdateItem."""
        pk = keys.session(session.upload_id)
        following = self._table.add(pk, keys.SESSION, "next_part", count, kind="session", ttl=session.expires_at)
        return following - count

    def _insert(self, after: Session) -> Action:
        item = SessionItem(
            keys.session(after.upload_id),
            keys.SESSION,
            ttl=after.expires_at,
            next_part=_next_part(after),
            **_fields(after),
        )
        return self._table.put(item, is_new=True)

    def _replace(self, before: Session, after: Session) -> Action:
        """`next_part` stays as other requests moved it, unless this one brought the multipart upload."""
        fields = _fields(after)
        if not before.multipart_id:
            fields["next_part"] = _next_part(after)
        assignments = ", ".join(f"#{name} = :{name}" for name in fields)
        values = {**{f":{name}": value for name, value in fields.items()}, ":before": before.version}
        return self._table.update(
            keys.session(after.upload_id), keys.SESSION, f"SET {assignments}", values, condition="#version = :before"
        )


def _adds_up(session: Session) -> bool:
    """A whole object has no parts, and a closed session's bytes are gone."""
    if session.phase is Phase.CLOSED or not (session.parts or session.pieces or session.multipart_id):
        return True
    found = sum(part.size_bytes for part in session.parts) + sum(piece.size_bytes for piece in session.pieces)
    return found == session.size_bytes


def _next_part(session: Session) -> int:
    return session.parts[-1].number + 1 if session.parts else 1


def _fields(session: Session) -> dict[str, Any]:
    return {
        "version": session.version,
        "phase": session.phase.value,
        "size_bytes": session.size_bytes,
        "key": session.key,
        "multipart_id": session.multipart_id,
        "pieces": json.dumps([[piece.key, piece.size_bytes] for piece in session.pieces], separators=(",", ":")),
        "digest": session.digest,
    }


def _session(upload_id: str, item: SessionItem, parts: list[Part]) -> Session:
    return Session(
        upload_id,
        int(item.ttl or 0),
        int(item.version),
        Phase(item.phase),
        int(item.size_bytes),
        item.key,
        item.multipart_id,
        tuple(sorted(parts, key=lambda part: part.number)),
        tuple(Piece(key, size_bytes) for key, size_bytes in json.loads(item.pieces)),
        item.digest,
    )
