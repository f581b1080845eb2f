"""The recorder: pulls do not wait for their log, changes are never lost in silence, and a broken log breaks nothing."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.events import Artifact, Event, Who, pulled
from chalicelib.notify.journal import Journal, is_wanted
from chalicelib.notify.ports import Pulled
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name, Repository, Tag
from chalicelib.rbac.configuration import Configuration
from tests.fakes.audit import FakePullStatistics, FakeRowWriter

NOW_US = 1_800_000_000_000_000
ARTIFACT = Artifact("team/app", str(Digest.of(b"manifest")), "v1")
PULL = pulled(ARTIFACT, Who("ann", "192.0.2.1", 7))
DEFAULT = Configuration()
CHANGE = Event("create", "project", "team", "ann", "create project: team")


@pytest.fixture
def writer() -> Iterator[FakeRowWriter]:
    made = FakeRowWriter()
    yield made
    made.free.set()


class Lines(logging.Handler):
    """What the process's log is told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> None:
        telemetry.logger()._logger.addHandler(self)

    def __exit__(self, *raised: object) -> None:
        telemetry.logger()._logger.removeHandler(self)


def journal(writer: FakeRowWriter, configuration: Configuration = DEFAULT, **more: object) -> Journal:
    ticks = itertools.count(NOW_US)
    return Journal(writer, lambda now: configuration, lambda: next(ticks), **more)  # type: ignore[arg-type]


def settled(made: Journal) -> Journal:
    deadline = time.monotonic() + 5
    while not made.is_idle and time.monotonic() < deadline:
        time.sleep(0.001)
    return made


def elapsed_ms(made: Journal) -> float:
    begun = time.monotonic()
    made.settle()
    return 1000 * (time.monotonic() - begun)


def test_events_are_written_in_their_order_with_the_time_they_happened(writer: FakeRowWriter) -> None:
    made = journal(writer)
    for number in range(120):
        made.record(PULL._replace(resource=str(number)))
    settled(made)
    assert [event.resource for event, _ in writer.rows] == [str(number) for number in range(120)]
    times = [at_us for _, at_us in writer.rows]
    assert times == sorted(set(times))
    assert times[0] == NOW_US
    assert writer.keep_days == 90


def test_times_never_repeat_when_the_clock_stands_still(writer: FakeRowWriter) -> None:
    made = Journal(writer, lambda now: Configuration(), lambda: NOW_US)
    for _ in range(3):
        made.record(CHANGE)
    settled(made)
    assert [at_us - NOW_US for _, at_us in writer.rows] == [0, 1, 2]


def test_a_pull_waits_for_a_dead_log_a_tenth_of_a_second_and_the_next_not_at_all(writer: FakeRowWriter) -> None:
    writer.free.clear()
    made = journal(writer)
    made.record(PULL)
    assert elapsed_ms(made) < 150
    for _ in range(10):
        made.record(PULL)
        assert elapsed_ms(made) < 20


def test_a_change_waits_until_its_row_is_written(writer: FakeRowWriter) -> None:
    writer.free.clear()
    made = journal(writer)
    made.record(CHANGE)
    threading.Timer(0.4, writer.free.set).start()
    assert 250 < elapsed_ms(made) < 1500
    assert [event for event, _ in writer.rows] == [CHANGE]


def test_a_change_is_waited_for_however_long_the_store_was_silent_before(writer: FakeRowWriter) -> None:
    writer.free.clear()
    made = journal(writer)
    made.record(PULL)
    assert elapsed_ms(made) < 150
    time.sleep(0.2)
    made.record(CHANGE)
    threading.Timer(0.3, writer.free.set).start()
    assert 200 < elapsed_ms(made) < 1500
    assert [event for event, _ in writer.rows] == [PULL, CHANGE]


def test_a_full_queue_drops_the_oldest_pulls_and_no_change(writer: FakeRowWriter) -> None:
    writer.free.clear()
    made = journal(writer, capacity=10)
    made.record(PULL._replace(resource="first"))
    while made._waiting:
        time.sleep(0.001)
    for number in range(8):
        made.record(CHANGE._replace(resource=f"c{number}"))
        made.record(PULL._replace(resource=f"p{number}"))
    writer.free.set()
    settled(made)
    written = [event.resource for event, _ in writer.rows]
    assert [name for name in written if name[0] == "c"] == [f"c{number}" for number in range(8)]
    assert [name for name in written if name[0] == "p"] == ["p6", "p7"]


@pytest.mark.parametrize("attribute", ["refuses", "crashes"])
def test_a_change_that_could_not_be_written_is_a_line_in_the_log(writer: FakeRowWriter, attribute: str) -> None:
    said = Lines()
    setattr(writer, attribute, True)
    made = journal(writer)
    with said:
        made.record(CHANGE._replace(resource="lost-project"))
        made.record(PULL)
        settled(made)
        setattr(writer, attribute, False)
        made.record(CHANGE)
        settled(made)
    assert [event for event, _ in writer.rows] == [CHANGE]
    assert [record.audit["resource"] for record in said.records if hasattr(record, "audit")] == ["lost-project"]


@pytest.mark.parametrize(
    ("configuration", "wanted"),
    [
        (Configuration(), [PULL, CHANGE]),
        (Configuration(pull_audit_log_disable=True), [CHANGE]),
        (Configuration(disabled_audit_log_event_types="create_project, create_user"), [PULL]),
        (Configuration(disabled_audit_log_event_types="pull_artifact,create_project"), []),
    ],
)
def test_the_configuration_says_what_is_logged(
    writer: FakeRowWriter, configuration: Configuration, wanted: list[Event]
) -> None:
    made = journal(writer, configuration)
    for event in (PULL, CHANGE):
        assert is_wanted(event, configuration) == (event in wanted)
        made.record(event)
    settled(made)
    assert [event for event, _ in writer.rows] == wanted


def test_without_a_configuration_the_log_keeps_what_it_keeps_by_default(writer: FakeRowWriter) -> None:
    def broken(now: int) -> Configuration:
        raise OSError

    made, lines = Journal(writer, broken, lambda: NOW_US), Lines()
    with lines:
        made.record(PULL)
        settled(made)
    assert [event for event, _ in writer.rows] == [PULL]
    assert [line.getMessage() for line in lines.records] == ["the audit log goes by its defaults"]


PULLED = Pulled(Repository(7, Name("team", "app")), Digest.of(b"manifest"), Tag("v1"))


def test_pulls_within_a_second_are_one_update_of_the_statistics(writer: FakeRowWriter) -> None:
    statistics = FakePullStatistics()
    made = journal(writer, statistics=statistics)
    for _ in range(5):
        made.record(PULL)
        settled(made)
    time.sleep(1.05)
    made.record(PULL)
    settled(made)
    assert statistics.noted == [({PULLED: 1}, True, True), ({PULLED: 5}, True, True)]


@pytest.mark.parametrize(("count_is_off", "time_is_off"), [(True, True), (True, False), (False, True)])
def test_the_statistics_can_be_switched_off(writer: FakeRowWriter, count_is_off: bool, time_is_off: bool) -> None:
    statistics = FakePullStatistics()
    off = Configuration(pull_count_update_disable=count_is_off, pull_time_update_disable=time_is_off)
    made = journal(writer, off, statistics=statistics)
    made.record(PULL)
    settled(made)
    both_are_off = count_is_off and time_is_off
    assert statistics.noted == ([] if both_are_off else [({PULLED: 1}, not count_is_off, not time_is_off)])
    assert [event for event, _ in writer.rows] == [PULL]
