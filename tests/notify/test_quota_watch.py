"""The watch over quotas: one warning when a project becomes nearly full, and one more only after it was not."""

from __future__ import annotations

import pytest

from chalicelib.events import Artifact, Event, Who, deleted, pulled, pushed
from chalicelib.notify.quota_watch import QuotaWatch, changed
from chalicelib.oci.digest import Digest
from chalicelib.oci.quota import UNLIMITED, Usage
from tests.fakes.audit import FakeRowWriter
from tests.notify.test_journal import journal, settled

NOW = 1_800_000_000
ARTIFACT = Artifact("team/app", str(Digest.of(b"manifest")), "v1")
ANN = Who("ann", "192.0.2.1", 7)
PUSH, DELETE, PULL = pushed(ARTIFACT, ANN), deleted("artifact", "team/app:v1", ANN), pulled(ARTIFACT, ANN)


class FakeBooks:
    def __init__(self, limit: int, used: int) -> None:
        self.now = Usage(limit, used)
        self.reads = 0

    def usage(self, project_id: int) -> Usage:
        assert project_id == 7
        self.reads += 1
        return self.now

    def note_warning(self, project_id: int, *, is_warned: bool) -> bool:
        is_new = self.now.is_warned != is_warned
        self.now = self.now._replace(is_warned=is_warned)
        return is_new

    def use(self, used: int) -> None:
        self.now = self.now._replace(used_bytes=used)


@pytest.mark.parametrize(
    ("used", "is_warned", "expected"),
    [(84, False, None), (85, False, True), (120, False, True), (85, True, None), (84, True, False)],
)
def test_there_is_something_to_say_when_the_side_of_85_percent_changes(
    used: int, is_warned: bool, expected: bool | None
) -> None:
    assert changed(Usage(100, used, is_warned=is_warned)) is expected
    assert changed(Usage(UNLIMITED, used)) is None


def test_a_push_that_makes_a_project_nearly_full_is_a_warning_once() -> None:
    books = FakeBooks(14 * 2**20, 13 * 2**20)
    watch = QuotaWatch(books)
    (warning,) = watch.look([PUSH, PUSH], now=NOW)
    assert (warning.type, warning.resource, warning.project_id) == ("warn_quota", "team", 7)
    assert warning.description == "quota usage reach 85%: resource storage used 13.0 MiB of 14.0 MiB"
    assert watch.look([PUSH], now=NOW + 5) == []
    books.use(2**20)
    assert watch.look([DELETE], now=NOW + 10) == []
    books.use(13 * 2**20)
    assert len(watch.look([PUSH], now=NOW + 15)) == 1


def test_the_watch_looks_once_a_second_and_seldom_where_there_is_no_limit() -> None:
    books = FakeBooks(100, 10)
    watch = QuotaWatch(books)
    for at in (NOW, NOW, NOW + 1):
        watch.look([PUSH], now=at)
    assert books.reads == 2
    books = FakeBooks(UNLIMITED, 10)
    watch = QuotaWatch(books)
    for at in (NOW, NOW + 5, NOW + 599, NOW + 600):
        watch.look([PUSH], now=at)
    assert books.reads == 2


@pytest.mark.parametrize(
    "event",
    [PULL, PUSH._replace(is_success=False), PUSH._replace(project_id=0), Event("create", "project", "team", "ann")],
)
def test_what_stores_nothing_is_not_looked_at(event: Event) -> None:
    books = FakeBooks(100, 90)
    assert QuotaWatch(books).look([event], now=NOW) == []
    assert books.reads == 0


def test_the_warning_is_in_the_log_after_the_push_that_brought_it() -> None:
    writer = FakeRowWriter()
    made = journal(writer, quotas=QuotaWatch(FakeBooks(100, 90)))
    made.record(PUSH)
    settled(made)
    assert [event.type for event, _ in writer.rows] == ["create_artifact", "warn_quota"]


def test_a_watch_that_fails_keeps_nothing_from_the_log() -> None:
    class Broken(FakeBooks):
        def usage(self, project_id: int) -> Usage:
            raise RuntimeError("the table is away")

    writer = FakeRowWriter()
    made = journal(writer, quotas=QuotaWatch(Broken(100, 90)))
    for _ in range(2):
        made.record(PUSH)
        settled(made)
    assert [event.type for event, _ in writer.rows] == ["create_artifact"] * 2
