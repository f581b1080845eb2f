"""`python -m scan_worker`: take jobs from the queue MOORAGE_SCAN_JOBS_URL until SIGTERM, and finish the one at hand.

A job is kept while it is worked on; a worker that dies lets go of it, and another one takes it after `LEASE_S`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from chalicelib import scanning, telemetry
from chalicelib.config import Settings, SettingsError
from chalicelib.errors import RegistryError
from chalicelib.scan.ports import Message
from chalicelib.scan.work import Work

LEASE_S = 120
_WAIT_S = 20
_PAUSE_S = 5.0


class Worker:
    """Takes one job after the other, and keeps each while it works on it."""

    def __init__(self, work: Work, *, lease_s: int = LEASE_S, wait_s: int = _WAIT_S) -> None:
        self._work, self._lease_s, self._wait_s = work, lease_s, wait_s
        self._is_over = threading.Event()

    def stop(self, *_: int | FrameType | None) -> None:
        """Take no more jobs: as a signal handler, or from another thread."""
        self._is_over.set()

    def run(self) -> None:
        """Work until stopped. Whatever one job does wrong, the next one is taken: its message comes back by itself."""
        while not self._is_over.is_set():
            try:
                message = self._work.receive(wait_s=self._wait_s)
                if message is not None:
                    self._do(message)
            except RegistryError:
                telemetry.logger().warning("the queue of jobs is not available")
                self._is_over.wait(_PAUSE_S)
            except Exception:  # noqa: BLE001 - the boundary: a worker outlives its jobs
                telemetry.logger().exception("a job failed")
                self._is_over.wait(_PAUSE_S)

    def _do(self, message: Message) -> None:
        finished = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(message, finished), daemon=True)
        keeper.start()
        try:
            with telemetry.run("scan", correlation_id=""):
                outcome = self._work.do(message, now=int(time.time()))
        finally:
            finished.set()
            keeper.join()
        telemetry.logger().info("job done", extra={"outcome": outcome})

    def _keep(self, message: Message, finished: threading.Event) -> None:
        while not finished.wait(self._lease_s / 3):
            try:
                self._work.keep(message, for_s=self._lease_s)
            except Exception:  # noqa: BLE001 - the next turn tries again; if none succeeds another worker takes the job
                telemetry.logger().warning("a job could not be kept", exc_info=True)


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 2 and a sentence when a setting is missing."""
    try:
        settings = Settings.from_environ(os.environ)
        work = scanning.work(settings)
    except SettingsError as error:
        print(f"scan_worker: {error}", file=sys.stderr)  # noqa: T201
        return 2
    worker = Worker(work)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
