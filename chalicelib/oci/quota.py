"""A project's storage quota: what fits, who lends room to whom, what a refusal says. Pure.

The limit is kept in escrow: each of 16 shards holds a part of the *room* that is left, so that pushes into one project charge
side by side. The rooms and what is used add up to the limit at any time (`docs/adr/0007-escrow-quota.md`).
Source of the words: Harbor 2.x, `src/pkg/quota`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.errors import RegistryError

UNLIMITED = -1
SHARDS = 16
WARNING_PERCENT = 85
LIMIT_MAX_BYTES = 1 << 50
"""Harbor takes limits to 1024 TiB."""
_BOUNDLESS_BYTES = 1 << 60
"""Room enough to never run out: no limit is stored as this one, so that a push need not know which it is."""


DEBT_BYTES = 1 << 55
"""Taken from each shard's room while a project uses more than its limit. So no shard has room, whatever is given back to it, and
every push asks for the sum of all."""


class Usage(NamedTuple):
    """A project's limit (-1: none) and what it uses, in bytes."""

    limit_bytes: int
    used_bytes: int
    created_at: int = 0
    updated_at: int = 0
    is_warned: bool = False
    """Somebody was told that it is nearly full."""


class Shard(NamedTuple):
    """One part of a project's books: bytes charged here, and bytes it may still take (less than 0 in debt)."""

    used: int
    room: int


def stored_limit(limit_bytes: int) -> int:
    """The limit as the shards know it."""
    return _BOUNDLESS_BYTES if limit_bytes == UNLIMITED else limit_bytes


def spread(total: int, shards: int = SHARDS) -> list[int]:
    """Divide bytes evenly, exactly; a negative total too."""
    each, rest = divmod(total, shards)
    return [each + 1 if shard < rest else each for shard in range(shards)]


def left(shards: Sequence[Shard], *, is_over: bool) -> int:
    """Add up the room of all shards; `is_over`: they are in debt."""
    return sum(shard.room for shard in shards) + is_over * len(shards) * DEBT_BYTES


def lend(shards: Sequence[Shard], borrower: int, size: int) -> Mapping[int, int] | None:
    """Decide which shards give how much room so that `borrower` can take `size` bytes. The roomiest give first, so that few do.
    None when all of them together have less. An empty answer: it has the room itself."""
    missing = size - shards[borrower].room
    if sum(shard.room for shard in shards) < size:
        return None
    gives: dict[int, int] = {}
    for lender in sorted(range(len(shards)), key=lambda number: shards[number].room, reverse=True):
        if missing <= 0:
            break
        if lender != borrower and shards[lender].room > 0:
            gives[lender] = min(missing, shards[lender].room)
            missing -= gives[lender]
    return gives if missing <= 0 else None


def give_back(shards: Sequence[Shard], total: int) -> list[int]:
    """Decide how much each shard gives up when a limit is lowered by `total`: as its room allows, the roomiest most; what no
    room covers is taken evenly and leaves less than none."""
    rooms = [max(shard.room, 0) for shard in shards]
    if sum(rooms) < total:
        extra = spread(total - sum(rooms), len(shards))
        return [room + more for room, more in zip(rooms, extra, strict=True)]
    kept = _level(rooms, sum(rooms) - total)
    return [room - keep for room, keep in zip(rooms, kept, strict=True)]


def _level(rooms: Sequence[int], total: int) -> list[int]:
    """Keep `total` in all, nobody more than they have, as evenly as that allows."""
    kept = [0] * len(rooms)
    poorest_first = sorted(range(len(rooms)), key=lambda number: rooms[number])
    for place, number in enumerate(poorest_first):
        kept[number] = min(rooms[number], -(-total // (len(rooms) - place)))
        total -= kept[number]
    return kept


def exceeded(usage: Usage, size: int) -> RegistryError:
    """The refusal of `size` more bytes, in Harbor's words (403 DENIED)."""
    return RegistryError(
        "DENIED",
        message=f"adding {display(size)} of storage resource, which when updated to current usage of "
        f"{display(usage.used_bytes)} will exceed the configured upper limit of {display(usage.limit_bytes)}.",
    )


def is_warning(usage: Usage) -> bool:
    """Say whether so much is used that somebody should be told: 85 % of a limit."""
    return usage.limit_bytes != UNLIMITED and usage.used_bytes * 100 >= usage.limit_bytes * WARNING_PERCENT


def warning(usage: Usage) -> str:
    """What somebody is told then, in Harbor's words."""
    return (
        f"quota usage reach {WARNING_PERCENT}%: resource storage used "
        f"{display(usage.used_bytes)} of {display(usage.limit_bytes)}"
    )


def is_limit(limit_bytes: int) -> bool:
    """Say whether a project may have this limit: -1 for none, or 1 byte to 1024 TiB."""
    return limit_bytes == UNLIMITED or 0 < limit_bytes <= LIMIT_MAX_BYTES


def display(size: int) -> str:
    """Bytes as Harbor writes them: `8.3 MiB`."""
    amount, unit = float(size), -1
    while abs(amount) >= 1024 and unit < 5:
        amount, unit = amount / 1024, unit + 1
    return f"{size} B" if unit < 0 else f"{amount:.1f} {'KMGTPE'[unit]}iB"
