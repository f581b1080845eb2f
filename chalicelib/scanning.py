"""Wiring of scanning, on top of `bootstrap`: for the function that makes jobs, and for the container that does them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import telemetry
from chalicelib.bootstrap import wire
from chalicelib.config import Settings, SettingsError

if TYPE_CHECKING:
    from chalicelib.aws.queue import SqsQueue
    from chalicelib.scan.dispatch import Dispatch
    from chalicelib.scan.work import Work


def dispatch(settings: Settings) -> Dispatch:
    """What makes jobs of pushed manifests. Raises SettingsError where no queue of jobs is named."""
    from chalicelib.scan.dispatch import Dispatch  # noqa: PLC0415 - of all functions of the package only one needs it

    return Dispatch(_jobs(settings), telemetry.odd_message)


def work(settings: Settings) -> Work:
    """What does the jobs. Raises SettingsError where no queue of jobs is named."""
    from chalicelib.scan.work import Work  # noqa: PLC0415 - see above

    return Work(_jobs(settings), wire(settings).objects, lambda why: telemetry.odd_message("", why))


def _jobs(settings: Settings) -> SqsQueue:
    from chalicelib.aws.queue import SqsQueue  # noqa: PLC0415 - see above

    if not settings.scan_jobs_url:
        raise SettingsError("MOORAGE_SCAN_JOBS_URL must be the address of the queue of scan jobs")
    return SqsQueue(settings, settings.scan_jobs_url)
