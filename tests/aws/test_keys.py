"""Names that clients make up become keys; no key is sent that DynamoDB would refuse, which emulators do not all do."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.table import Table
from chalicelib.config import Settings

PK_BYTES, SK_BYTES = 2048, 1024
"""Source: DynamoDB developer guide, "Quotas"."""


class RecordingTable(Table):
    """Remembers the keys it was asked for."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.keys_sent: list[tuple[str, str]] = []

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        several = request.get("RequestItems", {}).get(self.name, {}).get("Keys", [])
        for key in (*several, request.get("Key"), request.get("ExclusiveStartKey")):
            if key:
                self.keys_sent.append((key["pk"]["S"], key["sk"]["S"]))
        return super()._call(operation, request)


def test_what_no_key_can_be_is_not_asked_for(settings: Settings) -> None:
    table = RecordingTable(settings)
    long_pk, long_sk = ("a" * (PK_BYTES + 1), "U"), ("a", "\u00fc" * 513)
    assert table.get(*long_pk) is None and table.get(*long_sk) is None
    assert table.batch([long_pk, long_sk]) == {}
    assert table.keys_sent == []
    longest = ("a" * PK_BYTES, "\u00fc" * 512)
    assert table.get(*longest) is None
    assert table.batch([longest, long_pk]) == {}
    assert table.keys_sent == [longest, longest]


def test_a_page_begins_after_the_longest_key_that_is_not_behind_its_beginning(settings: Settings) -> None:
    table = RecordingTable(settings)
    for after, sent in (("b" * 5000, "b" * SK_BYTES), ("c" + "\u00fc" * 5000, "c" + "\u00fc" * 511)):
        assert table.keys("R#1#nothing", "", after=after, limit=3).sort_keys == []
        assert table.keys_sent.pop() == ("R#1#nothing", sent)
