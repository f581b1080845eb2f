"""The schedule of the audit log's purge and its executions in DynamoDB: one small partition."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws import keys, spans
from chalicelib.aws.table import Table
from chalicelib.aws.tables import ExecutionItem, ScheduleItem
from chalicelib.notify.purge_ports import Execution, Schedule

_PK = keys.AUDIT_PURGE


class DynamoPurges:
    """`notify.purge_ports.PurgeStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def schedule(self) -> Schedule | None:
        """See the port."""
        item = self._table.get(_PK, keys.SCHEDULE)
        if not isinstance(item, ScheduleItem):
            return None
        return Schedule(
            int(item.schedule_id),
            item.schedule_type,
            item.cron,
            item.parameters,
            int(item.created_at),
            int(item.updated_at),
            int(item.next_at),
        )

    def save_schedule(self, schedule: Schedule | None, *, seen: Schedule | None) -> bool:
        """See the port."""
        if schedule is None and seen is None:
            return True
        condition = "attribute_not_exists(pk)" if seen is None else "schedule_id = :id AND next_at = :next"
        values = {} if seen is None else {":id": seen.schedule_id, ":next": seen.next_at}
        if schedule is None:
            action = self._table.delete(_PK, keys.SCHEDULE, condition=condition, values=values)
        else:
            item = ScheduleItem(_PK, keys.SCHEDULE, **{**schedule._asdict(), "parameters": dict(schedule.parameters)})
            action = self._table.put(item, condition=condition, values=values)
        return self._table.attempt([action])

    def executions(self) -> Sequence[Execution]:
        """See the port."""
        items = self._table.query(_PK, keys.execution(), forward=False)
        return [_execution(item) for item in items if isinstance(item, ExecutionItem)]

    def execution(self, execution_id: int) -> Execution | None:
        """See the port."""
        item = self._table.get(_PK, keys.execution(execution_id)) if execution_id > 0 else None
        return _execution(item) if isinstance(item, ExecutionItem) else None

    def new_id(self) -> int:
        """See the port."""
        return self._table.add(keys.counter("purge"), keys.COUNTER, "last", 1, kind="counter")

    def add(self, execution: Execution, *, keep: int) -> None:
        """See the port."""
        self._table.write([self._table.put(_item(execution))])
        old = self._table.query(_PK, keys.execution(), forward=False)[keep:]
        spans.write(self._table, [spans.delete(item.pk, item.sk) for item in old])

    def save(self, execution: Execution, *, status: str) -> bool:
        """See the port."""
        values = {":status": status}
        return self._table.attempt([self._table.put(_item(execution), condition="#status = :status", values=values)])


def _item(execution: Execution) -> ExecutionItem:
    attributes = {**execution._asdict(), "parameters": dict(execution.parameters)}
    number = attributes.pop("execution_id")
    return ExecutionItem(_PK, keys.execution(number), **attributes)


def _execution(item: ExecutionItem) -> Execution:
    return Execution(
        int(item.sk.partition("#")[2]),
        item.trigger,
        item.parameters,
        item.status,
        int(item.started_at),
        int(item.updated_at),
        item.position or "",
        int(item.rows),
        item.log or "",
    )
