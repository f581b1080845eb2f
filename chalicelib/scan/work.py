"""What a worker does with a job: read the manifest, make sure that it is the one, and leave a result in S3.

There is no engine yet, and the result says so: `unscanned`, never "no vulnerabilities".
"""

from __future__ import annotations

import json
from collections.abc import Callable

from chalicelib.oci.digest import Digest
from chalicelib.oci.ports import ObjectStore
from chalicelib.scan.job import Job, Malformed
from chalicelib.scan.ports import JobQueue, Message

LARGEST_MANIFEST_BYTES = 4 * 1024 * 1024


class Work:
    """Drains the queue, one job at a time. A job that is done twice leaves the same result."""

    def __init__(self, queue: JobQueue, objects: ObjectStore, report: Callable[[str], None]) -> None:
        """`report` is told, in a sentence, why a message was left in the queue."""
        self._queue, self._objects, self._report = queue, objects, report

    def receive(self, *, wait_s: int) -> Message | None:
        """Wait for a job. One ReceiveMessage."""
        return self._queue.receive(wait_s=wait_s)

    def keep(self, message: Message, *, for_s: int) -> None:
        """Say that somebody works on a job: to be called more often than every `for_s` seconds."""
        self._queue.keep(message, for_s=for_s)

    def do(self, message: Message, *, now: int) -> str:
        """Do a job and take it out of the queue. Returns its outcome: `unscanned`, `gone` (the manifest was deleted), `error`
        (with the reason in the result), or `malformed`, which stays for the dead-letter queue.
        One GetObject, one PutObject, one DeleteMessage."""
        try:
            job = Job.parse(message.body)
        except Malformed as error:
            self._report(str(error))
            return "malformed"
        outcome = self._scan(job, now)
        self._queue.done(message)
        return outcome

    def _scan(self, job: Job, now: int) -> str:
        try:
            manifest = self._objects.get(job.manifest_key, end=LARGEST_MANIFEST_BYTES)
        except KeyError:
            return "gone"
        if Digest.of(manifest, job.digest.algorithm) != job.digest:
            return self._conclude(job, "error", "the stored bytes are not those of the digest", now)
        return self._conclude(job, "unscanned", "this worker has no scanner engine", now)

    def _conclude(self, job: Job, status: str, reason: str, now: int) -> str:
        result = {
            "version": 1,
            "repository": str(job.name),
            "digest": str(job.digest),
            "status": status,
            "reason": reason,
            "finished_at": now,
        }
        self._objects.put(job.result_key, json.dumps(result).encode(), content_type="application/json")
        return status
