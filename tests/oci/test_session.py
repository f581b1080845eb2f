"""Upload sessions: ranges, part sizes and the signed state."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.oci.reference import Name, Repository
from chalicelib.oci.session import (
    MIB,
    PART_MIN_BYTES,
    PARTS_MAX,
    ContentRange,
    Session,
    check_announced,
    check_size,
    check_start,
    part_size,
    range_of,
)
from chalicelib.oci.upload_state import UploadState

NOW = 1_800_000_000
KEYS = [("new", b"k" * 32), ("old", b"o" * 32)]
STATE = UploadState("6f9a4f5e-0001", Repository(7, Name.parse("team/app")), "ada", NOW + 100)


def keys() -> list[tuple[str, bytes]]:
    return KEYS


def verify(text: str | None, name: str = "team/app", upload_id: str = STATE.upload_id, now: int = NOW) -> UploadState:
    return UploadState.verify(text, name, upload_id, keys, now=now)


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_content_range_is_read_as_it_is_written(start: int, size: int) -> None:
    assert ContentRange.parse(f"{start}-{start + size - 1}") == ContentRange(start, size)


@given(st.text(max_size=30))
def test_any_other_content_range_is_refused(text: str) -> None:
    try:
        chunk = ContentRange.parse(text)
    except RegistryError as error:
        assert error.code == "SIZE_INVALID"
    else:
        assert text.strip().startswith(str(chunk.start)) or text.strip().startswith("0")


@pytest.mark.parametrize(
    "text", ["", "0", "-", "5-4", "bytes 0-9", "bytes=0-9", "0-9/10", "a-b", "0 - 9", "\u0660-\u0669", "-1-5", "1-" + "9" * 40]
)
def test_content_ranges_of_other_kinds_are_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="SIZE_INVALID"):
        ContentRange.parse(text)


def test_a_chunk_must_begin_where_the_session_ends() -> None:
    session = Session("u", NOW, size_bytes=10)
    check_start(session, None)
    check_start(session, ContentRange(10, 5))
    for start in (0, 9, 11):
        with pytest.raises(RegistryError, match="RANGE_INVALID"):
            check_start(session, ContentRange(start, 5))


@given(st.one_of(st.none(), st.integers(1, 20)), st.one_of(st.none(), st.integers(0, 20)), st.integers(0, 20))
def test_a_body_is_as_long_as_it_was_announced_or_refused(chunk: int | None, length: int | None, size: int) -> None:
    content_range = ContentRange(0, chunk) if chunk else None
    agree = {n for n in (chunk, length) if n is not None} <= {size}
    try:
        check_announced(content_range, length)
        check_size(content_range, length, size)
    except RegistryError as error:
        assert error.code == "SIZE_INVALID"
        assert not agree
    else:
        assert agree


def test_the_range_of_an_empty_session_is_what_clients_expect() -> None:
    assert [range_of(n) for n in (0, 1, 512)] == ["0-0", "0-0", "0-511"]


def test_parts_grow_so_that_few_requests_hold_much() -> None:
    sizes = [part_size(index) for index in range(PARTS_MAX)]
    assert sizes == sorted(sizes)
    assert sizes[0] >= PART_MIN_BYTES
    assert sizes[-1] <= 64 * MIB
    assert sum(sizes) > 450 * 1024 * MIB


def test_a_state_is_read_back_whatever_key_of_the_ring_signed_it() -> None:
    text = STATE.sign(keys)
    assert verify(text) == STATE
    assert UploadState.verify(text, "team/app", STATE.upload_id, lambda: KEYS[::-1], now=NOW) == STATE


@pytest.mark.parametrize(
    ("name", "upload_id", "now"),
    [("team/other", STATE.upload_id, NOW), ("team/app", "another", NOW), ("team/app", STATE.upload_id, NOW + 100)],
)
def test_a_state_is_worth_nothing_elsewhere_or_later(name: str, upload_id: str, now: int) -> None:
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        verify(STATE.sign(keys), name, upload_id, now)


def test_a_key_that_left_the_ring_signs_nothing() -> None:
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        UploadState.verify(STATE.sign(keys), "team/app", STATE.upload_id, lambda: KEYS[1:], now=NOW)


@given(st.one_of(st.none(), st.text(max_size=300), st.text("new.old-_ABC", max_size=60)))
def test_no_other_text_is_a_state(text: str | None) -> None:
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        verify(text)


@given(st.data())
def test_no_mutation_of_a_state_is_accepted(data: st.DataObject) -> None:
    text = STATE.sign(keys)
    at = data.draw(st.integers(0, len(text) - 1))
    mutated = text[:at] + data.draw(st.characters()) + text[at + data.draw(st.integers(0, 2)) :]
    if mutated != text:
        with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
            verify(mutated)


def test_a_payload_of_ones_own_is_refused() -> None:
    kid, _, mac = STATE.sign(keys).split(".")
    payload = urlsafe_b64encode(b'[8,"admin",9999999999,"sha256"]').rstrip(b"=").decode()
    with pytest.raises(RegistryError, match="BLOB_UPLOAD_UNKNOWN"):
        verify(f"{kid}.{payload}.{mac}")
