"""A bill: lines of dollars, each with how it was reckoned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.cost.prices import Prices


@dataclass(frozen=True)
class Line:
    """One position: `count` units at a price, for the component `what`."""

    what: str
    price: str
    count: float
    usd: float


class Bill:
    """Positions with a total. Positions of nothing are left out."""

    def __init__(self, prices: Prices, positions: Iterable[tuple[str, str, float]]) -> None:
        """Each position: component, name of the price, how many."""
        self.lines = tuple(Line(what, price, count, count * prices(price)) for what, price, count in positions if count)

    @property
    def usd(self) -> float:
        """The total."""
        return sum(line.usd for line in self.lines)

    def by_component(self) -> dict[str, float]:
        """Dollars by component, in the order of the lines."""
        sums: dict[str, float] = {}
        for line in self.lines:
            sums[line.what] = sums.get(line.what, 0) + line.usd
        return sums
