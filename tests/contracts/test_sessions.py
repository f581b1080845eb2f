"""What every store of sessions promises: the fake each time, DynamoDB on the emulator."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.aws.sessions import DynamoSessions
from chalicelib.oci.ports import SessionMoved, SessionStore
from chalicelib.oci.session import Part, Phase, Piece, Session
from tests.fakes.sessions import FakeSessions

EXPIRES = 4_000_000_000


@pytest.fixture(params=["fake", "aws"])
def sessions(request: pytest.FixtureRequest) -> SessionStore:
    if request.param == "fake":
        return FakeSessions()
    return DynamoSessions(request.getfixturevalue("table"))


@pytest.fixture
def fresh() -> Session:
    return Session(str(uuid.uuid4()), EXPIRES)


def parts(first: int, count: int) -> tuple[Part, ...]:
    return tuple(Part(number, f'"etag{number}"', 6_000_000 + number) for number in range(first, first + count))


def total(session: Session) -> int:
    return sum(part.size_bytes for part in session.parts) + sum(piece.size_bytes for piece in session.pieces)


def grown(before: Session, *more: Part, pieces: tuple[Piece, ...] = ()) -> Session:
    after = replace(
        before, version=before.version + 1, key="k", multipart_id="m", parts=(*before.parts, *more), pieces=pieces
    )
    return replace(after, size_bytes=total(after))


def test_a_session_is_read_as_it_was_saved(sessions: SessionStore, fresh: Session) -> None:
    assert sessions.load(fresh.upload_id) is None
    first = replace(fresh, version=1, size_bytes=5, pieces=(Piece("a", 5),), digest="sha256:x")
    sessions.save(None, first)
    assert sessions.load(fresh.upload_id) == first
    second = grown(first, *parts(1, 3), pieces=(Piece("b", 7), Piece("c", 8)))
    sessions.save(first, second)
    assert sessions.load(fresh.upload_id) == second
    taken = replace(second, version=3, phase=Phase.FINISHING, digest="sha256:y")
    sessions.save(second, taken)
    assert sessions.load(fresh.upload_id) == taken


def test_ten_thousand_parts_fit(sessions: SessionStore, fresh: Session) -> None:
    first = grown(replace(fresh), *parts(1, 4_000))
    sessions.save(None, first)
    second = grown(first, *parts(4_001, 6_000))
    sessions.save(first, second)
    assert sessions.load(fresh.upload_id) == second


def test_a_new_session_is_saved_once(sessions: SessionStore, fresh: Session) -> None:
    sessions.save(None, grown(fresh, *parts(1, 1)))
    with pytest.raises(SessionMoved):
        sessions.save(None, grown(fresh, *parts(1, 2)))
    assert sessions.load(fresh.upload_id) == grown(fresh, *parts(1, 1))


def test_of_many_saves_on_one_version_one_wins_and_leaves_no_trace_of_the_others(
    sessions: SessionStore, fresh: Session
) -> None:
    before = grown(fresh, *parts(1, 1))
    sessions.save(None, before)
    rivals = [grown(before, *parts(10 * n, n)) for n in range(1, 7)]

    def save(rival: Session) -> bool:
        try:
            sessions.save(before, rival)
        except SessionMoved:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(save, rivals))
    assert won.count(True) == 1
    assert sessions.load(fresh.upload_id) == rivals[won.index(True)]


def test_part_numbers_are_never_given_twice(sessions: SessionStore, fresh: Session) -> None:
    before = grown(fresh, *parts(1, 3))
    sessions.save(None, before)
    with ThreadPoolExecutor(6) as pool:
        firsts = sorted(pool.map(lambda _: sessions.reserve_parts(before, 5), range(12)))
    assert firsts == list(range(4, 64, 5))
    after = grown(before, *parts(4, 5))
    sessions.save(before, after)
    assert sessions.reserve_parts(after, 1) == 64
    assert sessions.load(fresh.upload_id) == after


def test_numbers_follow_the_parts_of_the_request_that_began_the_multipart_upload(
    sessions: SessionStore, fresh: Session
) -> None:
    small = replace(fresh, version=1, size_bytes=5, pieces=(Piece("a", 5),))
    sessions.save(None, small)
    large = grown(small, *parts(1, 7))
    sessions.save(small, large)
    assert sessions.reserve_parts(large, 2) == 8


def test_the_mark_of_a_closed_session_stays(sessions: SessionStore, fresh: Session) -> None:
    before = grown(fresh, *parts(1, 2), pieces=(Piece("p", 3),))
    sessions.save(None, before)
    closed = replace(before, version=2, phase=Phase.CLOSED, pieces=(), digest="")
    sessions.save(before, closed)
    assert sessions.load(fresh.upload_id) == closed
    with pytest.raises(SessionMoved):
        sessions.save(before, grown(before, *parts(3, 1)))
