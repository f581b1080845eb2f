"""From S3's notifications to jobs: each pushed manifest becomes one message for the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.errors import RegistryError
from chalicelib.scan.job import Job, Malformed, pushed
from chalicelib.scan.ports import JobQueue


class Dispatch:
    """Takes batches of SQS messages that hold S3 notifications. Idempotent as far as its consumer is: a batch that comes twice
    makes the same jobs twice."""

    def __init__(self, jobs: JobQueue, report: Callable[[str, str], None]) -> None:
        """`report` is told the id of a message that makes no sense, and why."""
        self._jobs, self._report = jobs, report

    def take(self, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Make jobs of a batch and return the ids of the messages that must come again: those that make no sense, which end in
        the dead-letter queue, and all others of the batch when the queue of jobs does not take theirs."""
        failed: list[str] = []
        jobs: dict[Job, None] = {}
        read: list[str] = []
        for record in records:
            try:
                jobs |= dict.fromkeys(pushed(record["body"]))
                read.append(record["messageId"])
            except Malformed as error:
                self._report(record["messageId"], str(error))
                failed.append(record["messageId"])
        try:
            self._jobs.send([job.render() for job in jobs])
        except RegistryError as error:
            for message_id in read:
                self._report(message_id, error.message)
            failed += read
        return failed
